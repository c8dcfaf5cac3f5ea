// SPDX-License-Identifier: GPL-2.0-only
/* The memory tagging extension (MTE). */
#include <errno.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "arch/arch.h"

/* Of uapi headers that may be older than the kernel that runs. */
#define PEEK_MTE_TAGS 33
#define POKE_MTE_TAGS 34
#define PROT_MTE      0x20
#define HWCAP2_MTE_BIT    (1UL << 18)

/*
 * The attribute index of a page table entry, and that of tagged memory: unlike VM_MTE, which
 * protection keys moved, it is the same in all kernels that have tags.
 */
#define ATTRIBUTE_SHIFT 2
#define ATTRIBUTE_MASK  7
#define NORMAL_TAGGED   1

bool arch_vma_has_tags(__u64 page_prot)
{
	return (page_prot >> ATTRIBUTE_SHIFT & ATTRIBUTE_MASK) == NORMAL_TAGGED;
}

int arch_tagged_prot(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_MTE_BIT ? PROT_MTE : 0;
}

static int transfer(int request, pid_t tid, __u64 start, void *tags, size_t n)
{
	char *at = tags;

	while (n) {
		struct iovec iov = {.iov_base = at, .iov_len = n};

		if (ptrace(request, tid, (void *)start, &iov) < 0)
			return -errno;
		if (!iov.iov_len || iov.iov_len > n)
			return -EIO;
		at += iov.iov_len;
		n -= iov.iov_len;
		start += iov.iov_len * ARCH_TAG_GRANULE;
	}
	return 0;
}

int arch_tags_read(pid_t tid, __u64 start, unsigned char *tags, size_t n)
{
	return transfer(PEEK_MTE_TAGS, tid, start, tags, n);
}

int arch_tags_write(pid_t tid, __u64 start, const unsigned char *tags, size_t n)
{
	return transfer(POKE_MTE_TAGS, tid, start, (void *)tags, n);
}
