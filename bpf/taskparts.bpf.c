// SPDX-License-Identifier: GPL-2.0-only
/* Parts of tasks and processes: queued signals, supplementary groups, POSIX timers. */

#include "task.h"

/* A list is walked by bpf_loop: where it stands, how many were sent, did one not fit. */
struct part_walk {
	__u64 head, at, owner;
	__u32 n, where, is_full;
} part_walk;

struct siginfo_record siginfo_now;
struct groups_record groups_now;
struct timer_record timer_now;

#define WALK_LIMIT (1 << 22) /* BPF_MAX_LOOPS is 8 Mi: a ring in a list ends here */

static long send_siginfo(__u32 i, void *unused)
{
	struct sigqueue *queued = (struct sigqueue *)part_walk.at;

	if (!part_walk.at || part_walk.at == part_walk.head)
		return 1;
	siginfo_now.where = part_walk.where;
	siginfo_now.flags = BPF_CORE_READ(queued, flags);
	copy_field(siginfo_now.siginfo, sizeof(siginfo_now.siginfo), queued->info);
	if (stream_send(&siginfo_now.head, RECORD_SIGINFO_PART, part_walk.owner,
			sizeof(siginfo_now), true)) {
		part_walk.is_full = 1;
		return 1;
	}
	part_walk.n++;
	part_walk.at = (__u64)BPF_CORE_READ(queued, list.next);
	return 0;
}

static __always_inline int send_signals(struct list_head *head, __u64 owner, __u32 where)
{
	part_walk.head = (__u64)head;
	part_walk.at = (__u64)BPF_CORE_READ(head, next);
	part_walk.owner = owner;
	part_walk.where = where;
	part_walk.n = part_walk.is_full = 0;
	clear(&siginfo_now);
	bpf_loop(WALK_LIMIT, send_siginfo, NULL, 0);
	return part_walk.is_full;
}

int task_signals(void)
{
	struct list_head *head = __builtin_preserve_access_index(&viewed_task()->pending.list);
	int is_full = send_signals(head, view.task, SIGINFO_PRIVATE);

	task_now.n_pending = part_walk.n;
	return is_full;
}

int process_signals(void)
{
	struct signal_struct *signal = (struct signal_struct *)view.signal;
	struct list_head *head = __builtin_preserve_access_index(&signal->shared_pending.list);
	int is_full = send_signals(head, view.signal, SIGINFO_SHARED);

	process_now.record.n_shared_pending = part_walk.n;
	return is_full;
}

static long send_groups(__u32 i, void *unused)
{
	struct group_info *info = (struct group_info *)part_walk.head;
	void *first = __builtin_preserve_access_index(&info->gid[0]);
	__u32 left = part_walk.n - i * RECORD_GROUPS;

	groups_now.first = i * RECORD_GROUPS;
	groups_now.n = left < RECORD_GROUPS ? left : RECORD_GROUPS;
	bpf_probe_read_kernel(groups_now.gid, sizeof(groups_now.gid),
			      first + (__u64)groups_now.first * 4);
	if (stream_send(&groups_now.head, RECORD_GROUPS_PART, view.task, sizeof(groups_now),
			true)) {
		part_walk.is_full = 1;
		return 1;
	}
	return 0;
}

int task_groups(void)
{
	struct group_info *info = BPF_CORE_READ(viewed_task(), real_cred, group_info);

	part_walk.head = (__u64)info;
	part_walk.n = BPF_CORE_READ(info, ngroups);
	part_walk.is_full = 0;
	if (part_walk.n > 65536) /* NGROUPS_MAX */
		part_walk.n = 65536;
	bpf_loop((part_walk.n + RECORD_GROUPS - 1) / RECORD_GROUPS, send_groups, NULL, 0);
	return part_walk.is_full;
}

/* Of a CPU clock: the process, or the thread, whose time it is. */
struct cpu_timer___pid {
	struct pid *pid;
} __attribute__((preserve_access_index));
struct k_itimer___cpu {
	union {
		struct cpu_timer___pid cpu;
	} it;
} __attribute__((preserve_access_index));

