/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_BEAT_H
#define CRBPF_SELFTESTS_BEAT_H

/* Programs that verify themselves without an end, and beat (beats.py). */

#include "subject.h"

struct mode {
	const char *name;
	void (*run)(void);
};

/* The counter in the file `beat`: who drives the program reads it there. */
static inline volatile uint64_t *beat_open(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = open("beat", O_RDWR | O_CREAT, 0644);
	void *p;

	subject_need(fd >= 0 && ftruncate(fd, (off_t)page) == 0, "beat: %m");
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	subject_need(p != MAP_FAILED, "mmap: %m");
	close(fd);
	return p;
}

/* Runs what the one argument names. Returns an exit status if there is no such mode. */
static inline int mode_run(const struct mode *modes, size_t n, int argc, char **argv)
{
	for (size_t i = 0; i < n; i++)
		if (argc == 2 && strcmp(argv[1], modes[i].name) == 0)
			modes[i].run();
	return 1;
}

#endif
