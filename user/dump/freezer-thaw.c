// SPDX-License-Identifier: GPL-2.0-only
/* The end of a freeze: back to life, or dead. */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch/arch.h"
#include "dump/freezer-tree.h"
#include "dump/interrupted.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/proc.h"

#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448 /* since 5.15 */
#endif

/* How long a killed tree may take to end: freeing its memory takes time. */
#define REAP_NS 10000000000ll

/* To the time that its call had left when the thread was stopped. */
static void shorten(struct freezer *f, const struct frozen_task *task, struct regs *regs)
{
	long long deadline = task->deadline_ns;

	if (!deadline && f->ask_deadline)
		deadline = f->ask_deadline(f->ask_arg, task->tid);
	if (deadline)
		call_shorten(regs, deadline - clock_ns());
}

/*
 * Some calls end in EINTR whenever their task stops, by the kernel's own rule
 * (signal(7)); here nobody sent a signal, so the task is to call again. If one has
 * come meanwhile and runs a handler, the kernel itself makes it EINTR again.
 */
static void repeat_call(struct freezer *f, const struct frozen_task *task)
{
	struct regs regs;

	if (regs_get_general(&regs, task->tid, NULL))
		return;
	if (task->has_first_argument)
		regs_tell_first(&regs, task->first_argument);
	if (call_was_interrupted(&regs) && regs_repeat_syscall(&regs)) {
		shorten(f, task, &regs);
		log_debug(f->log, "thread %d: system call %ld is executed again", task->tid,
			  regs_syscall_nr(&regs));
		regs_set(&regs, task->tid, NULL);
	} else if (task->is_repeated && regs_syscall_nr(&regs) >= 0 &&
		   regs_syscall_pc(&regs) == regs_pc(&regs)) {
		if (proc_has_signal(task->tid) > 0)
			regs_end_syscall(&regs, -EINTR);
		else
			shorten(f, task, &regs);
		regs_set(&regs, task->tid, NULL);
	} else if (f->frozen_at) {
		call_catch_up(&regs, task->tid, clock_ns() - f->frozen_at);
	}
	regs_deinit(&regs);
}

void freezer_set_deadline(struct freezer *f, pid_t tid, long long deadline_ns)
{
	uint32_t at = ids_get(&f->task_index, (uint64_t)tid);

	if (at)
		f->tasks[at - 1].deadline_ns = deadline_ns;
}

void freezer_tell_first(struct freezer *f, pid_t tid, uint64_t first)
{
	uint32_t at = ids_get(&f->task_index, (uint64_t)tid);

	if (at) {
		f->tasks[at - 1].first_argument = first;
		f->tasks[at - 1].has_first_argument = true;
	}
}

void freezer_set_repeated(struct freezer *f, pid_t tid)
{
	uint32_t at = ids_get(&f->task_index, (uint64_t)tid);

	if (at)
		f->tasks[at - 1].is_repeated = true;
}

void freezer_ask_deadlines(struct freezer *f, long long (*ask)(void *arg, pid_t tid), void *arg)
{
	f->ask_deadline = ask;
	f->ask_arg = arg;
}

static int signal_processes(struct freezer *f, int signo, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < f->n_processes; i++) {
		struct frozen_process *p = &f->processes[i];

		if (p->pidfd < 0 || p->leader_is_dead)
			continue;
		if (syscall(SYS_pidfd_send_signal, p->pidfd, signo, NULL, 0) < 0 && errno != ESRCH)
			ret = fail(err, errno, "process %d: cannot send it signal %d", p->pid, signo);
	}
	return ret;
}

/* The kernel puts a task that job control had stopped back into that stop. */
static void detach_tasks(struct freezer *f)
{
	/* Those that stand still go first: one may be the vfork child that another waits for. */
	for (int stopped = 1; stopped >= 0; stopped--)
		for (size_t i = 0; i < f->n_tasks; i++) {
			struct frozen_task *task = &f->tasks[i];

			if (task->state == FROZEN_GONE || (task->state == FROZEN_STOPPED) != stopped)
				continue;
			if (stopped)
				repeat_call(f, task);
			freezer_release(f, task);
		}
}

/*
 * A process frees its memory by itself, on one processor; for a large one that is as long as many a
 * dump. So another helps. Where it is no use the kernel says so.
 */
static void help_dying(const struct freezer *f)
{
	for (size_t i = 0; i < f->n_processes; i++)
		if (f->processes[i].pidfd >= 0)
			(void)syscall(SYS_process_mrelease, f->processes[i].pidfd, 0);
}

/* Has a thread that was killed died? What is waited for here is ours by ptrace only. */
static bool has_died(const struct frozen_task *task)
{
	siginfo_t si = { 0 };

	return waitid(P_PID, (id_t)task->tid, &si, WEXITED | WNOHANG | __WALL) < 0 || si.si_pid;
}

/*
 * Waits until all are dead: the real parents learn of their children by it. Threads go
 * before their leader, whose end is reported last. One that cannot die now (it waits for
 * a device) is left to the kernel.
 */
static void reap_tasks(struct freezer *f)
{
	const struct timespec step = { .tv_nsec = 20000000 };
	long long until = clock_ns() + REAP_NS;
	size_t left = 1;
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (left && clock_ns() < until) {
		left = 0;
		for (size_t i = 0; i < f->n_tasks; i++) {
			if (f->tasks[i].state == FROZEN_GONE)
				continue;
			if (has_died(&f->tasks[i]))
				f->tasks[i].state = FROZEN_GONE;
			else
				left++;
		}
		if (left)
			sigtimedwait(&child, NULL, &step);
	}
	if (left)
		log_warn(f->log, "%zu threads were killed, but have not ended yet; ignoring", left);
}

int freezer_thaw(struct freezer *f, enum thaw_how how, struct error *err)
{
	int ret = 0;

	if (f->is_thawed)
		return 0;
	f->is_thawed = true;
	if (how == THAW_KILL) {
		ret = signal_processes(f, SIGKILL, err);
		if (!ret) {
			help_dying(f);
			reap_tasks(f);
		}
	} else if (how == THAW_STOP) {
		/* queued before anything is detached: the tasks stop on their way out */
		ret = signal_processes(f, SIGSTOP, err);
	}
	if (how != THAW_KILL || ret)
		detach_tasks(f);
	return ret;
}
