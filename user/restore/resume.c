// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tasks get their registers and are let go. Up to the first that is let go, all of
 * it can be undone; after that, nothing fails any more.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "kind.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "regfile.h"
#include "restore/finish.h"
#include "restore/rearm.h"
#include "restore/restore.h"
#include "sa.pb-c.h"

#define KERNEL_SIGSET 8

typedef int (*for_task)(struct restore *r, struct new_task *t, struct error *err);

static int for_all(struct restore *r, for_task act, struct error *err)
{
	for (size_t i = 0; i < r->n_processes; i++) {
		struct new_process *p = r->processes[i];

		for (size_t j = 0; j < p->n_tasks && !p->is_dead; j++)
			if (act(r, &p->tasks[j], err))
				return fail_in(err, "task %d", p->tasks[j].tid);
	}
	return 0;
}

static int arm_files(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct new_file *f = r->files[i];

		if (f->process && f->kind->file->arm && f->kind->file->arm(r, f))
			return fail_in(err, "process %d: descriptor %u", f->process->pid,
				       f->number);
	}
	return 0;
}

int restore_settle(struct restore *r, struct new_file *f)
{
	/* Marked before: files that watch each other would never come to an end. */
	if (f->is_settled || !f->process || !f->kind->file->settle)
		return 0;
	f->is_settled = true;
	return f->kind->file->settle(r, f);
}

static int settle_files(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (restore_settle(r, r->files[i]))
			return fail_in(err, "process %d: descriptor %u", r->files[i]->process->pid,
				       r->files[i]->number);
	return 0;
}

static void close_once(struct ids *closed, int *fd)
{
	if (*fd >= 0 && !ids_get(closed, (uint64_t)*fd)) {
		close(*fd);
		(void)ids_set(closed, (uint64_t)*fd, 1);
	}
	*fd = -1;
}

/* The program's ends of pipes and sockets are to be the only ones. Many mappings may have one
 * descriptor. */
static void close_files(struct restore *r)
{
	struct ids closed = {0};

	for (size_t i = 0; i < r->n_files; i++)
		close_once(&closed, &r->files[i]->fd);
	for (size_t i = 0; i < r->n_processes; i++)
		for (size_t j = 0; j < r->processes[i]->n_vmas; j++)
			close_once(&closed, &r->processes[i]->vmas[j].fd);
	ids_deinit(&closed);
}

/*
 * The engine's trap makes the default of SIGTRAP if it was ignored, so that is put
 * back by a call that does not end in a trap.
 */
static int ignore_trap(struct new_task *t, struct error *err)
{
	const TaskCoreEntry *tc = t->core->tc;
	const SaEntry *sa = tc->n_sigactions >= SIGTRAP ? tc->sigactions[SIGTRAP - 1] : NULL;
	const __u64 action[4] = {sa ? sa->sigaction : 0, sa ? sa->flags : 0, sa ? sa->restorer : 0,
				 sa ? sa->mask : 0};
	__u64 at = batch_data(injected_batch(t->injected), action, sizeof(action), NULL);
	__s64 result = 0;
	int ret;

	if (!sa || (void *)(uintptr_t)sa->sigaction != SIG_IGN)
		return 0;
	ret = injected_syscall(t->injected, SYS_rt_sigaction,
			       (const __u64[6]){SIGTRAP, at, 0, KERNEL_SIGSET}, &result, err);
	if (ret)
		return ret;
	return result < 0 ? fail(err, (int)result, "cannot ignore SIGTRAP") : 0;
}

static int unmap_engine(struct restore *r, struct new_task *t, struct error *err)
{
	if (t != t->process->tasks)
		return 0;
	return ignore_trap(t, err) ?: injected_unmap(t->injected, err);
}

/* From here on the task is driven by ptrace alone. */
static int hand_over(struct restore *r, struct new_task *t, struct error *err)
{
	int ret = rearm_sleep(r, t, err);

	if (ret)
		return ret;
	injected_forget(t->injected);
	t->injected = NULL;
	t->is_released = true;
	for (const struct kind *const *k = kinds; *k && !ret; k++)
		if ((*k)->task && (*k)->task->seal)
			ret = (*k)->task->seal(r, t);
	return ret ?: regs_set(&t->regs, t->tid, err);
}

/* A task that SIGKILL ended meanwhile is nothing to complain of. */
static int let_go(struct restore *r, struct new_task *t, struct error *err)
{
	if (ptrace(PTRACE_DETACH, t->tid, NULL, NULL) && errno != ESRCH)
		log_warn(r->log, "task %d cannot be let go: %s; ignoring", t->tid, strerror(errno));
	return 0;
}

int restore_resume(void *restore, struct error *err)
{
	struct restore *r = restore;
	int ret = arm_files(r, err) ?: settle_files(r, err);

	if (ret)
		return ret;
	close_files(r);
	ret = for_all(r, unmap_engine, err) ?: for_all(r, hand_over, err) ?: finish_files(r, err);
	if (ret)
		return ret;
	regfile_remove_links(r);
	r->resumed = true;
	for_all(r, let_go, err);
	r->stats.end_ns = clock_ns();
	return 0;
}
