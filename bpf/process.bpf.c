// SPDX-License-Identifier: GPL-2.0-only
/* What a thread group has in common. */

#include "file.h"
#include "task.h"

static __always_inline struct signal_struct *signals(void)
{
	return (struct signal_struct *)view.signal;
}

/* All threads: the CPU time of the living, and an mm if the leader has ended. */
struct process_walk {
	__u64 head, at, mm, user, system;
} process_walk;

static long count_thread(__u32 i, void *unused)
{
	struct task_struct *task;

	if (!process_walk.at || process_walk.at == process_walk.head)
		return 1;
	task = (void *)(process_walk.at - bpf_core_field_offset(struct task_struct, thread_node));
	process_walk.user += BPF_CORE_READ(task, utime);
	process_walk.system += BPF_CORE_READ(task, stime);
	if (!process_walk.mm)
		process_walk.mm = (__u64)BPF_CORE_READ(task, mm);
	process_walk.at = (__u64)BPF_CORE_READ(task, thread_node.next);
	return 0;
}

static __always_inline void walk_threads(void)
{
	struct list_head *head = __builtin_preserve_access_index(&signals()->thread_head);

	process_walk.head = (__u64)head;
	process_walk.at = (__u64)BPF_CORE_READ(head, next);
	process_walk.mm = (__u64)BPF_CORE_READ(viewed_task(), mm);
	process_walk.user = BPF_CORE_READ(signals(), utime);
	process_walk.system = BPF_CORE_READ(signals(), stime);
	bpf_loop(1 << 22, count_thread, NULL, 0);
}

static __always_inline __u64 group_mm(void)
{
	walk_threads();
	return process_walk.mm;
}

static __always_inline void process_threads(struct process_record *r)
{
	walk_threads();
	r->mm = process_walk.mm;
	r->cpu_virtual_ns = process_walk.user;
	r->cpu_prof_ns = process_walk.user + process_walk.system;
}

static __always_inline void process_terminal(struct process_record *r)
{
	struct tty_struct *tty = BPF_CORE_READ(signals(), tty);

	if (!tty)
		return;
	r->tty = (__u64)tty;
	r->tty_index = BPF_CORE_READ(tty, index);
	r->tty_driver = tty_driver_kind((__u64)tty);
	set_pid(&r->ctty_pgrp, BPF_CORE_READ(tty, ctrl.pgrp));
}

int process_identity(void)
{
	struct process_record *r = &process_now.record;
	struct signal_struct *signal = signals();

	process_threads(r);
	process_terminal(r);
	r->sighand = (__u64)BPF_CORE_READ(viewed_task(), sighand);
	set_pid(&r->pid, BPF_CORE_READ(viewed_task(), thread_pid));
	set_pid(&r->parent, BPF_CORE_READ(viewed_task(), real_parent, group_leader, thread_pid));
	set_pid(&r->pgid, BPF_CORE_READ(signal, pids[PIDTYPE_PGID]));
	set_pid(&r->sid, BPF_CORE_READ(signal, pids[PIDTYPE_SID]));
	r->n_threads = BPF_CORE_READ(signal, nr_threads);
	r->is_child_subreaper = BPF_CORE_READ_BITFIELD_PROBED(signal, is_child_subreaper);
	r->group_exit_code = BPF_CORE_READ(signal, group_exit_code);
	r->signal_flags = BPF_CORE_READ(signal, flags);
	if (r->signal_flags & 1) /* SIGNAL_STOP_STOPPED */
		r->stop_signal =
			BPF_CORE_READ(viewed_task(), jobctl) & 0xffff; /* JOBCTL_STOP_SIGMASK */
	if (r->signal_flags & 1 && !r->stop_signal)
		r->stop_signal = r->group_exit_code;
	r->oom_score_adj = BPF_CORE_READ(signal, oom_score_adj);
	r->oom_score_adj_min = BPF_CORE_READ(signal, oom_score_adj_min);
	r->loginuid = r->sessionid = -1;
	if (bpf_core_field_exists(viewed_task()->loginuid)) {
		r->loginuid = BPF_CORE_READ(viewed_task(), loginuid.val);
		r->sessionid = BPF_CORE_READ(viewed_task(), sessionid);
	}
	return 0;
}

int process_signal(void)
{
	struct process_record *r = &process_now.record;
	struct signal_struct *signal = signals();

	r->shared_pending = BPF_CORE_READ(signal, shared_pending.signal.sig[0]);
	if (control.flags & CONTROL_SHALLOW)
		return 0;
	r->itimers[0].value_ns =
		hrtimer_expires((__u64)__builtin_preserve_access_index(&signal->real_timer));
	r->itimers[0].interval_ns = BPF_CORE_READ(signal, it_real_incr);
	r->itimers[1].value_ns = BPF_CORE_READ(signal, it[1].expires);
	r->itimers[1].interval_ns = BPF_CORE_READ(signal, it[1].incr);
	r->itimers[2].value_ns = BPF_CORE_READ(signal, it[0].expires);
	r->itimers[2].interval_ns = BPF_CORE_READ(signal, it[0].incr);
	return 0;
}

struct deep_record deep_now;

int process_deep(void)
{
	struct deep_record *r = &deep_now;
	struct sighand_struct *sighand = BPF_CORE_READ(viewed_task(), sighand);
	struct mm_struct *mm = (struct mm_struct *)group_mm();

	clear(r);
	copy_field(r->rlimits, sizeof(r->rlimits), signals()->rlim);
	/* handler, flags, restorer, mask: the order of struct record_sigaction */
	if (sighand && bpf_core_field_offset(struct k_sigaction, sa.sa_mask) == 24)
		copy_field(r->actions, sizeof(r->actions), sighand->action);
	if (mm)
		copy_field(r->auxv, sizeof(r->auxv), mm->saved_auxv);
	return stream_send(&r->head, RECORD_DEEP_PART, view.signal, sizeof(*r), true);
}

