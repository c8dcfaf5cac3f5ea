// SPDX-License-Identifier: GPL-2.0-only
/* Signals: what is done about them, which are blocked, which wait, and the stack for handlers. */
#include <errno.h>
#include <linux/types.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "sa.pb-c.h"
#include "siginfo.pb-c.h"

#define KERNEL_SIGSET  8          /* bytes of the kernel's sigset_t */
#define N_ACTIONS      62         /* all signals but SIGKILL and SIGSTOP */
#define SA_IMMUTABLE   0x00800000 /* kernel's own: set when a fault is forced */
#define AUTODISARM     (1U << 31)
#define SI_SYS_PRIVATE 32 /* where siginfo of a timer keeps the kernel's sequence number */
#define DRAIN_MAX      8

#ifndef PTRACE_GETSIGMASK
#define PTRACE_GETSIGMASK 0x420a
#define PTRACE_SETSIGMASK 0x420b
#endif

/* --- dump ---------------------------------------------------------------- */

/*
 * The call is executed again after a restore, and changes the mask again. Where BPF cannot tell,
 * ptrace can.
 */
int dump_sigmask(const struct task *t, uint64_t *ret)
{
	*ret = t->rec->restore_sigmask == 1 ? t->rec->saved_blocked : t->rec->blocked;
	if (t->rec->restore_sigmask == 2 &&
	    ptrace(PTRACE_GETSIGMASK, t->tid, (void *)KERNEL_SIGSET, ret))
		return -errno;
	return 0;
}

static SignalQueueEntry *describe_queue(struct dump *d, const struct siginfo_record *const *pending,
					size_t n)
{
	SignalQueueEntry *queue = dump_message(d, &signal_queue_entry__descriptor);

	if (!queue)
		return NULL;
	queue->signals = arena_alloc(&d->arena, (n + 1) * sizeof(queue->signals[0]));
	for (size_t i = 0; queue->signals && i < n; i++) {
		SiginfoEntry *entry = dump_message(d, &siginfo_entry__descriptor);
		unsigned char *bytes = arena_copy(&d->arena, pending[i]->siginfo, RECORD_SIGINFO);
		int code;

		if (!entry || !bytes)
			return NULL;
		memcpy(&code, bytes + offsetof(siginfo_t, si_code), sizeof(code));
		if (code == SI_TIMER)
			memset(bytes + SI_SYS_PRIVATE, 0, sizeof(int));
		entry->siginfo.data = bytes;
		entry->siginfo.len = RECORD_SIGINFO;
		queue->signals[queue->n_signals++] = entry;
	}
	return queue->signals ? queue : NULL;
}

static int describe_actions(struct dump *d, const struct process *p, TaskCoreEntry *tc)
{
	tc->sigactions = arena_alloc(&d->arena, N_ACTIONS * sizeof(tc->sigactions[0]));
	if (!tc->sigactions)
		return fail(d->err, ENOMEM, "cannot describe its signals");
	for (int sig = 1; sig <= RECORD_SIGNALS; sig++) {
		const struct record_sigaction *action = &p->deep->actions[sig - 1];
		SaEntry *sa;

		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		sa = dump_message(d, &sa_entry__descriptor);
		if (!sa)
			return fail(d->err, ENOMEM, "cannot describe its signals");
		sa->sigaction = action->handler;
		sa->flags = action->flags & ~(uint64_t)SA_IMMUTABLE;
		sa->restorer = action->restorer;
		sa->mask = action->mask;
		sa->has_compat_sigaction = true;
		tc->sigactions[tc->n_sigactions++] = sa;
	}
	return 0;
}

