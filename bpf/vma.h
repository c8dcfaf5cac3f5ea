/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_VMA_H
#define CRBPF_BPF_VMA_H

/* For the programs alone: the record of a mapping, and what makes it a twin of others. */

#include "file.h"
#include "policy.h"
#include "shmem.h"
#include "twin.h"

#define VMA_NAME_MAX 256

struct vma_scratch {
	struct vma_record record;
	char tail[VMA_NAME_MAX + RECORD_PATH + 8];
};
extern struct vma_scratch vma_now;

extern __u64 vma_at;
static __always_inline struct vm_area_struct *mapping(void)
{
	return (struct vm_area_struct *)vma_at;
}

/* What the record says of a mapping without a file: the kernel's own, or anonymous memory. */
int vma_anonymous(void);

/* Read through the pointers that the verifier knows: a load instead of a call. */
static __always_inline void vma_file(struct file *file)
{
	struct vma_record *r = &vma_now.record;
	struct inode *inode = file->f_inode;
	struct super_block *sb = inode->i_sb;

	r->ino = inode->i_ino;
	r->size = inode->i_size;
	r->i_mode = inode->i_mode;
	r->nlink = inode->i_nlink;
	r->dev = sb->s_dev;
	r->s_magic = sb->s_magic;
	r->f_op = (__u64)file->f_op;
	r->f_flags = file->f_flags;
	r->f_mode = file->f_mode;
	r->mnt_id = mount_id(file->f_path.mnt);
	if (r->s_magic == TMPFS_MAGIC || r->s_magic == HUGETLBFS_MAGIC)
		r->seals = inode_seals(as_number(inode));
}

/* The reverse map of a mapping that was never part of a fork is its own root, without children. */
static __always_inline __u32 has_relatives(struct vm_area_struct *vma)
{
	struct anon_vma___family *av = (void *)BPF_CORE_READ(vma, anon_vma);

	if (!av)
		return 0;
	if (!bpf_core_field_exists(av->num_children))
		return 1;
	return BPF_CORE_READ(av, root) != av || BPF_CORE_READ(av, num_children) > 1;
}

static __always_inline void vma_fields(struct vm_area_struct *vma)
{
	struct vma_record *r = &vma_now.record;
	struct file *file = vma->vm_file;

	r->start = vma->vm_start;
	r->end = vma->vm_end;
	r->flags = vma->vm_flags;
	/* VM_SEALED: bit 63 in 6.10, then 42; neither meant anything else */
	if (r->flags >> 63 || r->flags >> 42 & 1)
		r->props |= VMA_PROP_SEALED;
	r->pgoff = vma->vm_pgoff;
	r->file = (__u64)file;
	r->anon_vma = (__u64)vma->anon_vma;
	r->has_relatives = has_relatives(vma);
	r->prot = vma->vm_page_prot.pgprot;
	if (bpf_core_field_exists(vma->vm_userfaultfd_ctx.ctx))
		r->uffd = (__u64)vma->vm_userfaultfd_ctx.ctx;
	if (bpf_core_field_exists(vma->vm_policy)) {
		r->policy = (__u64)vma->vm_policy;
		if (r->policy)
			read_policy((struct mempolicy *)r->policy, &r->numa);
	}
	if (file)
		vma_file(file);
	else
		vma_anonymous();
}

/* The record's size with what its tail holds: a name, or the path of its file. */
static __always_inline __u64 add_tail(struct vm_area_struct *vma)
{
	struct vma_record *r = &vma_now.record;
	struct file *file = vma->vm_file;
	__u32 used = r->anon_name.offset ? r->anon_name.length + 1 : 0;
	long length;

	if (file && control.flags & CONTROL_PATHS) {
		length = bpf_d_path((struct path *)&file->f_path, vma_now.tail, RECORD_PATH);
		if (length > 0 && length <= RECORD_PATH) {
			r->path.offset = sizeof(*r);
			r->path.length = length - 1;
			used = length;
		}
	}
	return sizeof(*r) + ((used + 7) & ~7U);
}

extern struct twins vma_twins;

/*
 * Of these words depends what there is to say of a mapping: its file and by which path it was
 * opened, or what the kernel maps there; its flags; its name. Where there is more to
 * it, it is sent whole.
 */
static __always_inline bool vma_key(struct vm_area_struct *vma, struct twin_key *key)
{
	struct vm_area_struct___named *named = (void *)vma;
	struct file *file = vma->vm_file;

	if (!(control.flags & CONTROL_SHALLOW) ||
	    (bpf_core_field_exists(vma->vm_userfaultfd_ctx.ctx) && vma->vm_userfaultfd_ctx.ctx) ||
	    (bpf_core_field_exists(vma->vm_policy) && vma->vm_policy))
		return false;
	if (file) {
		key->word[0] = as_number(file->f_path.dentry);
		key->word[1] = as_number(file->f_path.mnt);
		key->word[2] = vma->vm_pgoff;
		key->word[3] = file->f_mode;
	} else {
		key->word[0] = as_number(vma->vm_ops);
		key->word[1] = as_number(vma->vm_private_data);
		if (bpf_core_field_exists(named->anon_name))
			key->word[3] = as_number(named->anon_name);
	}
	key->word[4] = vma->vm_flags;
	return true;
}

static __always_inline int send_vma(struct vm_area_struct *vma)
{
	struct vma_record *r = &vma_now.record;
	__u64 size;

	r->tgid = view.tgid;
	r->tid = view.tid;
	vma_fields(vma);
	size = add_tail(vma);
	if (size > sizeof(vma_now))
		size = sizeof(vma_now);
	return stream_send(&r->head, RECORD_VMA, as_number(vma->vm_mm), size, false);
}

#endif
