// SPDX-License-Identifier: GPL-2.0-only
#include "dump/freezer.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dump/freezer-tree.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"

#define MS 1000000ll
/* A task that has not stopped after so long may wait for a vfork child that we hold. */
#define STUCK_NS (20 * MS)

/* Is @pid this process or one that it descends from? */
static bool is_own_ancestor(pid_t pid)
{
	struct task_status status;

	for (pid_t at = getpid(); at > 0; at = status.ppid) {
		if (at == pid)
			return true;
		if (task_status_read(at, at, &status))
			return false;
	}
	return false;
}

static int check_root(pid_t root, struct error *err)
{
	struct task_status status;

	if (task_status_read(root, root, &status)) {
		/* pids are never those of threads: /proc shows them only below their process */
		fail(err, ESRCH, "process %d", root);
		return fail_hint(err, "ps -e lists the processes that there are");
	}
	if (status.tgid != root) {
		fail(err, 0, "%d is a thread of process %d, not a process", root, status.tgid);
		return fail_hint(err, "--tree %d", status.tgid);
	}
	if (is_own_ancestor(root)) {
		fail(err, 0, "process %d started this crbpf, which cannot freeze itself", root);
		return fail_hint(err, "start crbpf from outside the tree");
	}
	if (status.state == 'Z' || status.state == 'X')
		return fail(err, 0, "process %d has ended already, and waits for its parent", root);
	return 0;
}

int freezer_create(struct freezer **ret, pid_t root, struct log *log, struct error *err)
{
	struct freezer *f;
	sigset_t child;
	char path[64];
	int code = check_root(root, err);

	if (code)
		return code;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", root, root);
	if (access(path, R_OK) && !kill(root, 0))
		return fail(err, errno, "this kernel does not list children (%s)", path);
	f = calloc(1, sizeof(*f));
	if (!f)
		return fail(err, ENOMEM, "cannot begin to freeze");
	f->log = log;
	code = freezer_add_process(f, root, 0, err);
	if (code) {
		freezer_destroy(f);
		return code == -ESRCH ? fail(err, ESRCH, "process %d", root) : code;
	}
	/* Stops are announced by SIGCHLD: blocked, it is kept for sigtimedwait. */
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &child, &f->old_mask);
	f->is_masked = true;
	*ret = f;
	return 0;
}

static void set_state(struct freezer *f, struct frozen_task *task, enum frozen_state state)
{
	if (task->state == FROZEN_SEIZED)
		f->n_running--;
	if (state == FROZEN_SEIZED)
		f->n_running++;
	task->state = state;
}

void freezer_release(struct freezer *f, struct frozen_task *task)
{
	long long until = clock_ns() + STUCK_NS;
	siginfo_t si = { 0 };
	long signo = 0;

	/*
	 * Only a stopped task can be detached. One that does not stop now (a parent in
	 * vfork) goes free when this process ends: it has not even noticed us.
	 */
	while (task->state == FROZEN_SEIZED && !si.si_pid && clock_ns() < until)
		if (waitid(P_PID, (id_t)task->tid, &si,
			   WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) < 0)
			break;
	if (si.si_code == CLD_TRAPPED && si.si_status >> 8 == 0)
		signo = si.si_status;	/* on its way to the task, and must not end here */
	ptrace(PTRACE_DETACH, task->tid, NULL, (void *)signo);
	set_state(f, task, FROZEN_GONE);
}

/*
 * A stop was reported. A signal on its way is given to the task, which stops again
 * before it executes anything, for it is still to be interrupted.
 */
static int take_stop(struct freezer *f, struct frozen_task *task, int status, struct error *err)
{
	if (status >> 8 == PTRACE_EVENT_STOP) {
		set_state(f, task, FROZEN_STOPPED);
		return 0;
	}
	log_debug(f->log, "thread %d: signal %d comes first", task->tid, status & 0x7f);
	if (ptrace(PTRACE_CONT, task->tid, NULL, (void *)(long)(status >> 8 ? 0 : status & 0x7f)) < 0 &&
	    errno != ESRCH)
		return fail(err, errno, "thread %d: cannot give it signal %d", task->tid, status);
	return 0;
}

/* Looks whether a task has stopped or died, without waiting. */
static int poll_task(struct freezer *f, struct frozen_task *task, struct error *err)
{
	siginfo_t si = { 0 };

	if (waitid(P_PID, (id_t)task->tid, &si,
		   WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) < 0) {
		if (errno != ECHILD)
			return fail(err, errno, "cannot wait for thread %d", task->tid);
		set_state(f, task, FROZEN_GONE);	/* its number went with an exec */
		return 0;
	}
	if (!si.si_pid)
		return 0;
	if (si.si_code == CLD_TRAPPED || si.si_code == CLD_STOPPED)
		return take_stop(f, task, si.si_status, err);
	/* Dead: only now does its parent learn of it. */
	waitid(P_PID, (id_t)task->tid, &si, WEXITED | WNOHANG | __WALL);
	set_state(f, task, FROZEN_GONE);
	return 0;
}

static int poll_tasks(struct freezer *f, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < f->n_tasks && f->n_running && !ret; i++)
		if (f->tasks[i].state == FROZEN_SEIZED)
			ret = poll_task(f, &f->tasks[i], err);
	return ret;
}

static bool shares_memory(pid_t a, pid_t b)
{
	return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}

/*
 * A parent in vfork does not stop before its child has left the common memory, and
 * that we hold: the child is let go, to be caught again. Returns the number of children released.
 */
