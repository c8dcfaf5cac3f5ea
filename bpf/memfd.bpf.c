// SPDX-License-Identifier: GPL-2.0-only
/* Files in memory: tmpfs, memfd, hugetlbfs. */

#include "file.h"
#include "memfd.h"
#include "shmem.h"

__u32 inode_seals(__u64 address)
{
	struct inode *inode = (struct inode *)address;
	__u32 magic = BPF_CORE_READ(inode, i_sb, s_magic);
	struct hugetlbfs_inode_info *huge;
	struct shmem_inode_info *shmem;

	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	if (magic == TMPFS_MAGIC && bpf_core_type_exists(struct shmem_inode_info)) {
		shmem = (void *)inode - bpf_core_field_offset(struct shmem_inode_info, vfs_inode);
		return BPF_CORE_READ(shmem, seals);
	}
	if (magic == HUGETLBFS_MAGIC && bpf_core_type_exists(struct hugetlbfs_inode_info)) {
		huge = (void *)inode -
		       bpf_core_field_offset(struct hugetlbfs_inode_info, vfs_inode);
		return BPF_CORE_READ(huge, seals);
	}
	return 0;
}

#define SB_KERNMOUNT (1 << 22)

int memfd_detail(void)
{
	struct memfd_detail *d = detail_room(struct memfd_detail);
	struct inode *inode = (struct inode *)view.inode;
	struct file_record *r = &file_now.record;

	if (!is_file_type(S_IFREG) || (r->s_magic != TMPFS_MAGIC && r->s_magic != HUGETLBFS_MAGIC))
		return 0;
	clear(d);
	d->size = r->size;
	d->blocks = BPF_CORE_READ(inode, i_blocks);
	d->seals = inode_seals(view.inode);
	d->is_internal = (BPF_CORE_READ(inode, i_sb, s_flags) & SB_KERNMOUNT) != 0;
	if (r->s_magic == HUGETLBFS_MAGIC) {
		d->is_hugetlb = 1;
		d->page_shift = BPF_CORE_READ(inode, i_blkbits);
	}
	return detail_done(DETAIL_MEMFD, sizeof(*d));
}
