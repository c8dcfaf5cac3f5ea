// SPDX-License-Identifier: GPL-2.0-only
/* What a process is as such: its state, name, personality, and how it relates to its parent. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "restore/restore.h"

#define PF_KTHREAD        0x00200000
#define SIGNAL_GROUP_EXIT 4
#define COMM_MAX          15 /* bytes of a name, without the NUL */

enum { TASK_ALIVE = 1, TASK_DEAD, TASK_STOPPED }; /* tc.task_state */

/* PFA_* bits of task->atomic_flags that prctl(PR_SET_SPECULATION_CTRL) sets. */
enum {
	PFA_SSB_DISABLE = 1 << 3,
	PFA_SSB_FORCE = 1 << 4,
	PFA_IB_DISABLE = 1 << 5,
	PFA_IB_FORCE = 1 << 6,
	PFA_SPECULATION = PFA_SSB_DISABLE | PFA_SSB_FORCE | PFA_IB_DISABLE | PFA_IB_FORCE,
};

/* --- syscall user dispatch ------------------------------------------------- */

/* Since 6.4; linux/ptrace.h collides with sys/ptrace.h. */
#ifndef PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG
#define PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG 0x4210
#define PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG 0x4211
#endif
struct sud_config {
	uint64_t mode, selector, offset, len;
};

/* Does this kernel let a tracer arm it? A child is asked about, for it must be a tracee. */
static bool try_dispatch(void)
{
	struct sud_config config;
	pid_t self = getpid(), pid = fork();
	bool can = false;

	if (pid < 0)
		return false;
	if (!pid) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != self)
			_exit(1);
		for (;;)
			pause();
	}
	if (!ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_EXITKILL) &&
	    !ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) && waitpid(pid, NULL, __WALL) == pid)
		can = !ptrace(PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG, pid, (void *)sizeof(config),
			      &config);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, __WALL);
	return can;
}

/* All threads may ask, while the tree is frozen: it is tried once. */
static bool can_dump_dispatch(struct learned *learned)
{
	if (learned->dispatch == NOT_TRIED)
		learned->dispatch = try_dispatch() ? CAN_ARM : CANNOT_ARM;
	return learned->dispatch == CAN_ARM;
}

static bool can_restore_dispatch(struct restore *r)
{
	const uint64_t key = (uintptr_t)&can_restore_dispatch;

	if (!ids_get(&r->kind_data, key))
		(void)ids_set(&r->kind_data, key, try_dispatch() ? CAN_ARM : CANNOT_ARM);
	return ids_get(&r->kind_data, key) == CAN_ARM;
}

/* --- judge --------------------------------------------------------------- */

/* Sessions and groups whose leaders are not in the tree: it would be torn from them. */
static void judge_session(struct judge *j, const struct process *p)
{
	const struct process_record *rec = p->rec;
	const struct process *root = j->snap->processes[0];
	bool is_roots = rec->sid.host == root->rec->sid.host;

	if (!rec->pgid.host || !rec->sid.host) {
		judge_process(j, p, "session", "dump from where it was started",
			      "its session or group leads out of this pid namespace");
		return;
	}
	if (!p->parent && rec->sid.host != p->pid && !j->options->shell_job)
		judge_process(j, p, "session", "dump the session's leader, or use --shell-job",
			      "belongs to the session of process %d, which is not in the tree",
			      rec->sid.host);
	else if (p->parent && !is_roots && !snapshot_process(j->snap, rec->sid.host) &&
		 !kill(rec->sid.host, 0))
		judge_process(j, p, "session", "dump the session's leader",
			      "belongs to the session of process %d, which is not in the tree",
			      rec->sid.host);
	if (rec->pgid.host != root->rec->pgid.host && !snapshot_process(j->snap, rec->pgid.host) &&
	    !kill(rec->pgid.host, 0))
		judge_process(j, p, "group", "dump the group's leader",
			      "belongs to the group of process %d, which is not in the tree",
			      rec->pgid.host);
}