static size_t release_vfork_children(struct freezer *f, const struct frozen_task *parent)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_tasks; i++) {
		struct frozen_task *task = &f->tasks[i];
		uint32_t known = ids_get(&f->process_index, (uint64_t)task->pid);

		if (task->state != FROZEN_STOPPED || task->pid == parent->pid ||
		    f->processes[known - 1].parent != parent->pid ||
		    !shares_memory(parent->tid, task->tid))
			continue;
		log_debug(f->log, "process %d: waits in vfork for %d, which is let go", parent->pid,
			  task->pid);
		freezer_release(f, task);
		n++;
	}
	return n;
}

/* Deals with what still runs after a while. Returns 0, or -errno if nothing will ever stop it. */
static int unstick(struct freezer *f, struct error *err)
{
	for (size_t i = 0; i < f->n_tasks; i++) {
		struct frozen_task *task = &f->tasks[i];
		struct task_status status;

		if (task->state != FROZEN_SEIZED)
			continue;
		if (!task_status_read(task->pid, task->tid, &status) &&
		    (status.state == 'Z' || status.state == 'X')) {
			/* a leader that has ended is reported when its last thread has */
			uint32_t known = ids_get(&f->process_index, (uint64_t)task->pid);

			f->processes[known - 1].leader_is_dead = task->tid == task->pid;
			set_state(f, task, FROZEN_GONE);
			continue;
		}
		release_vfork_children(f, task);
	}
	return 0;
}

static int fail_timeout(struct freezer *f, struct error *err)
{
	for (size_t i = 0; i < f->n_tasks; i++) {
		const struct frozen_task *task = &f->tasks[i];
		struct task_status status;

		if (task->state != FROZEN_SEIZED)
			continue;
		if (task_status_read(task->pid, task->tid, &status))
			status.state = '?';
		fail(err, ETIMEDOUT, "process %d: thread %d does not stop (state %c)", task->pid,
		     task->tid, status.state);
		return fail_hint(err, "it may wait for a vfork child or a device; try again later");
	}
	fail(err, ETIMEDOUT, "the tree changes faster than it can be frozen");
	return fail_hint(err, "a longer --timeout may help");
}

/* Waits until every seized task stands still. */
static int wait_stops(struct freezer *f, struct error *err)
{
	const struct timespec step = { .tv_nsec = STUCK_NS };
	long long stuck = clock_ns() + STUCK_NS;
	sigset_t child;
	int ret;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		ret = poll_tasks(f, err);
		if (ret || !f->n_running)
			return ret;
		if (clock_ns() > f->deadline)
			return fail_timeout(f, err);
		if (clock_ns() > stuck) {
			ret = unstick(f, err);
			if (ret)
				return ret;
			stuck = clock_ns() + STUCK_NS;
		}
		sigtimedwait(&child, NULL, &step);
	}
}

/* Lists what is held, and refuses processes whose leader is dead while others live on. */
static int list_processes(struct freezer *f, struct error *err)
{
	f->pids = calloc(f->n_processes, sizeof(*f->pids));
	if (!f->pids)
		return fail(err, ENOMEM, "cannot list the processes");
	for (size_t i = 0; i < f->n_processes; i++)
		if (f->processes[i].pidfd >= 0)
			f->pids[f->n_pids++] = f->processes[i].pid;
	for (size_t i = 0; i < f->n_tasks; i++) {
		uint32_t known = ids_get(&f->process_index, (uint64_t)f->tasks[i].pid);

		if (f->tasks[i].state != FROZEN_GONE && f->processes[known - 1].leader_is_dead)
			return fail(err, EOPNOTSUPP,
				    "process %d: its main thread has ended, thread %d lives on",
				    f->tasks[i].pid, f->tasks[i].tid);
	}
	if (f->processes[0].leader_is_dead)
		return fail(err, ESRCH, "process %d has ended meanwhile", f->processes[0].pid);
	return 0;
}

int freezer_freeze(struct freezer *f, unsigned int timeout, struct error *err)
{
	bool changed = true;
	int ret = 0;

	f->deadline = timeout ? clock_ns() + timeout * 1000 * MS : INT64_MAX;
	while (changed && !ret) {
		ret = freezer_scan(f, &changed, err);
		if (!ret && f->n_running) {
			changed = true;
			ret = wait_stops(f, err);
		}
		if (!ret && changed && clock_ns() > f->deadline)
			ret = fail_timeout(f, err);
	}
	f->frozen_at = clock_ns();
	return ret ?: list_processes(f, err);
}

size_t freezer_pids(const struct freezer *f, const pid_t **ret)
{
	*ret = f->pids;
	return f->n_pids;
}

int freezer_pidfd(const struct freezer *f, pid_t pid)
{
	uint32_t known = ids_get(&f->process_index, (uint64_t)pid);

	return known ? f->processes[known - 1].pidfd : -1;
}

void freezer_destroy(struct freezer *f)
{
	const struct timespec now = { 0 };
	sigset_t child;

	if (!f)
		return;
	freezer_thaw(f, THAW_RUN, NULL);
	for (size_t i = 0; i < f->n_processes; i++)
		if (f->processes[i].pidfd >= 0)
			close(f->processes[i].pidfd);
	if (f->is_masked) {
		sigemptyset(&child);
		sigaddset(&child, SIGCHLD);
		while (sigtimedwait(&child, NULL, &now) > 0)
			;
		sigprocmask(SIG_SETMASK, &f->old_mask, NULL);
	}
	ids_deinit(&f->process_index);
	ids_deinit(&f->task_index);
	ids_deinit(&f->ignored);
	free(f->processes);
	free(f->tasks);
	free(f->pids);
	free(f->text);
	free(f);
}
