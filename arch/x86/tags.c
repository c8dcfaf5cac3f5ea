// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>

#include "arch/arch.h"

/* No memory has tags: linear address masking lets pointers have some, and nobody compares. */
bool arch_vma_has_tags(__u64 page_prot)
{
	return false;
}

int arch_tagged_prot(void)
{
	return 0;
}

int arch_tags_read(pid_t tid, __u64 start, unsigned char *tags, size_t n)
{
	return -EOPNOTSUPP;
}

int arch_tags_write(pid_t tid, __u64 start, const unsigned char *tags, size_t n)
{
	return -EOPNOTSUPP;
}