static void judge_task_flags(struct judge *j, const struct task *t)
{
	const struct task_record *rec = t->rec;

	if (rec->flags & PF_KTHREAD)
		judge_task(j, t, "kernel thread", NULL, "a kernel thread cannot be checkpointed");
	if (rec->arch_flags & RECORD_TASK_COMPAT)
		judge_task(j, t, "32-bit", NULL, "runs 32-bit code, which cannot be carried yet");
	/* While we dump, the tracer is this process. */
	if (rec->ptrace && rec->tracer.host != getpid())
		judge_task(j, t, "ptrace", "detach the debugger", "is traced by process %d",
			   rec->tracer.host);
	if (rec->sysvsem_undo)
		judge_task(j, t, "semaphore", NULL,
			   "has SEM_UNDO adjustments of SysV semaphores, which would be lost");
	if (rec->syscall_user_dispatch && !can_dump_dispatch(&j->snap->learned))
		judge_task(
			j, t, "dispatch", NULL,
			"syscall user dispatch is armed, which this kernel lets nobody put back");
}

static void judge(struct judge *j, const struct task *t)
{
	const struct process *p = t->process;

	if (p->is_zombie) {
		judge_session(j, p);
		return;
	}
	judge_task_flags(j, t);
	if (t == p->tasks && t->rec->exit_state)
		judge_process(
			j, p, "thread", NULL,
			"its first thread has ended while others run on, which cannot be carried");
	if (t == p->tasks)
		judge_session(j, p);
	else if (t->rec->personality != p->tasks->rec->personality) {
		judge_task(j, t, "personality", NULL,
			   "its personality %x differs from its process's and will not be kept",
			   t->rec->personality);
		judge_soften(j);
	}
}

/* --- dump ---------------------------------------------------------------- */

/*
 * CRIU reads the hexadecimal number of /proc/PID/personality as a decimal one, up to
 * the first digit that is none; the true number is in our own field.
 */
static uint32_t criu_personality(uint32_t personality)
{
	uint32_t value = 0;
	char text[12];

	snprintf(text, sizeof(text), "%08x", personality);
	(void)sscanf(text, "%" SCNu32, &value);
	return value;
}

static char *copy_comm(struct dump *d, const struct task *t)
{
	char comm[RECORD_COMM + 1] = "";

	memcpy(comm, t->rec->comm, RECORD_COMM);
	return arena_strdup(&d->arena, comm);
}

/* What wait(2) would say. */
static uint32_t exit_status(const struct process *p)
{
	return p->rec->signal_flags & SIGNAL_GROUP_EXIT ? p->rec->group_exit_code
							: (uint32_t)p->tasks->rec->exit_code;
}

static int describe_process(struct dump *d, const struct process *p, TaskCoreEntry *tc)
{
	const struct task_record *rec = p->tasks->rec;

	tc->task_state = p->is_zombie ? TASK_DEAD : p->rec->stop_signal ? TASK_STOPPED : TASK_ALIVE;
	tc->exit_code = p->is_zombie ? exit_status(p) : 0;
	tc->flags = rec->flags;
	tc->personality = criu_personality(rec->personality);
	tc->comm = copy_comm(d, p->tasks);
	if (!tc->comm)
		return fail(d->err, ENOMEM, "cannot describe it");
	if (rec->exit_signal != SIGCHLD) {
		tc->has_exit_signal = true;
		tc->exit_signal = rec->exit_signal;
	}
	if (p->is_zombie)
		return 0;
	if (p->rec->stop_signal) {
		tc->has_stop_signo = true;
		tc->stop_signo = p->rec->stop_signal;
	}
	tc->has_personality_value = true;
	tc->personality_value = rec->personality;
	tc->has_loginuid = true;
	tc->loginuid = p->rec->loginuid;
	tc->has_oom_score_adj = true;
	tc->oom_score_adj = p->rec->oom_score_adj;
	tc->has_child_subreaper = true;
	tc->child_subreaper = p->rec->is_child_subreaper;
	return 0;
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	ThreadCoreEntry *thread = core->thread_core;
	uint32_t speculation = t->rec->atomic_flags & PFA_SPECULATION;

	if (core->tc && describe_process(d, t->process, core->tc))
		return d->err->code;
	if (t->process->is_zombie || !thread)
		return 0;
	thread->comm = copy_comm(d, t);
	if (!thread->comm)
		return fail(d->err, ENOMEM, "cannot describe it");
	if (t->rec->pdeath_signal) {
		thread->has_pdeath_sig = true;
		thread->pdeath_sig = t->rec->pdeath_signal;
	}
	if (speculation) {
		thread->has_speculation = true;
		thread->speculation = speculation;
	}
	if (t->rec->syscall_user_dispatch) {
		thread->has_sud_selector = thread->has_sud_offset = thread->has_sud_len = true;
		thread->sud_selector = t->rec->sud_selector;
		thread->sud_offset = t->rec->sud_offset;
		thread->sud_len = t->rec->sud_len;
	}
	return 0;
}

