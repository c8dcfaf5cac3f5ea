/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_PIDFD_H
#define CRBPF_BPF_PIDFD_H

#include "record.h"

struct pidfd_detail {
	__u64 pid;		/* identity of struct pid */
	struct record_pid target;	/* 0 if the caller, or the task, cannot see it */
	__u32 pid_ns;		/* inode number of the target's own pid namespace */
	__u32 is_reaped;	/* no task has this number any more */
	__u32 is_thread;	/* PIDFD_THREAD */
	__u32 inner;		/* its number in its own pid namespace */
	__u32 n_numbers;	/* of those that follow; a task of the first namespace has 1 */
	__u32 reserved;
	__s32 numbers[RECORD_PIDNS];	/* from the first namespace inwards */
};

#endif