static int describe_stack(struct dump *d, const struct task *t, ThreadCoreEntry *thread)
{
	ThreadSasEntry *sas = dump_message(d, &thread_sas_entry__descriptor);

	if (!sas)
		return fail(d->err, ENOMEM, "cannot describe its signals");
	sas->ss_sp = t->rec->sas_sp;
	sas->ss_size = t->rec->sas_size;
	sas->ss_flags = (t->rec->sas_size ? 0 : SS_DISABLE) | (t->rec->sas_flags & AUTODISARM);
	thread->sas = sas;
	return 0;
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	ThreadCoreEntry *thread = core->thread_core;
	struct process *p = t->process;
	uint64_t mask;
	int ret;

	if (p->is_zombie || !thread)
		return 0;
	ret = dump_sigmask(t, &mask);
	if (ret)
		return fail(d->err, ret, "cannot read its signal mask");
	ret = describe_stack(d, t, thread);
	if (ret)
		return ret;
	thread->signals_p = describe_queue(d, t->pending, t->n_pending);
	if (!thread->signals_p)
		return fail(d->err, ENOMEM, "cannot describe its signals");
	if (!core->tc) {
		thread->has_blk_sigset = true;
		thread->blk_sigset = mask;
		return 0;
	}
	core->tc->blk_sigset = mask;
	core->tc->signals_s = describe_queue(d, p->pending, p->n_pending);
	if (!core->tc->signals_s)
		return fail(d->err, ENOMEM, "cannot describe its signals");
	return describe_actions(d, p, core->tc);
}

/* --- restore ------------------------------------------------------------- */

static int check_queue(struct restore *r, const SignalQueueEntry *queue)
{
	for (size_t i = 0; queue && i < queue->n_signals; i++) {
		const ProtobufCBinaryData *info = &queue->signals[i]->siginfo;
		int sig;

		if (info->len != RECORD_SIGINFO)
			return fail(r->err, 0, "a pending signal takes %zu bytes, not %d",
				    info->len, RECORD_SIGINFO);
		memcpy(&sig, info->data, sizeof(sig));
		if (sig < 1 || sig > RECORD_SIGNALS)
			return fail(r->err, 0, "there is no signal %d, which is pending", sig);
	}
	return 0;
}

static int check(struct restore *r, struct new_task *t)
{
	const TaskCoreEntry *tc = t->core->tc;
	int ret = check_queue(r, t->core->thread_core->signals_p);

	if (ret || !tc)
		return ret;
	if (tc->n_sigactions != N_ACTIONS)
		return fail(r->err, 0, "the image holds %zu signal actions, not %d",
			    tc->n_sigactions, N_ACTIONS);
	for (size_t i = 0; i < tc->n_sigactions; i++)
		if (tc->sigactions[i]->compat_sigaction)
			return fail(r->err, 0, "it runs 32-bit code, which cannot be restored yet");
	return check_queue(r, tc->signals_s);
}

struct kernel_sigaction {
	__u64 handler, flags, restorer, mask;
};

/* All are default in a new task: only others are set. */
static int restore_actions(struct restore *r, struct new_task *t, struct batch *batch)
{
	const TaskCoreEntry *tc = t->core->tc;

	for (int sig = 1, i = 0; sig <= RECORD_SIGNALS; sig++) {
		const SaEntry *sa;
		struct kernel_sigaction action;

		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		sa = tc->sigactions[i++];
		action =
			(struct kernel_sigaction){sa->sigaction, sa->flags, sa->restorer, sa->mask};
		if (!action.handler && !action.flags && !action.restorer && !action.mask)
			continue;
		if (batch_reserve(batch, 1, sizeof(action)))
			return batch_run(batch, r->err);
		batch_call(batch, "setting the action of signal %llu", (__u64)sig, 0,
			   ENGINE_SUCCESS, 0, NULL, SYS_rt_sigaction,
			   (const __u64[6]){(__u64)sig,
					    batch_data(batch, &action, sizeof(action), NULL), 0,
					    KERNEL_SIGSET});
	}
	return 0;
}

