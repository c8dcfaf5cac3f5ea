/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_SHMEM_H
#define CRBPF_BPF_SHMEM_H

/* For the programs alone. */

#define TMPFS_MAGIC     0x01021994
#define HUGETLBFS_MAGIC 0x958458f6

/* F_SEAL_* of the inode at this address; 0 for any that cannot have seals. */
__u32 inode_seals(__u64 inode);

#endif
