// SPDX-License-Identifier: GPL-2.0-only
/* The end of those who are only needed, or only remembered, as dead. */
#include "restore/exit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "arch/arch.h"
#include "core.pb-c.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/err.h"
#include "restore/restore.h"

#define KERNEL_SIGSET 8

/* Waits until @tid has ended; stops on its way are left again, a signal is let through. */
static int await_end(pid_t tid, int *ret_status, struct error *err)
{
	for (;;) {
		int status, sig = 0;

		if (waitpid(tid, &status, __WALL) < 0) {
			if (errno == EINTR)
				continue;
			return fail(err, errno, "cannot wait for its end");
		}
		if (!WIFSTOPPED(status)) {
			*ret_status = status;
			return 0;
		}
		if (!(status >> 16))
			sig = WSTOPSIG(status);
		if (ptrace(PTRACE_CONT, tid, NULL, (void *)(long)sig) && errno != ESRCH)
			return fail(err, errno, "cannot let it end");
	}
}

/* Puts the task at a call of exit_group in the engine, and lets it go. */
static int start_exit(const struct restore *r, pid_t tid, int code, struct error *err)
{
	__u64 pc = r->engine_address + (__u64)(arch_engine_syscall - arch_engine);
	const __u64 args[6] = {(__u64)code};
	struct regs regs;
	int ret = regs_get(&regs, tid, err);

	if (ret)
		return ret;
	regs_prepare_syscall(&regs, pc, SYS_exit_group, args);
	ret = regs_set(&regs, tid, err);
	regs_deinit(&regs);
	if (!ret && ptrace(PTRACE_CONT, tid, NULL, NULL) && errno != ESRCH)
		ret = fail(err, errno, "cannot let it end");
	return ret;
}

/* Dies of @sig: not blocked, and without leaving a core behind. */
static int start_death(struct new_task *t, int sig, struct error *err)
{
	struct batch *batch = injected_batch(t->injected);
	const struct rlimit none = {0, 0};
	__u64 limit = batch_data(batch, &none, sizeof(none), NULL), mask = 0;
	int ret = batch_do(batch, "switching core dumps off", SYS_prlimit64, 0, RLIMIT_CORE, limit);

	ret = batch_run(batch, err) ?: ret;
	if (ret)
		return ret;
	if (ptrace(PTRACE_SETSIGMASK, t->tid, KERNEL_SIGSET, &mask) || kill(t->tid, sig) ||
	    (ptrace(PTRACE_CONT, t->tid, NULL, NULL) && errno != ESRCH))
		return fail(err, errno, "cannot end it by signal %d", sig);
	return 0;
}

static int name_zombie(struct new_task *t, struct error *err)
{
	struct batch *batch = injected_batch(t->injected);
	char name[16] = "";
	int ret;

	strncpy(name, t->core->tc->comm ?: "", sizeof(name) - 1);
	ret = batch_do(batch, "naming a zombie", SYS_prctl, PR_SET_NAME,
		       batch_data(batch, name, sizeof(name), NULL));
	return batch_run(batch, err) ?: ret;
}

static int end_transient(struct restore *r, struct new_process *p, struct error *err)
{
	struct new_task *t = &p->tasks[0];
	int code = p->is_zombie ? (int)t->core->tc->exit_code : 0, sig = code & 0x7f, status = 0,
	    ret = 0;

	if (p->is_zombie)
		ret = name_zombie(t, err);
	if (!ret)
		ret = sig ? start_death(t, sig, err) : start_exit(r, t->tid, code >> 8 & 0xff, err);
	if (!ret)
		ret = await_end(t->tid, &status, err);
	if (!ret && (status & 0x7f) != sig)
		ret = fail(err, 0, "it ended with status %x instead of %x", status, code);
	if (ret)
		return fail_in(err, "process %d", p->pid);
	injected_forget(t->injected);
	t->injected = NULL;
	p->is_dead = true;
	return 0;
}

int drop_sigchld(struct new_process *parent, struct error *err)
{
	struct batch *batch = injected_batch(parent->tasks[0].injected);
	__u64 action = batch_data(batch, NULL, 4 * sizeof(__u64), NULL);
	int ret = batch_do(batch, "dropping SIGCHLD", SYS_rt_sigaction, SIGCHLD, action, 0,
			   KERNEL_SIGSET);

	ret = batch_run(batch, err) ?: ret;
	return ret ? fail_in(err, "process %d", parent->pid) : 0;
}

/* The parent takes a helper away, and knows of no death. */
static int clean_parent(struct new_process *parent, const struct new_process *p, struct error *err)
{
	if (p->is_helper)
		batch_demand(injected_batch(parent->tasks[0].injected), "reaping a helper", p->pid,
			     SYS_wait4, p->pid, 0, __WALL, 0);
	return drop_sigchld(parent, err);
}

/* Who adopts the orphans whose helpers end. What the image says of it comes later. */
static int set_adopters(struct restore *r, bool adopt, struct error *err)
{
	for (size_t i = 0; i < r->n_processes; i++) {
		const struct new_process *p = r->processes[i];
		struct batch *batch;
		int ret;

		if (!p->by_adoption)
			continue;
		batch = injected_batch(p->parent->tasks[0].injected);
		ret = batch_do(batch, "adopting orphans", SYS_prctl, PR_SET_CHILD_SUBREAPER, adopt);
		ret = batch_run(batch, err) ?: ret;
		if (ret)
			return fail_in(err, "process %d", p->parent->pid);
	}
	return 0;
}

static int check_adopted(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_processes; i++) {
		const struct new_process *p = r->processes[i];
		struct batch *batch;
		int ret;

		if (!p->by_adoption || p->is_dead)
			continue;
		batch = injected_batch(p->tasks[0].injected);
		ret = batch_demand(batch, "finding its parent", p->parent->pid, SYS_getppid, 0);
		ret = batch_run(batch, err) ?: ret;
		if (ret)
			return fail_in(err, "process %d", p->pid);
	}
	return 0;
}

int exit_transients(struct restore *r, struct error *err)
{
	int ret = set_adopters(r, true, err);

	/* From the last: helpers stand behind all others, so a zombie that has one reaps it first.
	 */
	for (size_t i = r->n_processes; i-- > 1 && !ret;) {
		struct new_process *p = r->processes[i];

		if (p->is_helper || p->is_zombie)
			ret = end_transient(r, p, err) ?: clean_parent(p->parent, p, err);
	}
	return ret ?: check_adopted(r, err) ?: set_adopters(r, false, err);
}
