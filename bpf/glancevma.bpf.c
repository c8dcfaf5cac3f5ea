// SPDX-License-Identifier: GPL-2.0-only
/*
 * A glance at the mappings of a process, by walking the kernel's tree of them (a maple tree,
 * since 6.1) node by node. If they were not as many as the process has, or not its own, or not in
 * order, then this kernel's tree is none as we know it: the process is in doubt.
 */

#include "file.h"
#include "glance.h"

#define NODE_MASK  255ULL /* nodes are aligned to their size */
#define NODE_WORDS 32
#define LEVELS	   8
#define UFFD_FLAGS 0x1200 /* VM_UFFD_MISSING, VM_UFFD_WP */
#define LEAVES	   (1 << 16)

enum node_type { NODE_DENSE, NODE_LEAF, NODE_RANGE, NODE_ARANGE };

/* Words of a node: the parent, then pivots, then slots. */
#define PIVOTS		1
#define RANGE_PIVOTS	15
#define RANGE_SLOTS	16
#define RANGE_META	31 /* in the last slot, if that is not in use */
#define ARANGE_PIVOTS	9
#define ARANGE_SLOTS	10
#define ARANGE_META	30

struct vma_walk {
	__u64 root, entry, max;	/* tree, the node to be read, and the last address in it */
	__u64 at;		/* where the next leaf begins */
	__u64 last_end;
	__u64 file;		/* read last */
	__u32 is_leaf, is_broken, n_slots;
	__u64 node[NODE_WORDS];
	__u64 vma[64];		/* raw: the beginning of struct vm_area_struct */
	__u64 mapped[64];	/* raw: struct file */
	struct twin_key key;
} vma_walk;

extern struct twins vma_twins;

#define raw_vma(field) raw_field(vma_walk.vma, struct vm_area_struct, field)
#define mapped(field)  raw_field(vma_walk.mapped, struct file, field)

/* What keys are made of lies in the first two lines of the cache. */
static __always_inline void read_vma(__u64 vma)
{
	__u32 size = span_to(0, struct vm_area_struct, vm_private_data, sizeof(__u64));

	size = span_to(size, struct vm_area_struct, vm_file, sizeof(__u64));
	size = span_to(size, struct vm_area_struct, vm_ops, sizeof(__u64));
	size = span_to(size, struct vm_area_struct, vm_pgoff, sizeof(__u64));
	size = span_to(size, struct vm_area_struct, vm_mm, sizeof(__u64));
	if (bpf_core_field_exists(struct vm_area_struct, vm_policy))
		size = span_to(size, struct vm_area_struct, vm_policy, sizeof(__u64));
	bpf_probe_read_kernel(vma_walk.vma, size < sizeof(vma_walk.vma) ? size : sizeof(vma_walk.vma),
			      (void *)vma);
}

/* Its userfaultfd lies further away, and has a flag: one of these, or beyond the first 32. */
static __always_inline bool has_uffd(struct vm_area_struct *vma)
{
	__u64 flags = raw_vma(vm_flags);

	return (flags & UFFD_FLAGS || flags >> 32) &&
	       bpf_core_field_exists(vma->vm_userfaultfd_ctx.ctx) &&
	       BPF_CORE_READ(vma, vm_userfaultfd_ctx.ctx);
}

/* The same words as those of vma_key. */
static __always_inline bool raw_key(__u64 address)
{
	struct vm_area_struct___named *named = (void *)address;
	__u64 file = (__u64)raw_vma(vm_file);

	if (has_uffd((struct vm_area_struct *)address) ||
	    (bpf_core_field_exists(struct vm_area_struct, vm_policy) && raw_vma(vm_policy)))
		return false;
	vma_walk.key.word[3] = vma_walk.key.word[5] = 0;
	vma_walk.key.word[4] = raw_vma(vm_flags);
	if (!file) {
		vma_walk.key.word[0] = (__u64)raw_vma(vm_ops);
		vma_walk.key.word[1] = (__u64)raw_vma(vm_private_data);
		vma_walk.key.word[2] = 0;
		if (bpf_core_field_exists(named->anon_name))
			vma_walk.key.word[3] = (__u64)BPF_CORE_READ(named, anon_name);
		return true;
	}
	if (file != vma_walk.file)
		read_file(vma_walk.mapped, sizeof(vma_walk.mapped), file);
	vma_walk.file = file;
	vma_walk.key.word[0] = (__u64)mapped(f_path.dentry);
	vma_walk.key.word[1] = (__u64)mapped(f_path.mnt);
	vma_walk.key.word[2] = raw_vma(vm_pgoff);
	vma_walk.key.word[3] = mapped(f_mode);
	return true;
}

