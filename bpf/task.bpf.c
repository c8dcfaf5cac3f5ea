// SPDX-License-Identifier: GPL-2.0-only
/* iter/task: each thread, and with the leader its thread group. */

#include "policy.h"
#include "task.h"

static __always_inline void task_numbers(struct pid *pid)
{
	struct pid_namespace *ns = (struct pid_namespace *)view.task_ns;
	struct task_record *r = &task_now;
	__u32 i;

	r->pid_ns = BPF_CORE_READ(ns, ns.inum);
	r->pid_level = view.task_level + 1;
	for (i = 0; i < RECORD_PIDNS && i <= view.task_level; i++)
		r->pid_numbers[i] = BPF_CORE_READ(pid_slot(pid, i), nr);
}

/* Threads have a list of semaphore adjustments in common from the first clone on: an empty one
 * means nothing. */
static __always_inline __u64 task_undo(struct task_struct *task)
{
	struct sem_undo_list___sysv *undo;
	struct list_head *head;

	if (!bpf_core_field_exists(task->sysvsem.undo_list))
		return 0;
	undo = (void *)BPF_CORE_READ(task, sysvsem.undo_list);
	if (!undo)
		return 0;
	head = __builtin_preserve_access_index(&undo->list_proc);
	return BPF_CORE_READ(head, next) != head ? (__u64)undo : 0;
}

int task_identity(void)
{
	struct task_struct *task = viewed_task();
	struct task_record *r = &task_now;
	struct pid *pid = BPF_CORE_READ(task, thread_pid);

	r->group = view.signal;
	r->mm = (__u64)BPF_CORE_READ(task, mm);
	r->files = (__u64)BPF_CORE_READ(task, files);
	r->fs = (__u64)BPF_CORE_READ(task, fs);
	r->sighand = (__u64)BPF_CORE_READ(task, sighand);
	r->io_context = (__u64)BPF_CORE_READ(task, io_context);
	r->css_set = (__u64)BPF_CORE_READ(task, cgroups);
	r->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	r->sysvsem_undo = task_undo(task);
	if (bpf_core_field_exists(task->io_uring))
		r->io_uring = (__u64)BPF_CORE_READ(task, io_uring);
	set_pid(&r->pid, pid);
	set_pid(&r->tgid, BPF_CORE_READ(task, group_leader, thread_pid));
	if (pid)
		task_numbers(pid);
	r->flags = BPF_CORE_READ(task, flags);
	r->exit_state = BPF_CORE_READ(task, exit_state);
	r->exit_code = BPF_CORE_READ(task, exit_code);
	r->exit_signal = BPF_CORE_READ(task, exit_signal);
	r->personality = BPF_CORE_READ(task, personality);
	r->pdeath_signal = BPF_CORE_READ(task, pdeath_signal);
	r->start_boottime = BPF_CORE_READ(task, start_boottime);
	r->cpu_user_ns = BPF_CORE_READ(task, utime);
	r->cpu_system_ns = BPF_CORE_READ(task, stime);
	r->ptrace = BPF_CORE_READ(task, ptrace);
	if (r->ptrace)
		set_pid(&r->tracer, BPF_CORE_READ(task, parent, thread_pid));
	copy_field(r->comm, sizeof(r->comm), task->comm);
	return 0;
}

/* The kernel copies masks of nr_cpu_ids bits and leaves the rest of their words as it was. */
static __always_inline void task_cpus(struct task_struct *task, struct task_record *r)
{
	__u32 n = control.n_cpus, whole = n / 64, room = bpf_core_field_size(task->cpus_mask);

	r->n_cpus = n;
	if (room > (n + 63) / 64 * 8)
		room = (n + 63) / 64 * 8;
	if (room > sizeof(r->cpus))
		room = sizeof(r->cpus);
	bpf_probe_read_kernel(r->cpus, room, __builtin_preserve_access_index(&task->cpus_mask));
	if (n % 64 && whole < RECORD_CPUS)
		r->cpus[whole] &= (1ULL << n % 64) - 1;
}