static __always_inline void process_flags(struct mm_struct *mm, struct process_record *r)
{
	struct mm_struct___bitmap *bitmap = (void *)mm;
	struct mm_struct___word *word = (void *)mm;
	struct task_struct___new *task = (void *)view.task;

	if (bpf_core_field_exists(bitmap->flags.__mm_flags))
		r->mm_flags = BPF_CORE_READ(bitmap, flags.__mm_flags[0]);
	else
		r->mm_flags = BPF_CORE_READ(word, flags);
	if (bpf_core_field_exists(task->exec_state))
		r->dumpable = BPF_CORE_READ(task, exec_state, dumpable);
	else
		r->dumpable = r->mm_flags & 3; /* MMF_DUMPABLE_MASK */
}

/* The table of AIO contexts is kept when the last of them is destroyed. */
__u64 aio_at, aio_found;
static long find_aio(__u32 i, void *unused)
{
	__u64 context = 0;

	bpf_probe_read_kernel(&context, sizeof(context), (void *)(aio_at + (__u64)i * 8));
	aio_found = context;
	return context != 0;
}

static __always_inline void process_aio(struct mm_struct *mm, struct process_record *r)
{
	struct kioctx_table *table;

	if (!bpf_core_field_exists(mm->ioctx_table))
		return;
	table = BPF_CORE_READ(mm, ioctx_table);
	aio_found = 0;
	aio_at = (__u64)__builtin_preserve_access_index(&table->table[0]);
	if (table)
		bpf_loop(BPF_CORE_READ(table, nr), find_aio, NULL, 0);
	r->aio_table = aio_found;
}

static __always_inline void process_keys(struct mm_struct *mm, struct process_record *r)
{
	struct mm_struct___keys *keys = (void *)mm;
	unsigned short map = 0;

	if (!bpf_core_field_exists(keys->context.pkey_allocation_map))
		return;
	bpf_core_read(&map, bpf_core_field_size(keys->context.pkey_allocation_map),
		      &keys->context.pkey_allocation_map);
	r->keys = map;
	if (bpf_core_field_exists(keys->context.execute_only_pkey))
		r->exec_only_key = BPF_CORE_READ(keys, context.execute_only_pkey);
}

int process_memory(void)
{
	struct process_record *r = &process_now.record;
	struct mm_struct *mm = (struct mm_struct *)r->mm;

	r->dumpable = -1;
	if (!mm)
		return 0;
	process_flags(mm, r);
	process_aio(mm, r);
	process_keys(mm, r);
	r->start_code = BPF_CORE_READ(mm, start_code);
	r->end_code = BPF_CORE_READ(mm, end_code);
	r->start_data = BPF_CORE_READ(mm, start_data);
	r->end_data = BPF_CORE_READ(mm, end_data);
	r->start_brk = BPF_CORE_READ(mm, start_brk);
	r->brk = BPF_CORE_READ(mm, brk);
	r->start_stack = BPF_CORE_READ(mm, start_stack);
	r->arg_start = BPF_CORE_READ(mm, arg_start);
	r->arg_end = BPF_CORE_READ(mm, arg_end);
	r->env_start = BPF_CORE_READ(mm, env_start);
	r->env_end = BPF_CORE_READ(mm, env_end);
	r->def_flags = BPF_CORE_READ(mm, def_flags);
	r->map_count = BPF_CORE_READ(mm, map_count);
	r->total_vm = BPF_CORE_READ(mm, total_vm);
	r->locked_vm = BPF_CORE_READ(mm, locked_vm);
	r->task_size = BPF_CORE_READ(mm, task_size);
	r->mm_users = BPF_CORE_READ(mm, mm_users.counter);
	if (bpf_core_field_exists(mm->membarrier_state))
		r->membarrier_state = BPF_CORE_READ(mm, membarrier_state.counter);
	return 0;
}

int process_places(void)
{
	struct process_record *r = &process_now.record;
	struct fs_struct *fs = BPF_CORE_READ(viewed_task(), fs);
	struct mm_struct *mm = (struct mm_struct *)r->mm;
	struct file *exe = mm ? BPF_CORE_READ(mm, exe_file) : NULL;

	if (exe) {
		r->exe_ino = BPF_CORE_READ(exe, f_inode, i_ino);
		r->exe_dev = BPF_CORE_READ(exe, f_inode, i_sb, s_dev);
		r->exe_nlink = BPF_CORE_READ(exe, f_inode, i_nlink);
		r->exe_mnt_id = mount_id(BPF_CORE_READ(exe, f_path.mnt));
	}
	if (!fs)
		return 0;
	r->umask = BPF_CORE_READ(fs, umask);
	r->cwd_ino = BPF_CORE_READ(fs, pwd.dentry, d_inode, i_ino);
	r->cwd_dev = BPF_CORE_READ(fs, pwd.dentry, d_inode, i_sb, s_dev);
	r->cwd_nlink = BPF_CORE_READ(fs, pwd.dentry, d_inode, i_nlink);
	r->cwd_mnt_id = mount_id(BPF_CORE_READ(fs, pwd.mnt));
	r->root_ino = BPF_CORE_READ(fs, root.dentry, d_inode, i_ino);
	r->root_dev = BPF_CORE_READ(fs, root.dentry, d_inode, i_sb, s_dev);
	r->root_mnt_id = mount_id(BPF_CORE_READ(fs, root.mnt));
	return 0;
}
