// SPDX-License-Identifier: GPL-2.0-only
/* iter/task_vma: each mapping. */

#include "file.h"
#include "shmem.h"

#define VMA_NAME_MAX 256

struct vma_scratch {
	struct vma_record record;
	char tail[VMA_NAME_MAX + RECORD_PATH + 8];
} vma_now;

__u64 vma_at;
static __always_inline struct vm_area_struct *mapping(void)
{
	return (struct vm_area_struct *)vma_at;
}

static __always_inline void add_name(const char *name)
{
	long length;

	*(__u64 *)vma_now.tail = 0; /* whole, for name_is */
	length = bpf_probe_read_kernel_str(vma_now.tail, VMA_NAME_MAX, name);

	if (length <= 1 || length > VMA_NAME_MAX)
		return;
	vma_now.record.anon_name.offset = sizeof(vma_now.record);
	vma_now.record.anon_name.length = length - 1;
}

#define name_is(text)                                                                              \
	({                                                                                         \
		const union {                                                                      \
			char text_[8];                                                             \
			__u64 word;                                                                \
		} want_ = {text};                                                                  \
		*(__u64 *)vma_now.tail == want_.word;                                              \
	})

/*
 * What the kernel maps for the task itself (vdso, vvar …) has operations but no file, and the
 * operations know its name, which lies in the struct vm_special_mapping behind it.
 */
int vma_special(void)
{
	struct vm_operations_struct *ops = (void *)BPF_CORE_READ(mapping(), vm_ops);
	struct vm_special_mapping *special = BPF_CORE_READ(mapping(), vm_private_data);
	struct vma_record *r = &vma_now.record;

	if (!ops || !special || !BPF_CORE_READ(ops, name))
		return 0;
	r->special = VMA_OTHER_SPECIAL;
	if (bpf_core_type_exists(struct vm_special_mapping))
		add_name(BPF_CORE_READ(special, name));
	if (name_is("[vdso]\0"))
		r->special = VMA_VDSO;
	else if (name_is("[vvar]\0"))
		r->special = VMA_VVAR;
	else if (name_is("[vvar_vc"))
		r->special = VMA_VVAR_VCLOCK;
	return 0;
}

int vma_anonymous(void)
{
	struct vm_area_struct___named *named = (void *)mapping();
	struct anon_vma_name___optional *name;

	vma_special();
	if (vma_now.record.special || !bpf_core_field_exists(named->anon_name))
		return 0;
	name = BPF_CORE_READ(named, anon_name);
	if (name)
		add_name(__builtin_preserve_access_index(&name->name[0]));
	return 0;
}

int vma_file(void)
{
	struct file *file = BPF_CORE_READ(mapping(), vm_file);
	struct vma_record *r = &vma_now.record;
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	r->ino = BPF_CORE_READ(inode, i_ino);
	r->size = BPF_CORE_READ(inode, i_size);
	r->i_mode = BPF_CORE_READ(inode, i_mode);
	r->nlink = BPF_CORE_READ(inode, i_nlink);
	r->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	r->s_magic = BPF_CORE_READ(inode, i_sb, s_magic);
	r->f_op = (__u64)BPF_CORE_READ(file, f_op);
	r->f_flags = BPF_CORE_READ(file, f_flags);
	r->f_mode = BPF_CORE_READ(file, f_mode);
	r->mnt_id = mount_id(BPF_CORE_READ(file, f_path.mnt));
	r->seals = inode_seals((__u64)inode);
	return 0;
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

int vma_fields(void)
{
	struct vm_area_struct *vma = mapping();
	struct vma_record *r = &vma_now.record;

	r->start = BPF_CORE_READ(vma, vm_start);
	r->end = BPF_CORE_READ(vma, vm_end);
	r->flags = BPF_CORE_READ(vma, vm_flags);
	/* VM_SEALED: bit 63 in 6.10, then 42; neither meant anything else */
	if (r->flags >> 63 || r->flags >> 42 & 1)
		r->props |= VMA_PROP_SEALED;
	r->pgoff = BPF_CORE_READ(vma, vm_pgoff);
	r->file = (__u64)BPF_CORE_READ(vma, vm_file);
	r->anon_vma = (__u64)BPF_CORE_READ(vma, anon_vma);
	r->has_relatives = has_relatives(vma);
	r->prot = BPF_CORE_READ(vma, vm_page_prot.pgprot);
	if (bpf_core_field_exists(vma->vm_userfaultfd_ctx.ctx))
		r->uffd = (__u64)BPF_CORE_READ(vma, vm_userfaultfd_ctx.ctx);
	if (bpf_core_field_exists(vma->vm_policy))
		r->policy = (__u64)BPF_CORE_READ(vma, vm_policy);
	if (r->file)
		vma_file();
	else
		vma_anonymous();
	return 0;
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

SEC("crbpf/task_vma")
int crbpf_vma(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct vma_record *r = &vma_now.record;
	__u64 mm, size;

	if (!task || !vma)
		return 0;
	view.task = (__u64)task;
	vma_at = (__u64)vma;
	if (view_task())
		return 0;
	stream_begin(vma_at, (__u64)task->pid);
	clear(r);
	r->tgid = (__u32)pid_numbers((__u64)BPF_CORE_READ(task, group_leader, thread_pid));
	r->tid = (__u32)pid_numbers((__u64)BPF_CORE_READ(task, thread_pid));
	mm = (__u64)BPF_CORE_READ(vma, vm_mm);
	vma_fields();
	size = add_tail(vma);
	if (size > sizeof(vma_now))
		size = sizeof(vma_now);
	if (stream_send(&r->head, RECORD_VMA, mm, size, false))
		return 1;
	return stream_end();
}
