/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_MEMFD_H
#define CRBPF_BPF_MEMFD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* A file of tmpfs, of the kernel's own shmem mount (memfd, shared anonymous memory), or of hugetlbfs. */
struct memfd_detail {
	__u64 size;
	__u64 blocks;		/* 512 bytes each, allocated */
	__u32 seals;		/* F_SEAL_* */
	__u32 is_hugetlb;
	__u32 page_shift;	/* of its huge pages; 0 if not hugetlb */
	__u32 is_internal;	/* on the kernel's own mount, so nameless: memfd, SysV, shared anonymous */
};

#endif