static int restore_stack(struct restore *r, struct new_task *t, struct batch *batch)
{
	const ThreadSasEntry *sas = t->core->thread_core->sas;
	stack_t stack = {.ss_flags = SS_DISABLE};

	if (sas && !(sas->ss_flags & SS_DISABLE)) {
		stack.ss_sp = (void *)(unsigned long)sas->ss_sp;
		stack.ss_size = sas->ss_size;
		stack.ss_flags = (int)(sas->ss_flags & AUTODISARM);
	}
	if (batch_reserve(batch, 1, sizeof(stack)))
		return batch_run(batch, r->err);
	return batch_do(batch, "setting its signal stack", SYS_sigaltstack,
			batch_data(batch, &stack, sizeof(stack), NULL), 0);
}

/* A task may send itself what nobody else may: any code, also of the kernel's own signals. */
static int send_queue(struct restore *r, const SignalQueueEntry *queue, pid_t tgid, pid_t tid,
		      struct batch *batch)
{
	for (size_t i = 0; queue && i < queue->n_signals; i++) {
		const ProtobufCBinaryData *info = &queue->signals[i]->siginfo;
		int sig;
		__u64 at;

		memcpy(&sig, info->data, sizeof(sig));
		if (batch_reserve(batch, 1, info->len))
			return batch_run(batch, r->err);
		at = batch_data(batch, info->data, info->len, NULL);
		if (tid)
			batch_call(batch, "queueing signal %llu", (__u64)sig, 0, ENGINE_SUCCESS, 0,
				   NULL, SYS_rt_tgsigqueueinfo,
				   (const __u64[6]){(__u64)tgid, (__u64)tid, (__u64)sig, at});
		else
			batch_call(batch, "queueing signal %llu", (__u64)sig, 0, ENGINE_SUCCESS, 0,
				   NULL, SYS_rt_sigqueueinfo,
				   (const __u64[6]){(__u64)tgid, (__u64)sig, at});
	}
	return 0;
}

/*
 * What came by itself while the tree was made (SIGCHLD of zombies that ended, SIGIO of files
 * that were given an owner) is taken away first; all signals are blocked, so none got lost
 * that belongs there.
 */
static int drain(struct restore *r, struct batch *batch)
{
	const __u64 all = ~0ULL;
	const struct {
		__u64 sec, nsec;
	} now = {0};

	for (int i = 0; i < DRAIN_MAX; i++) {
		__u64 set, timeout;

		if (batch_reserve(batch, 1, sizeof(all) + sizeof(now)))
			return batch_run(batch, r->err);
		set = batch_data(batch, &all, sizeof(all), NULL);
		timeout = batch_data(batch, &now, sizeof(now), NULL);
		batch_try(batch, "draining its signals", SYS_rt_sigtimedwait, set, 0, timeout,
			  KERNEL_SIGSET);
	}
	return 0;
}

static int restore_pending(struct restore *r, struct new_task *t, struct batch *batch)
{
	bool is_leader = t == t->process->tasks;
	int ret = 0;

	if (is_leader)
		ret = drain(r, batch)
			      ?: send_queue(r, t->core->tc->signals_s, t->process->pid, 0, batch);
	return ret
		       ?: send_queue(r, t->core->thread_core->signals_p, t->process->pid, t->tid,
				     batch);
}

static int seal(struct restore *r, struct new_task *t)
{
	uint64_t mask = t->core->tc ? t->core->tc->blk_sigset : t->core->thread_core->blk_sigset;

	if (ptrace(PTRACE_SETSIGMASK, t->tid, (void *)sizeof(mask), &mask))
		return fail(r->err, errno, "cannot set its signal mask");
	return 0;
}

static const struct task_ops task_ops = {
	.describe = describe,
	.check = check,
	.restore =
		{
			[PHASE_PROCESS] = restore_actions,
			[PHASE_THREAD] = restore_stack,
			[PHASE_LAST] = restore_pending,
		},
	.seal = seal,
};

const struct kind kind_signals = {.name = "signals", .task = &task_ops};
