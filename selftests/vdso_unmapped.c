// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program without a vDSO, as valgrind makes itself one, whose data stay mapped; one without the
 * data; and one that has neither. They ask no clock.
 */
#include "subject.h"

#include <sys/auxv.h>
#include <sys/wait.h>

enum { TEXT = 1, DATA = 2 };
static const char *const names[] = {"", "vDSO", "vDSO's data", "vDSO and its data"};

struct span {
	unsigned long start, end;
};

/* All that the kernel has mapped for the vDSO, the data first. */
static void find(struct span *data, struct span *text)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];

	memset(data, 0, sizeof(*data));
	memset(text, 0, sizeof(*text));
	while (f && fgets(line, sizeof(line), f)) {
		struct span *span = strstr(line, "[vvar") ? data : text;
		unsigned long start, end;

		if (!strstr(line, "[vvar") && !strstr(line, "[vdso]"))
			continue;
		if (sscanf(line, "%lx-%lx", &start, &end) != 2)
			continue;
		span->start = span->start ?: start;
		span->end = end;
	}
	if (f)
		fclose(f);
}

static bool is_mapped(const struct span *span)
{
	return !msync((void *)span->start, span->end - span->start, MS_ASYNC);
}

/* Nothing here, before the end, may call the vDSO or be interrupted by a signal. */
static int live_without(int what, int told, int go)
{
	struct span data, text;
	char byte = 0;

	find(&data, &text);
	if (what & TEXT && munmap((void *)text.start, text.end - text.start))
		return 2;
	if (what & DATA && munmap((void *)data.start, data.end - data.start))
		return 3;
	if (write(told, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		return 4;
	return is_mapped(&text) == !(what & TEXT) && is_mapped(&data) == !(what & DATA) ? 0 : 5;
}

int main(void)
{
	/* criu restores no half: "Can't find vDSO area in image", or a crash of its own. */
	const int first = subject_through_criu() ? TEXT | DATA : TEXT;
	int told[2], go[2], status[4];
	pid_t pids[4];
	char byte = 0;

	subject_need(getauxval(AT_SYSINFO_EHDR), "no vDSO");
	subject_need(!pipe2(told, O_CLOEXEC) && !pipe2(go, O_CLOEXEC), "pipe: %m");
	for (int what = first; what <= (TEXT | DATA); what++) {
		pids[what] = subject_fork();
		if (!pids[what])
			_exit(live_without(what, told[1], go[0]));
		subject_need(read(told[0], &byte, 1) == 1, "a child has ended");
	}
	subject_ready();
	subject_wait_restored();

	subject_need(write(go[1], "abc", 3) == 3, "write: %m");
	for (int what = first; what <= (TEXT | DATA); what++) {
		subject_need(waitpid(pids[what], &status[what], 0) == pids[what], "waitpid: %m");
		subject_check(!status[what], "without its %s: ended with %x", names[what],
			      status[what]);
	}
	return subject_end();
}
