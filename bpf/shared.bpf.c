// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all programs share: the ring, the counters, the records being filled, the numbers of
 * processes. This object is linked first: bpftool's linker gives a variable that it
 * meets as extern before its definition a wrong place in its section's BTF.
 */

#include "file.h"
#include "task.h"

char LICENSE[] SEC("license") = "GPL";

struct records_map records SEC(".maps");

struct wanted_map wanted SEC(".maps");

struct record_control control SEC(".data.control");
struct view view;
__u64 view_number;
struct task_record task_now;
struct process_scratch process_now;
struct file_scratch file_now;

static __always_inline __u32 pid_number(struct pid *pid, __u32 level, __u64 ns)
{
	struct upid *slot = pid_slot(pid, level);

	if (!ns || level > BPF_CORE_READ(pid, level) || (__u64)BPF_CORE_READ(slot, ns) != ns)
		return 0;
	return BPF_CORE_READ(slot, nr);
}

__u64 pid_numbers(__u64 address)
{
	struct pid *pid = (struct pid *)address;

	if (!pid)
		return 0;
	return pid_number(pid, view.caller_level, view.caller_ns) |
	       (__u64)pid_number(pid, view.task_level, view.task_ns) << 32;
}

/* An active pid namespace is the one of the innermost number. */
static __always_inline __u64 pid_namespace_of(struct task_struct *task, __u32 *level)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);

	if (!pid)
		return 0;
	*level = BPF_CORE_READ(pid, level);
	return (__u64)BPF_CORE_READ(pid_slot(pid, *level), ns);
}

__u64 policy_nodes[16]; /* policy.h */

int view_task(void)
{
	struct task_struct *task = (struct task_struct *)view.task;
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	__u32 level = 0;

	view.signal = (__u64)BPF_CORE_READ(task, signal);
	view.caller_ns = pid_namespace_of((struct task_struct *)bpf_get_current_task(), &level);
	view.caller_level = level;
	level = 0;
	view.task_ns = pid_namespace_of(task, &level);
	view.task_level = level;
	view.tgid = (__u32)pid_numbers((__u64)BPF_CORE_READ(leader, thread_pid));
	view.tid = (__u32)pid_numbers((__u64)BPF_CORE_READ(task, thread_pid));
	if (control.flags & CONTROL_USER_ONLY &&
	    BPF_CORE_READ(task, flags) & 0x00200000 /* PF_KTHREAD */)
		return 1;
	if (!(control.flags & CONTROL_FILTER))
		return 0;
	return bpf_map_lookup_elem(&wanted, &view.tgid) == NULL;
}

__u64 hrtimer_expires(__u64 hrtimer)
{
	struct hrtimer___new *newer = (void *)hrtimer;
	struct hrtimer___old *older = (void *)hrtimer;

	if (bpf_core_field_exists(newer->is_queued))
		return BPF_CORE_READ(newer, is_queued) ? BPF_CORE_READ(newer, node.expires) : 0;
	return BPF_CORE_READ(older, state) & 1 ? BPF_CORE_READ(older, node.expires) : 0;
}