/* --- restore ------------------------------------------------------------- */

static int check(struct restore *r, struct new_task *t)
{
	const TaskCoreEntry *tc = t->core->tc;
	const ThreadCoreEntry *thread = t->core->thread_core;

	if (thread->has_sud_offset && !can_restore_dispatch(r))
		return fail(r->err, 0, "syscall user dispatch cannot be armed on this kernel");
	if (thread->has_pdeath_sig && thread->pdeath_sig >= NSIG)
		return fail(r->err, 0, "there is no signal %u, its parent-death signal",
			    thread->pdeath_sig);
	if (tc && tc->has_exit_signal && (tc->exit_signal < 0 || tc->exit_signal >= NSIG))
		return fail(r->err, 0, "there is no signal %d, its exit signal", tc->exit_signal);
	if (tc && tc->has_stop_signo && tc->stop_signo != SIGSTOP && tc->stop_signo != SIGTSTP &&
	    tc->stop_signo != SIGTTIN && tc->stop_signo != SIGTTOU)
		return fail(r->err, 0, "signal %u stops no process", tc->stop_signo);
	if (tc && tc->has_oom_score_adj && (tc->oom_score_adj < -1000 || tc->oom_score_adj > 1000))
		return fail(r->err, 0, "its OOM score of %d is out of range", tc->oom_score_adj);
	return 0;
}

/*
 * Written from here: a task that has become somebody else could not. Below the least
 * value that its forebears had it wants CAP_SYS_RESOURCE.
 */
static int restore_oom_score(struct restore *r, pid_t pid, int32_t score)
{
	char path[64];
	int32_t now;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	f = fopen(path, "r+e");
	if (!f)
		return fail(r->err, errno, "cannot open %s", path);
	if (fscanf(f, "%" SCNd32, &now) == 1 && now == score) {
		fclose(f);
		return 0;
	}
	rewind(f);
	if (fprintf(f, "%d", score) < 0 || fflush(f))
		log_warn(r->log, "task %d: its OOM score cannot be set to %d: %s; ignoring", pid,
			 score, strerror(errno));
	fclose(f);
	return 0;
}

static void compare_loginuid(struct restore *r, const struct new_task *t)
{
	uint32_t uid = 0;
	FILE *f = fopen("/proc/self/loginuid", "re");

	if (!f)
		return;
	if (fscanf(f, "%" SCNu32, &uid) == 1 && uid != t->core->tc->loginuid)
		log_warn(r->log, "task %d: its login uid was %d and is %d now; ignoring", t->tid,
			 (int32_t)t->core->tc->loginuid, (int32_t)uid);
	fclose(f);
}