/* What the kinds of timer share; which clock it runs on decides where it expires. */
static __always_inline void timer_expiry(struct k_itimer *k)
{
	struct hrtimer___new *newer = (void *)__builtin_preserve_access_index(&k->it.real.timer);
	struct hrtimer___old *older = (void *)newer;
	__u32 clock = timer_now.clock;
	bool is_queued;

	timer_now.base_clock = clock;
	if ((__s32)clock < 0 || clock == 2 || clock == 3) { /* CPU time of a process or a thread */
		timer_now.expires_ns = BPF_CORE_READ(k, it.cpu.node.expires);
		is_queued = BPF_CORE_READ(k, it.cpu.head) != NULL;
		set_pid(&timer_now.cpu_task, BPF_CORE_READ((struct k_itimer___cpu *)k, it.cpu.pid));
	} else if (clock == 8 || clock == 9) { /* CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM */
		timer_now.expires_ns = BPF_CORE_READ(k, it.alarm.alarmtimer.node.expires);
		is_queued = BPF_CORE_READ(k, it.alarm.alarmtimer.state) & 1;
	} else if (bpf_core_field_exists(newer->is_queued)) {
		timer_now.base_clock = BPF_CORE_READ(k, it.real.timer.base, clockid);
		timer_now.expires_ns = BPF_CORE_READ(newer, node.expires);
		is_queued = BPF_CORE_READ(newer, is_queued);
	} else {
		timer_now.base_clock = BPF_CORE_READ(k, it.real.timer.base, clockid);
		timer_now.expires_ns = BPF_CORE_READ(older, node.expires);
		is_queued = BPF_CORE_READ(older, state);
	}
	timer_now.is_periodic_pending = !is_queued && timer_now.is_pending && timer_now.interval_ns;
	timer_now.is_armed =
		is_queued || timer_now.is_periodic_pending ||
		(timer_now.notify == 1 && timer_now.expires_ns); /* SIGEV_NONE is never queued */
	if (!timer_now.is_armed)
		timer_now.expires_ns = 0;
}

/* Its signal: in a sigqueue of its own, which is on a list while it is pending. */
static __always_inline void timer_signal(struct k_itimer *k)
{
	struct k_itimer___new *newer = (void *)k;
	struct k_itimer___old *older = (void *)k;
	struct sigqueue *queued;
	struct list_head *list;

	if (bpf_core_field_exists(older->sigq))
		queued = BPF_CORE_READ(older, sigq);
	else
		queued = (void *)__builtin_preserve_access_index(&newer->sigq);
	list = __builtin_preserve_access_index(&queued->list);
	timer_now.signo = BPF_CORE_READ(queued, info.si_signo);
	timer_now.sigval = (__u64)BPF_CORE_READ(queued, info._sifields._timer._sigval.sival_ptr);
	timer_now.is_pending = BPF_CORE_READ(list, next) != list;
	if (bpf_core_field_exists(older->it_requeue_pending))
		timer_now.requeue_pending = BPF_CORE_READ(older, it_requeue_pending);
	else if (bpf_core_field_exists(newer->it_sig_periodic))
		timer_now.requeue_pending = BPF_CORE_READ(newer, it_sig_periodic);
}

static long send_timer(__u32 i, void *unused)
{
	struct hlist_node *at = (struct hlist_node *)part_walk.at;
	struct k_itimer *k;

	if (!part_walk.at || part_walk.at == part_walk.head)
		return 1;
	k = (void *)(part_walk.at - bpf_core_field_offset(struct k_itimer___hlist, list));
	clear(&timer_now);
	timer_now.id = BPF_CORE_READ(k, it_id);
	timer_now.clock = BPF_CORE_READ(k, it_clock);
	timer_now.notify = BPF_CORE_READ(k, it_sigev_notify);
	timer_now.interval_ns = BPF_CORE_READ(k, it_interval);
	timer_now.overrun = BPF_CORE_READ(k, it_overrun_last);
	if (timer_now.notify & 4) /* SIGEV_THREAD_ID */
		set_pid(&timer_now.target, BPF_CORE_READ(k, it_pid));
	timer_signal(k);
	timer_expiry(k);
	if (stream_send(&timer_now.head, RECORD_TIMER_PART, part_walk.owner, sizeof(timer_now),
			true)) {
		part_walk.is_full = 1;
		return 1;
	}
	part_walk.n++;
	part_walk.at = (__u64)BPF_CORE_READ(at, next); /* both kinds of list begin with it */
	return 0;
}

int process_timers(void)
{
	struct signal_struct___list *listed = (void *)view.signal;
	struct signal_struct___hlist *hashed = (void *)view.signal;

	part_walk.owner = view.signal;
	part_walk.n = part_walk.is_full = 0;
	if (bpf_core_field_exists(hashed->posix_timers.first)) {
		part_walk.head = 0;
		part_walk.at = (__u64)BPF_CORE_READ(hashed, posix_timers.first);
	} else {
		part_walk.head = (__u64)__builtin_preserve_access_index(&listed->posix_timers);
		part_walk.at = (__u64)BPF_CORE_READ(listed, posix_timers.next);
	}
	bpf_loop(WALK_LIMIT, send_timer, NULL, 0);
	process_now.record.n_timers = part_walk.n;
	return part_walk.is_full;
}
