/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_UNIT_STATE_H
#define CRBPF_SELFTESTS_UNIT_STATE_H

/* What a process is doing, so that nobody has to guess how long it takes to get there. */

#include "harness.h"

/* A letter as ps shows it; 0: there is no such process. */
static inline char state_of(pid_t pid)
{
	char path[64], line[128], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "State: %c", &state) == 1)
			break;
	if (file)
		fclose(file);
	return state;
}

/* Fails the test unless @pid comes to @state within 10 s. */
static inline void await_state(pid_t pid, char state)
{
	for (int i = 0; state_of(pid) != state; i++) {
		if (i == 2000)
			FAIL("process %d is '%c', not '%c'", pid, state_of(pid), state);
		usleep(5000);
	}
}

/* Fails the test unless @pid ends within 10 s. Its reaper may take longer: a zombie will do. */
static inline void expect_gone(pid_t pid)
{
	for (int i = 0; state_of(pid) && !strchr("ZX", state_of(pid)); i++) {
		if (i == 2000)
			FAIL("process %d lives on", pid);
		usleep(5000);
	}
}

#endif
