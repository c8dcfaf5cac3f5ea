// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/arch.h"

/* Is the page at @at part of a process's address space? Changes no mapping. */
static bool is_user_address(unsigned long at, size_t page)
{
	void *p = mmap((void *)at, page, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		return errno == EEXIST;
	munmap(p, page);
	return p == (void *)at;
}

__u64 arch_task_size(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned int bits = 57;

	/* Five levels of page tables, or four. The last page is never given to programs. */
	if (!is_user_address((1UL << bits) - 2 * page, page))
		bits = 47;
	return (1UL << bits) - page;
}

ssize_t arch_find_syscall(const void *text, size_t size)
{
	const unsigned char *code = text;

	for (size_t i = 0; i + 1 < size; i++) {
		if (code[i] == 0x0f && code[i + 1] == 0x05)
			return (ssize_t)i;
	}
	return -1;
}
