// SPDX-License-Identifier: GPL-2.0-only
/* Guard pages (MADV_GUARD_INSTALL) still guard, and what lies around them is still there. */
#include "subject.h"

#include <setjmp.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define PAGES 64

static sigjmp_buf back;

static void on_fault(int signo)
{
	siglongjmp(back, 1);
}

static bool is_guarded(size_t i)
{
	return i == 0 || (i >= 20 && i < 23) || i == 63;
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	volatile unsigned char *p = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	subject_need(p != MAP_FAILED, "mmap: %m");
	for (size_t i = 0; i < PAGES; i++)
		p[i * page] = (unsigned char)(i + 1);
	for (size_t i = 0; i < PAGES; i++)
		if (is_guarded(i) && madvise((void *)(p + i * page), page, MADV_GUARD_INSTALL))
			subject_skip("this kernel has no guard pages");
	signal(SIGSEGV, on_fault);
	subject_ready();
	subject_wait_restored();

	for (volatile size_t i = 0; i < PAGES; i++) {
		volatile bool faulted = true;
		volatile int value = -1;

		if (!sigsetjmp(back, 1)) {
			value = p[i * page];
			faulted = false;
		}
		subject_check(faulted == is_guarded(i), "page %zu: %s", i,
			      faulted ? "is guarded" : "is not guarded");
		subject_check(faulted || value == (int)i + 1, "page %zu holds %d", i, value);
	}
	return subject_end();
}
