// SPDX-License-Identifier: GPL-2.0-only
/* What a thread has besides its numbers: signals, credentials, namespaces, a sleeping call. */

#include "task.h"

static __always_inline void task_restart(struct task_struct *task, struct record_restart *r)
{
	struct restart_block *block = __builtin_preserve_access_index(&task->restart_block);
	struct restart_block___new *newer = (void *)block;
	struct restart_block___old *older = (void *)block;

	r->fn = (__u64)BPF_CORE_READ(task, restart_block.fn);
	r->nanosleep_expires = BPF_CORE_READ(task, restart_block.nanosleep.expires);
	r->nanosleep_clock = BPF_CORE_READ(task, restart_block.nanosleep.clockid);
	r->nanosleep_type = BPF_CORE_READ(task, restart_block.nanosleep.type);
	r->nanosleep_rmtp = (__u64)BPF_CORE_READ(task, restart_block.nanosleep.rmtp);
	if (bpf_core_field_exists(newer->poll.end_time)) {
		r->poll_sec = BPF_CORE_READ(newer, poll.end_time.tv_sec);
		r->poll_nsec = BPF_CORE_READ(newer, poll.end_time.tv_nsec);
	} else {
		r->poll_sec = BPF_CORE_READ(older, poll.tv_sec);
		r->poll_nsec = BPF_CORE_READ(older, poll.tv_nsec);
	}
	r->poll_has_timeout = BPF_CORE_READ(task, restart_block.poll.has_timeout);
	r->futex_uaddr = (__u64)BPF_CORE_READ(task, restart_block.futex.uaddr);
	r->futex_val = BPF_CORE_READ(task, restart_block.futex.val);
	r->futex_flags = BPF_CORE_READ(task, restart_block.futex.flags);
	r->futex_bitset = BPF_CORE_READ(task, restart_block.futex.bitset);
	r->futex_time = BPF_CORE_READ(task, restart_block.futex.time);
}

/* Where the C library asked the kernel to look. */
static __always_inline void task_registered(struct task_struct *task, struct task_record *r)
{
	struct task_struct___new *newer = (void *)task;
	struct task_struct___old *older = (void *)task;

	if (bpf_core_field_exists(newer->futex.robust_list))
		r->robust_list = (__u64)BPF_CORE_READ(newer, futex.robust_list);
	else if (bpf_core_field_exists(older->robust_list))
		r->robust_list = (__u64)BPF_CORE_READ(older, robust_list);
	r->clear_child_tid = (__u64)BPF_CORE_READ(task, clear_child_tid);
	if (bpf_core_field_exists(newer->rseq.usrptr)) {
		r->rseq = (__u64)BPF_CORE_READ(newer, rseq.usrptr);
		r->rseq_len = BPF_CORE_READ(newer, rseq.len);
		r->rseq_sig = BPF_CORE_READ(newer, rseq.sig);
	} else if (bpf_core_field_exists(older->rseq_sig)) {
		r->rseq = (__u64)BPF_CORE_READ(older, rseq);
		r->rseq_sig = BPF_CORE_READ(older, rseq_sig);
		if (bpf_core_field_exists(older->rseq_len))
			r->rseq_len = BPF_CORE_READ(older, rseq_len);
		else if (r->rseq)
			r->rseq_len = 32; /* the only length that was accepted then */
	}
}

static __always_inline void task_dispatch(struct task_struct *task, struct task_record *r)
{
	struct task_struct___entry *entry = (void *)task;
	__u64 bit;

	if (!bpf_core_field_exists(entry->thread_info.syscall_work) ||
	    !bpf_core_field_exists(entry->syscall_dispatch))
		return;
	bit = bpf_core_enum_value(enum syscall_work_bit___entry,
				  SYSCALL_WORK_BIT_SYSCALL_USER_DISPATCH___entry);
	r->syscall_user_dispatch = BPF_CORE_READ(entry, thread_info.syscall_work) >> bit & 1;
	if (!r->syscall_user_dispatch)
		return;
	r->sud_selector = (__u64)BPF_CORE_READ(entry, syscall_dispatch.selector);
	r->sud_offset = BPF_CORE_READ(entry, syscall_dispatch.offset);
	r->sud_len = BPF_CORE_READ(entry, syscall_dispatch.len);
}

/*
 * Will saved_blocked be put back when the call returns? Where the architecture has a
 * TIF_RESTORE_SIGMASK of its own there is no field; a task that sleeps with another
 * mask than it saved is then the only hint, and PTRACE_GETSIGMASK the authority.
 */
static __always_inline void task_mask(struct task_struct *task, struct task_record *r)
{
	struct task_struct___entry *entry = (void *)task;

	r->blocked = BPF_CORE_READ(task, blocked.sig[0]);
	r->saved_blocked = BPF_CORE_READ(task, saved_sigmask.sig[0]);
	r->pending = BPF_CORE_READ(task, pending.signal.sig[0]);
	if (bpf_core_field_exists(entry->restore_sigmask))
		r->restore_sigmask = BPF_CORE_READ_BITFIELD_PROBED(entry, restore_sigmask);
	else
		r->restore_sigmask = 2;
}

/* Not static: the compiler would take it apart, and its BTF no longer fit. */
struct filter_walk {
	__u64 at, has_listener;
} filter_walk;

static long look_at_filter(__u32 i, void *unused)
{
	struct seccomp_filter___private *filter = (void *)filter_walk.at;

	if (!filter)
		return 1;
	if (BPF_CORE_READ(filter, notif)) {
		filter_walk.has_listener = 1;
		return 1;
	}
	filter_walk.at = (__u64)BPF_CORE_READ(filter, prev);
	return 0;
}

