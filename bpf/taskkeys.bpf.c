// SPDX-License-Identifier: GPL-2.0-only
/*
 * The keyrings of a thread's credentials (Documentation/security/keys), and what else of
 * a thread has no name that BTF knows.
 */

#include "task.h"

#define LEAF_BITS 3ULL /* of a slot: 1, it is no key; 2, it is a keyring */
#define SLOTS     16
#define IS_KEYRING 2
#define UID_KEYRING (1UL << 9) /* KEY_FLAG_UID_KEYRING: no program can make such a one */
/* the name "invocation_id" as two little-endian words */
#define INVOCATION_ID 0x697461636f766e69ULL, 0x64695f6e6fULL

/* Not static: the compiler would take it apart, and its BTF no longer fit. */
struct keys_walk {
	__u64 slots, n_own, is_service, name[2];
} keys_walk;

/* A user's keyring ("_uid.0", "_uid_ses.0") is the user's, and whoever has that user id finds it. */
static __always_inline bool is_users(__u64 slot)
{
	struct key___keys *key = (void *)(slot & ~LEAF_BITS);

	return !(slot & 1) && slot & IS_KEYRING && BPF_CORE_READ(key, flags) & UID_KEYRING;
}

static __always_inline bool is_invocation_id(__u64 slot)
{
	struct key___keys *key = (void *)(slot & ~LEAF_BITS);
	const __u64 want[2] = {INVOCATION_ID};

	if (slot & (1 | IS_KEYRING))
		return false;
	clear(&keys_walk.name);
	bpf_probe_read_kernel_str(keys_walk.name, sizeof(keys_walk.name),
				  BPF_CORE_READ(key, index_key.description));
	return keys_walk.name[0] == want[0] && keys_walk.name[1] == want[1];
}

static long look_at_key(__u32 i, void *unused)
{
	__u64 slot = 0;

	bpf_probe_read_kernel(&slot, sizeof(slot), (void *)(keys_walk.slots + (__u64)i * 8));
	if (!slot)
		return 0;
	if (is_users(slot))
		return 0;
	keys_walk.n_own++;
	if (is_invocation_id(slot))
		keys_walk.is_service = 1;
	return 0;
}

/* One node holds as many as 16: if there are more nodes, each counts as one at least. */
static __always_inline __u32 count_keys(struct key___keys *ring)
{
	struct assoc_array_node___keys *node;
	__u64 root;

	if (!ring || !BPF_CORE_READ(ring, keys.nr_leaves_on_tree))
		return 0;
	root = (__u64)BPF_CORE_READ(ring, keys.root);
	node = (void *)(root & ~LEAF_BITS);
	keys_walk.n_own = keys_walk.is_service = 0;
	/* bit 1 of a link says that it leads to a shortcut, which only many keys make */
	if (!(root & 1) || root & 2)
		return BPF_CORE_READ(ring, keys.nr_leaves_on_tree);
	keys_walk.slots = (__u64)__builtin_preserve_access_index(&node->slots[0]);
	bpf_loop(SLOTS, look_at_key, NULL, 0);
	return keys_walk.n_own;
}

int task_keys(void)
{
	struct cred___keys *cred = (void *)BPF_CORE_READ(viewed_task(), real_cred);
	struct record_keys *r = &task_now.keys;

	if (!bpf_core_field_exists(cred->session_keyring) ||
	    !bpf_core_type_exists(struct key___keys))
		return 0;
	r->thread = count_keys(BPF_CORE_READ(cred, thread_keyring));
	r->process = count_keys(BPF_CORE_READ(cred, process_keyring));
	keys_walk.is_service = 0;
	r->session = count_keys(BPF_CORE_READ(cred, session_keyring));
	r->is_service = keys_walk.is_service;
	if (r->is_service)
		r->session--;
	return 0;
}

/* The first thread's holds for all. */
static __always_inline __u64 permitted_states(void)
{
	struct task_struct *leader = BPF_CORE_READ(viewed_task(), group_leader);
	struct task_struct___fpu *inside = (void *)leader;
	struct fpu___perm *fpu = (void *)leader + bpf_core_type_size(struct task_struct);

	if (!bpf_core_field_exists(fpu->perm))
		return 0;
	if (bpf_core_field_exists(inside->thread.fpu))
		return BPF_CORE_READ(inside, thread.fpu.perm.__state_perm);
	return BPF_CORE_READ(fpu, perm.__state_perm);
}

/* The reader of the iterator is crbpf: what it has itself is nothing special. */
int task_marks(void)
{
	struct task_struct___entry *own = (void *)bpf_get_current_task();
	struct task_struct___entry *task = (void *)viewed_task();
	struct pt_regs___arm64 *regs = (void *)view.regs;
	struct record_marks *r = &task_now.marks;

	r->xfeatures = permitted_states();
	if (bpf_core_field_exists(task->thread_info.flags))
		r->thread_flags = BPF_CORE_READ(task, thread_info.flags) &
				  ~BPF_CORE_READ(own, thread_info.flags);
	if (bpf_core_field_exists(regs->orig_x0)) {
		r->first_argument = BPF_CORE_READ(regs, orig_x0);
		r->has_first_argument = 1;
	}
	return 0;
}