static __always_inline void look_at_vma(__u64 vma)
{
	if (!raw_key(vma)) {
		glance.doubts |= GLANCE_VMAS;
		return;
	}
	if (note_shape(shape_state(twin_find(&vma_twins, &vma_walk.key), control.known_vmas,
				   control.judged_vmas),
		       GLANCE_VMAS) &&
	    glance.n_fresh < GLANCE_VMAS_SENT)
		glance.fresh[glance.n_fresh++ & (GLANCE_VMAS_SENT - 1)] = raw_vma(vm_start);
}

static long look_at_slot(__u32 i, void *unused)
{
	__u64 vma = vma_walk.node[(RANGE_SLOTS + i) & (NODE_WORDS - 1)];

	if (!vma)
		return 0;
	read_vma(vma);
	if ((__u64)raw_vma(vm_mm) != glance.mm || raw_vma(vm_start) < vma_walk.last_end) {
		vma_walk.is_broken = 1;
		return 1;
	}
	vma_walk.last_end = raw_vma(vm_end);
	glance.n_vmas++;
	look_at_vma(vma);
	return 0;
}

/* How many slots of the node are in use, less one. */
static __always_inline __u32 last_slot(__u32 type)
{
	__u64 pivot = vma_walk.node[PIVOTS + RANGE_PIVOTS - 1];

	if (type == NODE_ARANGE)
		return vma_walk.node[ARANGE_META] & 255;
	if (!pivot)
		return vma_walk.node[RANGE_META] & 255;
	return pivot == vma_walk.max ? RANGE_PIVOTS - 1 : RANGE_PIVOTS;
}

/* Reads the node that leads to vma_walk.at. */
static long go_down(__u32 i, void *unused)
{
	__u32 type = vma_walk.entry >> 3 & 15, last, slot;
	__u32 slots = type == NODE_ARANGE ? ARANGE_SLOTS : RANGE_SLOTS;
	__u32 most = type == NODE_ARANGE ? ARANGE_PIVOTS : RANGE_PIVOTS;

	if (vma_walk.entry < 4096 || type < NODE_LEAF || type > NODE_ARANGE) {
		vma_walk.is_broken = 1;
		return 1;
	}
	bpf_probe_read_kernel(vma_walk.node, sizeof(vma_walk.node),
			      (void *)(vma_walk.entry & ~NODE_MASK));
	last = last_slot(type);
	if (last > most) {
		vma_walk.is_broken = 1;
		return 1;
	}
	vma_walk.n_slots = last + 1;
	vma_walk.is_leaf = type == NODE_LEAF;
	if (vma_walk.is_leaf)
		return 1;
	for (slot = 0; slot < RANGE_PIVOTS && slot < last; slot++)
		if (vma_walk.node[PIVOTS + slot] >= vma_walk.at)
			break;
	if (slot < last)
		vma_walk.max = vma_walk.node[(PIVOTS + slot) & (NODE_WORDS - 1)];
	vma_walk.entry = vma_walk.node[(slots + slot) & (NODE_WORDS - 1)];
	return 0;
}

static long look_at_leaf(__u32 i, void *unused)
{
	vma_walk.entry = vma_walk.root;
	vma_walk.max = ~0ULL;
	vma_walk.is_leaf = 0;
	bpf_loop(LEVELS, go_down, NULL, 0);
	if (!vma_walk.is_leaf)
		vma_walk.is_broken = 1;
	if (vma_walk.is_broken)
		return 1;
	bpf_loop(vma_walk.n_slots, look_at_slot, NULL, 0);
	vma_walk.at = vma_walk.max + 1;
	return vma_walk.is_broken || glance.doubts || !vma_walk.at;
}

int glance_vmas(void)
{
	struct mm_struct *mm = (struct mm_struct *)glance.mm;

	vma_walk.root = (__u64)BPF_CORE_READ(mm, mm_mt.ma_root);
	vma_walk.at = vma_walk.last_end = vma_walk.file = 0;
	/* a tree of one entry has no nodes, whose mark is 2 in the low bits */
	vma_walk.is_broken = (vma_walk.root & 3) != 2;
	glance.n_vmas = glance.n_fresh = 0;
	bpf_loop(LEAVES, look_at_leaf, NULL, 0);
	if (vma_walk.is_broken || glance.n_vmas != BPF_CORE_READ(mm, map_count))
		glance.doubts |= GLANCE_VMAS;
	return 0;
}
