// SPDX-License-Identifier: GPL-2.0-only
/*
 * Touches as many MiB as it is told, then ticks: the longest time between two ticks is how
 * long it stood still. Run by tools/bench, which reads and clears it in the file `gap`.
 */
#include "subject.h"

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 0) << 20, page = sysconf(_SC_PAGESIZE);
	int fd = open("gap", O_RDWR | O_CREAT, 0644);
	uint64_t *p, x = 88172645463325252;
	volatile double *gap;
	double last, now;

	subject_need(fd >= 0 && ftruncate(fd, page) == 0, "gap: %m");
	gap = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	subject_need(gap != MAP_FAILED, "mmap: %m");
	close(fd);
	p = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	subject_need(p != MAP_FAILED, "mmap: %m");
	/* Nothing that compresses, merges or is zero. */
	for (size_t i = 0; i < size / sizeof(*p); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = x;
	}
	subject_ready();
	last = subject_ms();
	while (!subject_told("go")) {
		for (int i = 0; i < 50; i++) {
			subject_sleep(0.2);
			now = subject_ms();
			if (now - last > *gap)
				*gap = now - last;
			last = now;
		}
	}
	return subject_end();
}