int task_schedule(void)
{
	struct task_struct *task = viewed_task();
	struct task_struct___core *newer = (void *)task;
	struct task_record *r = &task_now;
	struct io_context *io = (struct io_context *)r->io_context;

	r->nice = BPF_CORE_READ(task, static_prio) - 120;
	r->policy = BPF_CORE_READ(task, policy);
	r->rt_priority = BPF_CORE_READ(task, rt_priority);
	if (io)
		r->ioprio = BPF_CORE_READ(io, ioprio);
	r->dl_runtime = BPF_CORE_READ(task, dl.dl_runtime);
	r->dl_deadline = BPF_CORE_READ(task, dl.dl_deadline);
	r->dl_period = BPF_CORE_READ(task, dl.dl_period);
	r->timer_slack_ns = BPF_CORE_READ(task, timer_slack_ns);
	r->default_timer_slack_ns = BPF_CORE_READ(task, default_timer_slack_ns);
	task_cpus(task, r);
	r->sched_reset_on_fork = BPF_CORE_READ_BITFIELD_PROBED(task, sched_reset_on_fork);
	if (bpf_core_field_exists(newer->core_cookie))
		r->core_cookie = BPF_CORE_READ(newer, core_cookie);
	if (bpf_core_field_exists(task->mempolicy)) {
		r->mempolicy = (__u64)BPF_CORE_READ(task, mempolicy);
		read_policy((struct mempolicy *)r->mempolicy, &r->numa);
	}
	return 0;
}

/* Open descriptors: the bits of the table's bitmap. Threads mostly share it: counted once. */
struct open_fds {
	__u64 files, bits;
	__u32 n, pass;
} open_fds;

static long count_word(__u32 i, void *unused)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), (void *)(open_fds.bits + (__u64)i * 8));
	open_fds.n += __builtin_popcountll(word);
	return 0;
}

static __always_inline void task_fds(void)
{
	struct files_struct *files = (struct files_struct *)task_now.files;

	if (!files)
		return;
	if (open_fds.files != task_now.files || open_fds.pass != control.pass) {
		open_fds.files = task_now.files;
		open_fds.pass = control.pass;
		open_fds.n = 0;
		open_fds.bits = (__u64)BPF_CORE_READ(files, fdt, open_fds);
		bpf_loop(BPF_CORE_READ(files, fdt, max_fds) / 64, count_word, NULL, 0);
	}
	task_now.n_fds = open_fds.n;
}

static __always_inline bool sends_deep_parts(void)
{
	return (control.flags & (CONTROL_PARTS | CONTROL_SHALLOW)) == CONTROL_PARTS;
}

/* The program: task, then what the whole thread group has in common. */
static __always_inline int show_task(void)
{
	clear(&task_now);
	if (sends_deep_parts() && (task_signals() || task_groups()))
		return 1;
	task_identity();
	task_schedule();
	task_state();
	task_namespaces();
	task_creds();
	task_keys();
	task_marks();
	if (control.flags & CONTROL_SHALLOW)
		task_now.creds.n_groups = 0;
	task_fds();
	task_wake();
	return stream_send(&task_now.head, RECORD_TASK, view.task, sizeof(task_now), false);
}

/* Appends what d_path says to the record; @room bytes of the tail are used already. */
static __always_inline __u32 add_path(struct path *path, struct record_path *to, __u32 used)
{
	long length;

	if (used > 2 * RECORD_PATH)
		return used;
	length = bpf_d_path(path, process_now.tail + used, RECORD_PATH);
	if (length <= 0 || length > RECORD_PATH)
		return used;
	to->offset = sizeof(process_now.record) + used;
	to->length = length - 1;
	return used + length;
}

static __always_inline __u32 add_paths(struct task_struct *task)
{
	struct process_record *r = &process_now.record;
	struct mm_struct *mm = task->mm;
	struct fs_struct *fs = task->fs;
	__u32 used = 0;

	if (mm && mm->exe_file)
		used = add_path((struct path *)&mm->exe_file->f_path, &r->exe, used);
	if (fs) {
		used = add_path(&fs->pwd, &r->cwd, used);
		used = add_path(&fs->root, &r->root, used);
	}
	return used;
}

static __always_inline int show_process(struct task_struct *task)
{
	__u64 size = sizeof(process_now.record);

	clear(&process_now.record);
	if (control.flags & CONTROL_PARTS && process_timers())
		return 1;
	if (sends_deep_parts() && (process_signals() || process_deep()))
		return 1;
	process_identity();
	process_signal();
	process_memory();
	process_places();
	if (control.flags & CONTROL_PATHS)
		size += (add_paths(task) + 7) & ~7ULL;
	if (size > sizeof(process_now))
		size = sizeof(process_now);
	return stream_send(&process_now.record.head, RECORD_PROCESS, view.signal, size, false);
}

SEC("crbpf/task")
int crbpf_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	if (!turn_to(task))
		return 0;
	if (bpf_core_field_exists(struct pt_regs___arm64, orig_x0))
		view.regs = as_number(bpf_task_pt_regs(task));
	stream_begin(view.task, 0);
	if (show_task())
		return 1;
	if (task->pid == task->tgid && show_process(task))
		return 1;
	return stream_end();
}
