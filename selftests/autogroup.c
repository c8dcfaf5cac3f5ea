// SPDX-License-Identifier: GPL-2.0-only
/* The nice values of two sessions that are scheduled as groups. */
#include "subject.h"

#include <sys/wait.h>

static int nice_now(void)
{
	FILE *f = fopen("/proc/self/autogroup", "re");
	int nice = -100;

	if (f && fscanf(f, "/autogroup-%*d nice %d", &nice) != 1)
		nice = -100;
	if (f)
		fclose(f);
	return nice;
}

static bool set_nice(int nice)
{
	FILE *f = fopen("/proc/self/autogroup", "we");
	bool done = f && fprintf(f, "%d", nice) > 0 && !fflush(f);

	if (f)
		fclose(f);
	return done && nice_now() == nice;
}

int main(void)
{
	int ready[2], status;
	pid_t child;
	char byte;

	if (!set_nice(7))
		subject_skip("needs autogroups (kernel.sched_autogroup_enabled)");
	subject_need(!pipe(ready), "pipe: %m");
	child = fork();
	subject_need(child >= 0, "fork: %m");
	if (!child) {
		subject_need(setsid() > 0 && set_nice(-3), "setsid: %m");
		subject_need(write(ready[1], "", 1) == 1, "write: %m");
		subject_wait_restored();
		subject_check(nice_now() == -3, "child: nice %d", nice_now());
		_exit(0);
	}
	subject_need(read(ready[0], &byte, 1) == 1, "read: %m");
	subject_ready();
	subject_wait_restored();
	subject_check(nice_now() == 7, "own: nice %d", nice_now());
	subject_check(waitpid(child, &status, 0) == child && !status, "the child: %x", status);
	return subject_end();
}
