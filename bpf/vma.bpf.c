// SPDX-License-Identifier: GPL-2.0-only
/* iter/task_vma: each mapping. */

#include "vma.h"

struct vma_scratch vma_now;
__u64 vma_at;

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

struct twins vma_twins;
struct vma_twin vma_twin_now;

static __always_inline int send_twin(struct vm_area_struct *vma, __u32 shape)
{
	struct vma_twin *twin = &vma_twin_now;

	twin->start = vma->vm_start;
	twin->end = vma->vm_end;
	twin->tgid = view.tgid;
	twin->tid = view.tid;
	twin->shape = shape;
	return stream_send(&twin->head, RECORD_VMA_TWIN, as_number(vma->vm_mm), sizeof(*twin), false);
}

static __always_inline int show_vma(struct vm_area_struct *vma)
{
	struct twin_key key = {};
	bool has_key = vma_key(vma, &key);
	__u32 shape;

	if (has_key) {
		shape = twin_find(&vma_twins, &key);
		if (twin_is_known(control.known_vmas, shape))
			return 0;
		if (shape)
			return send_twin(vma, shape);
	}
	clear(&vma_now.record);
	if (has_key)
		vma_now.record.shape = twin_next(&vma_twins);
	if (send_vma(vma))
		return 1;
	if (has_key)
		twin_remember(&vma_twins, &key);
	return 0;
}

SEC("crbpf/task_vma")
int crbpf_vma(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;

	if (!task || !vma)
		return 0;
	/* A thread with descriptors of its own is shown too, and its mappings are its leader's. */
	if (task != task->group_leader && task->mm == task->group_leader->mm)
		return 0;
	if (!turn_to(task))
		return 0;
	vma_at = (__u64)vma;
	stream_begin(vma_at, (__u64)task->pid);
	if (show_vma(vma))
		return 1;
	return stream_end();
}