static int restore_process_part(struct restore *r, struct new_task *t, struct batch *batch)
{
	const TaskCoreEntry *tc = t->core->tc;

	if (tc->has_loginuid)
		compare_loginuid(r, t);
	if (tc->has_child_subreaper)
		batch_do(batch, "setting the child subreaper", SYS_prctl, PR_SET_CHILD_SUBREAPER,
			 tc->child_subreaper);
	if (tc->has_oom_score_adj)
		return restore_oom_score(r, injected_tid(t->injected), tc->oom_score_adj);
	return 0;
}

/* Which mitigations there are differs between processors: one that this lacks is not missed. */
static void restore_speculation(uint32_t flags, struct batch *batch)
{
	if (flags & (PFA_SSB_DISABLE | PFA_SSB_FORCE))
		batch_try(batch, "disabling store bypass", SYS_prctl, PR_SET_SPECULATION_CTRL,
			  PR_SPEC_STORE_BYPASS,
			  flags & PFA_SSB_FORCE ? PR_SPEC_FORCE_DISABLE : PR_SPEC_DISABLE);
	if (flags & (PFA_IB_DISABLE | PFA_IB_FORCE))
		batch_try(batch, "disabling indirect branches", SYS_prctl, PR_SET_SPECULATION_CTRL,
			  PR_SPEC_INDIRECT_BRANCH,
			  flags & PFA_IB_FORCE ? PR_SPEC_FORCE_DISABLE : PR_SPEC_DISABLE);
}

static int restore_thread(struct restore *r, struct new_task *t, struct batch *batch)
{
	const TaskCoreEntry *tc = t->process->tasks->core->tc;
	const ThreadCoreEntry *thread = t->core->thread_core;
	const char *comm = thread->comm;
	char name[COMM_MAX + 1] = "";

	if (tc && tc->has_personality_value)
		batch_do(batch, "setting its personality", SYS_personality, tc->personality_value);
	if (!comm && tc)
		comm = tc->comm;
	if (comm) {
		snprintf(name, sizeof(name), "%s", comm);
		if (batch_reserve(batch, 1, sizeof(name)))
			return batch_run(batch, r->err);
		batch_do(batch, "setting its name", SYS_prctl, PR_SET_NAME,
			 batch_data(batch, name, sizeof(name), NULL));
	}
	if (thread->has_speculation)
		restore_speculation(thread->speculation, batch);
	return 0;
}

/*
 * A change of credentials clears it. The root of a detached tree must not get it: its
 * parent, this process, is about to end.
 */
static int restore_last(struct restore *r, struct new_task *t, struct batch *batch)
{
	bool is_orphan = !t->process->parent && r->opt->detach && !r->opt->sibling;

	if (t->core->thread_core->has_pdeath_sig && is_orphan)
		log_info(r->log, "task %d: its parent-death signal is not set: its parent ends now",
			 t->tid);
	else if (t->core->thread_core->has_pdeath_sig)
		batch_do(batch, "setting its parent-death signal", SYS_prctl, PR_SET_PDEATHSIG,
			 t->core->thread_core->pdeath_sig);
	return 0;
}

/* Armed from outside: armed by the task itself, our own calls would be dispatched too. */
static int seal(struct restore *r, struct new_task *t)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	struct sud_config config = {
		.mode = 1, /* PR_SYS_DISPATCH_ON */
		.selector = thread->sud_selector,
		.offset = thread->sud_offset,
		.len = thread->sud_len,
	};

	if (!thread->has_sud_offset)
		return 0;
	if (ptrace(PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG, t->tid, (void *)sizeof(config),
		   &config))
		return fail(r->err, errno, "cannot arm syscall user dispatch");
	return 0;
}

static const struct task_ops task_ops = {
	.judge = judge,
	.describe = describe,
	.check = check,
	.restore =
		{
			[PHASE_PROCESS] = restore_process_part,
			[PHASE_THREAD] = restore_thread,
			[PHASE_LAST] = restore_last,
		},
	.seal = seal,
};

const struct kind kind_process = {.name = "process", .task = &task_ops};
