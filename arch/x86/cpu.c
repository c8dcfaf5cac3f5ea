// SPDX-License-Identifier: GPL-2.0-only
#include <unistd.h>

#include "arch/arch.h"
#include "arch/probe.h"

__u64 arch_task_size(void)
{
	__u64 page = (__u64)sysconf(_SC_PAGESIZE);
	unsigned int bits = 57;

	/* Five levels of page tables, or four. The last page is never given to programs. */
	if (!probe_address((1ULL << bits) - 2 * page))
		bits = 47;
	return (1ULL << bits) - page;
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