static __always_inline void task_filters(struct task_record *r)
{
	filter_walk.at = r->seccomp_filter;
	filter_walk.has_listener = 0;
	if (r->seccomp_filter && bpf_core_type_exists(struct seccomp_filter___private))
		bpf_loop(4096, look_at_filter, NULL, 0);
	r->seccomp_listener = filter_walk.has_listener;
}

/* Not the memory's: whoever looks at it counts for the moment. */
static __always_inline void task_users(struct task_struct *task, struct task_record *r)
{
	struct files_struct___users *files = (void *)r->files;
	struct fs_struct___users *fs = (void *)r->fs;
	struct sighand_struct___users *sighand = (void *)r->sighand;

	if (files && bpf_core_field_exists(files->count))
		r->users.files = BPF_CORE_READ(files, count.counter);
	if (fs && bpf_core_field_exists(fs->users))
		r->users.fs = BPF_CORE_READ(fs, users);
	if (sighand && bpf_core_field_exists(sighand->count))
		r->users.sighand = BPF_CORE_READ(sighand, count.refs.counter);
	r->users.is_vforked = !!BPF_CORE_READ(task, vfork_done);
}

int task_state(void)
{
	struct task_struct *task = viewed_task();
	struct mm_struct___context *mm = (void *)task_now.mm;
	struct task_record *r = &task_now;

	task_users(task, r);
	task_mask(task, r);
	r->sas_sp = BPF_CORE_READ(task, sas_ss_sp);
	r->sas_size = BPF_CORE_READ(task, sas_ss_size);
	r->sas_flags = BPF_CORE_READ(task, sas_ss_flags);
	r->jobctl = BPF_CORE_READ(task, jobctl);
	r->atomic_flags = BPF_CORE_READ(task, atomic_flags);
	r->no_new_privs = r->atomic_flags & 1;
	if (bpf_core_field_exists(task->seccomp.mode)) {
		r->seccomp_mode = BPF_CORE_READ(task, seccomp.mode);
		r->seccomp_filter = (__u64)BPF_CORE_READ(task, seccomp.filter);
		r->seccomp_count = BPF_CORE_READ(task, seccomp.filter_count.counter);
		task_filters(r);
	}
	if (!(control.flags & CONTROL_SHALLOW)) {
		task_restart(task, &r->restart);
		task_registered(task, r);
	}
	task_dispatch(task, r);
	if (mm && bpf_core_field_exists(mm->context.flags) && BPF_CORE_READ(mm, context.flags) & 1)
		r->arch_flags |= RECORD_TASK_COMPAT;
	return 0;
}

int task_namespaces(void)
{
	struct nsproxy *proxy = BPF_CORE_READ(viewed_task(), nsproxy);
	struct task_record *r = &task_now;

	r->user_ns = BPF_CORE_READ(viewed_task(), real_cred, user_ns, ns.inum);
	if (!proxy)
		return 0;
	r->net_ns = BPF_CORE_READ(proxy, net_ns, ns.inum);
	r->uts_ns = BPF_CORE_READ(proxy, uts_ns, ns.inum);
	r->mnt_ns = BPF_CORE_READ(proxy, mnt_ns, ns.inum);
	r->cgroup_ns = BPF_CORE_READ(proxy, cgroup_ns, ns.inum);
	r->pid_ns_children = BPF_CORE_READ(proxy, pid_ns_for_children, ns.inum);
	if (bpf_core_type_exists(struct ipc_namespace))
		r->ipc_ns = BPF_CORE_READ(proxy, ipc_ns, ns.inum);
	if (bpf_core_type_exists(struct time_namespace)) {
		r->time_ns = BPF_CORE_READ(proxy, time_ns, ns.inum);
		r->time_ns_children = BPF_CORE_READ(proxy, time_ns_for_children, ns.inum);
	}
	return 0;
}

/* kernel_cap_t is two words of 32 bits until 6.3, one of 64 since: the same 8 bytes. */
#define read_caps(to, cred, field)                                                                 \
	bpf_probe_read_kernel(&(to), sizeof(to), __builtin_preserve_access_index(&(cred)->field))

int task_creds(void)
{
	const struct cred *cred = BPF_CORE_READ(viewed_task(), real_cred);
	struct record_creds *r = &task_now.creds;

	r->cred = (__u64)cred;
	r->user_ns = (__u64)BPF_CORE_READ(cred, user_ns);
	r->uid = BPF_CORE_READ(cred, uid.val);
	r->gid = BPF_CORE_READ(cred, gid.val);
	r->suid = BPF_CORE_READ(cred, suid.val);
	r->sgid = BPF_CORE_READ(cred, sgid.val);
	r->euid = BPF_CORE_READ(cred, euid.val);
	r->egid = BPF_CORE_READ(cred, egid.val);
	r->fsuid = BPF_CORE_READ(cred, fsuid.val);
	r->fsgid = BPF_CORE_READ(cred, fsgid.val);
	r->securebits = BPF_CORE_READ(cred, securebits);
	read_caps(r->caps.inheritable, cred, cap_inheritable);
	read_caps(r->caps.permitted, cred, cap_permitted);
	read_caps(r->caps.effective, cred, cap_effective);
	read_caps(r->caps.bounding, cred, cap_bset);
	read_caps(r->caps.ambient, cred, cap_ambient);
	r->n_groups = BPF_CORE_READ(cred, group_info, ngroups);
	task_now.landlock = landlock_domain(cred);
	return 0;
}
