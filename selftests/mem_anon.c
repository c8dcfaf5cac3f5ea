// SPDX-License-Identifier: GPL-2.0-only
/*
 * Private anonymous memory keeps its content, its holes and its protection.
 */
#include "subject.h"

#define PAGES 64

/* Every third page is written, every third only read, the others never touched. */
static void fill(unsigned char *p, size_t page)
{
	for (size_t i = 0; i < PAGES; i += 3) {
		memset(p + i * page, 0x40 + i, page);
		(void)*(volatile unsigned char *)(p + (i + 1) % PAGES * page);
	}
}

static bool is_kept(const unsigned char *p, size_t page)
{
	for (size_t i = 0; i < PAGES * page; i++) {
		size_t n = i / page;

		if (p[i] != (n % 3 ? 0 : 0x40 + n))
			return false;
	}
	return true;
}

static size_t resident(void *p, size_t page)
{
	unsigned char map[PAGES];
	size_t n = 0;

	subject_check(mincore(p, PAGES * page, map) == 0, "mincore: %m");
	for (size_t i = 0; i < PAGES; i++)
		n += map[i] & 1;
	return n;
}

static void *map(size_t page, int prot)
{
	void *p = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);

	subject_need(p != MAP_FAILED, "mmap: %m");
	fill(p, page);
	subject_need(mprotect(p, PAGES * page, prot) == 0, "mprotect: %m");
	return p;
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE), before;
	void *rw = map(page, PROT_READ | PROT_WRITE);
	void *ro = map(page, PROT_READ);
	void *none = map(page, PROT_NONE);
	int fd;

	before = resident(rw, page);
	subject_ready();
	subject_wait_restored();
	subject_check(resident(rw, page) <= before, "more pages are resident than before");
	subject_check(is_kept(rw, page), "writable memory changed");
	subject_check(is_kept(ro, page), "read-only memory changed");
	memset(rw, 1, PAGES * page);

	/* The kernel writes nothing into what is not writable, and reads nothing from PROT_NONE. */
	fd = open("/dev/zero", O_RDONLY);
	subject_check(read(fd, ro, 1) < 0 && errno == EFAULT, "read-only memory became writable");
	subject_check(read(fd, none, 1) < 0 && errno == EFAULT, "PROT_NONE became writable");
	subject_check(access(none, F_OK) < 0 && errno == EFAULT, "PROT_NONE became readable");
	subject_check(mprotect(none, PAGES * page, PROT_READ) == 0, "mprotect: %m");
	subject_check(is_kept(none, page), "memory under PROT_NONE changed");
	return subject_end();
}
