// SPDX-License-Identifier: GPL-2.0-only
/* Parts of a file: the locks and the lease that were taken through it. */

#include "file.h"

#define FL_POSIX  1
#define FL_OFDLCK 1024

struct lock_record lock_now;

struct lock_walk {
	__u64 head, at;
	__u32 n, class, is_full;
} lock_walk;

/* What a lock has, wherever this kernel keeps it. */
static __always_inline void read_lock(struct file_lock *at, __u64 *file, __u64 *owner)
{
	struct file_lock___old *old = (void *)at;

	if (bpf_core_field_exists(old->fl_list)) {
		lock_now.type = BPF_CORE_READ(old, fl_type);
		lock_now.flags = BPF_CORE_READ(old, fl_flags);
		lock_now.pid = BPF_CORE_READ(old, fl_pid);
		*file = (__u64)BPF_CORE_READ(old, fl_file);
		*owner = (__u64)BPF_CORE_READ(old, fl_owner);
	} else {
		lock_now.type = BPF_CORE_READ(at, c.flc_type);
		lock_now.flags = BPF_CORE_READ(at, c.flc_flags);
		lock_now.pid = BPF_CORE_READ(at, c.flc_pid);
		*file = (__u64)BPF_CORE_READ(at, c.flc_file);
		*owner = (__u64)BPF_CORE_READ(at, c.flc_owner);
	}
	lock_now.start = 0;
	lock_now.end = (__s64)(~0ULL >> 1);
	if (lock_walk.class != LOCK_LEASE) { /* a file_lease is a core alone: nothing follows */
		lock_now.start = BPF_CORE_READ(at, fl_start);
		lock_now.end = BPF_CORE_READ(at, fl_end);
	}
}

static __always_inline __u32 list_offset(void)
{
	if (bpf_core_field_exists(struct file_lock___old, fl_list))
		return bpf_core_field_offset(struct file_lock___old, fl_list);
	return bpf_core_field_offset(struct file_lock, c.flc_list);
}

static long send_lock(__u32 i, void *unused)
{
	__u64 file = 0, owner = 0, at = lock_walk.at;
	bool is_ours;

	if (!at || at == lock_walk.head)
		return 1;
	lock_walk.at = (__u64)BPF_CORE_READ((struct list_head *)at, next);
	lock_now.lock = at - list_offset();
	read_lock((struct file_lock *)lock_now.lock, &file, &owner);
	lock_now.class = lock_walk.class;
	is_ours = file == view.file;
	if (lock_now.class == LOCK_POSIX && lock_now.flags & FL_OFDLCK)
		lock_now.class = LOCK_OFD;
	else if (lock_now.class == LOCK_POSIX) /* of the table, not of the description */
		is_ours = is_ours && owner == file_now.record.files;
	if (!is_ours)
		return 0;
	if (stream_send(&lock_now.head, RECORD_LOCK_PART, control.object, sizeof(lock_now), true)) {
		lock_walk.is_full = 1;
		return 1;
	}
	lock_walk.n++;
	return 0;
}

static __always_inline int send_locks(struct list_head *head, __u32 class)
{
	lock_walk.head = (__u64)head;
	lock_walk.at = (__u64)BPF_CORE_READ(head, next);
	lock_walk.class = class;
	bpf_loop(1 << 22, send_lock, NULL, 0);
	return lock_walk.is_full;
}

int file_locks(void)
{
	struct inode *inode = (struct inode *)view.inode;
	struct file_lock_context *locks;

	if (!bpf_core_field_exists(inode->i_flctx))
		return 0;
	locks = BPF_CORE_READ(inode, i_flctx);
	if (!locks)
		return 0;
	lock_walk.n = lock_walk.is_full = 0;
	clear(&lock_now);
	if (send_locks(__builtin_preserve_access_index(&locks->flc_posix), LOCK_POSIX) ||
	    send_locks(__builtin_preserve_access_index(&locks->flc_flock), LOCK_FLOCK) ||
	    send_locks(__builtin_preserve_access_index(&locks->flc_lease), LOCK_LEASE))
		return 1;
	file_now.record.n_locks = lock_walk.n;
	return 0;
}
