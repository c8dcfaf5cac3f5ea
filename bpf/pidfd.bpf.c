// SPDX-License-Identifier: GPL-2.0-only
#include "file.h"
#include "pidfd.h"

#define PIDFS_MAGIC 0x50494446

static __always_inline void set_numbers(struct pidfd_detail *d, struct pid *pid)
{
	__u32 level = BPF_CORE_READ(pid, level);

	for (__u32 i = 0; i < RECORD_PIDNS && i <= level; i++) {
		d->numbers[i] = BPF_CORE_READ(pid_slot(pid, i), nr);
		d->n_numbers = i + 1;
	}
}

int pidfd_detail(void)
{
	struct pidfd_detail *d = detail_room(struct pidfd_detail);
	struct file_record *r = &file_now.record;
	struct upid *inner;
	struct pid *pid;

	if (!is_anon("pidfd"))
		return 0;
	/* the inode of pidfs stands for the struct pid; before 6.9 the file did */
	pid = (struct pid *)(r->s_magic == PIDFS_MAGIC ? r->i_private : r->private_data);
	if (!pid)
		return 0;
	clear(d);
	inner = pid_slot(pid, BPF_CORE_READ(pid, level));
	d->pid = (__u64)pid;
	set_pid(&d->target, pid);
	set_numbers(d, pid);
	d->pid_ns = BPF_CORE_READ(inner, ns, ns.inum);
	d->inner = BPF_CORE_READ(inner, nr);
	d->is_reaped = !BPF_CORE_READ(pid, tasks[PIDTYPE_PID].first);
	d->is_thread = (r->f_flags & 0200) != 0; /* O_EXCL */
	return detail_done(DETAIL_PIDFD, sizeof(*d));
}
