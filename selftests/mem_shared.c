// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared anonymous memory is one object for all who map it, also in part and twice.
 */
#include "subject.h"

#define PAGES 32

struct flags {
	volatile int written, seen;
};

/* The child maps only the second half, at another address; it answers what it reads there. */
static void child(unsigned char *p, size_t page, struct flags *flags)
{
	unsigned char *half = mremap(p + PAGES / 2 * page, PAGES / 2 * page, PAGES / 2 * page,
				     MREMAP_MAYMOVE | MREMAP_FIXED, p + 1024 * page);

	munmap(p, PAGES / 2 * page);
	subject_need(half == p + 1024 * page, "mremap: %m");
	flags->written = 1;
	subject_check(subject_await(flags->written == 2), "the parent's flag never came");
	subject_check(half[0] == 0x77, "a write of the parent reads as 0x%x", half[0]);
	half[page] = 0x78;
	flags->seen = 1;
	_exit(0);
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct flags *flags = subject_shared(page);
	unsigned char *p = mmap(NULL, 2048 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *twice;
	pid_t pid;

	subject_need(p != MAP_FAILED, "mmap: %m");
	p = mmap(p, PAGES * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
		 -1, 0);
	subject_need(p != MAP_FAILED, "mmap shared: %m");
	for (int i = 0; i < PAGES; i += 2)
		memset(p + i * page, i + 1, page);
	/* An old size of 0 makes a second mapping of the same pages. */
	twice = mremap(p, 0, PAGES * page, MREMAP_MAYMOVE);
	subject_need(twice != MAP_FAILED, "mremap: %m");
	pid = subject_fork();
	if (pid == 0)
		child(p, page, flags);
	subject_need(subject_await(flags->written == 1), "the child never came up");
	subject_ready();
	subject_wait_restored();

	for (size_t i = 0; i < PAGES * page; i++) {
		int want = i / page % 2 ? 0 : i / page + 1;

		if (p[i] != want) {
			subject_check(false, "byte %zu is %d, was %d", i, p[i], want);
			break;
		}
	}
	twice[PAGES / 2 * page] = 0x77;
	subject_check(p[PAGES / 2 * page] == 0x77, "the second mapping is no longer the same");
	flags->written = 2;
	subject_check(subject_await(flags->seen), "the child did not answer");
	subject_check(p[(PAGES / 2 + 1) * page] == 0x78, "a write of the child is not seen");
	subject_check(subject_reap(pid) == 0, "the child failed");
	return subject_end();
}
