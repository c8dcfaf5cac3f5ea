/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_TASK_H
#define CRBPF_BPF_TASK_H

/* For the programs alone: the pieces of iter/task. All read struct view. */

#include "common.h"

extern struct task_record task_now;

struct process_scratch {
	struct process_record record;
	char tail[3 * RECORD_PATH + 8];
};
extern struct process_scratch process_now;

static __always_inline struct task_struct *viewed_task(void)
{
	return (struct task_struct *)view.task;
}

/* What a thread has: each fills its fields of task_now. */
int task_identity(void); /* numbers, flags, parents of identity */
int task_schedule(void);
int task_state(void); /* signals, C library, security, sleeping call */
int task_namespaces(void);
int task_wake(void); /* until when it sleeps */
int task_creds(void);
int task_keys(void);
int task_marks(void); /* what has no name in BTF: see record_marks */

/* Parts: return 1 if the ring is full, else 0 with the count in the record. */
int task_signals(void);
int task_groups(void);
int process_signals(void);
int process_timers(void);
int process_deep(void);

/* The thread group: each fills its fields of process_now.record. */
int process_identity(void);
int process_signal(void); /* limits, actions, interval timers */
int process_memory(void);
int process_places(void); /* program, working directory, root: all but their paths */

/* Part of every kernel that was built with Landlock, even if it is switched off. */
struct landlock_cred_security___any {
	void *domain;
} __attribute__((preserve_access_index));

static __always_inline __u64 landlock_domain(const struct cred *cred)
{
	__u64 domain = RECORD_LANDLOCK_UNKNOWN;

	if (!bpf_core_field_exists(cred->security) ||
	    !bpf_core_type_exists(struct landlock_cred_security___any) ||
	    control.landlock_state == CONTROL_LANDLOCK_NONE)
		return 0;
	if (control.landlock_state != CONTROL_LANDLOCK_UNKNOWN)
		bpf_probe_read_kernel(&domain, sizeof(domain),
				      BPF_CORE_READ(cred, security) + control.landlock);
	return domain;
}

/* Driver type << 16 | subtype of the terminal at @tty. */
__u32 tty_driver_kind(__u64 tty);

#endif
