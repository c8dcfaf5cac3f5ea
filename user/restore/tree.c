// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tree grows: every process clones its children as the plan says. Those who share
 * no pages come first, while there is no memory to be multiplied; then all who exist
 * restore their memory at the same time; then come those who share, and so on.
 */
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "restore/exit.h"
#include "restore/memory.h"
#include "restore/restore.h"
#include "restore/stop.h"
#include "tty.h"

/* Processes that wait for their memory. */
struct wave {
	struct new_process **ps; /* owned */
	size_t n;
};

static struct batch *batch_of(const struct new_process *p)
{
	return injected_batch(p->tasks[0].injected);
}

static bool is_transient(const struct new_process *p)
{
	return p->is_helper || p->is_zombie;
}

static int add_to_wave(struct wave *wave, struct new_process *p, struct error *err)
{
	struct new_process **slot = array_add(wave->ps, wave->n);

	if (!slot)
		return fail(err, ENOMEM, "cannot restore the tree");
	*slot = p;
	return 0;
}

static int explain_clone(const struct new_process *p, struct error *err)
{
	if (err->code == -EEXIST)
		fail_hint(err,
			  "pid %d is in use, perhaps as a session or group; wait, or end its "
			  "members",
			  p->pid);
	return fail_in(err, "process %d", p->pid);
}

/* What its parent gets when it ends. A zombie's may differ too. */
static int exit_signal(const struct new_process *p)
{
	const CoreEntry *core = p->tasks[0].core;

	return core && core->tc && core->tc->has_exit_signal ? core->tc->exit_signal : SIGCHLD;
}

static int spawn_root(struct restore *r, struct new_process *root, struct error *err)
{
	pid_t tids[] = {root->pid};
	struct clone_args args = {
		.flags = r->opt->sibling ? CLONE_PARENT : 0,
		.exit_signal = r->opt->sibling ? 0 : exit_signal(root),
		.set_tid = (__u64)(uintptr_t)tids,
		.set_tid_size = 1,
	};

	if (engine_spawn(r->engine, &args, &root->tasks[0].injected, err))
		return explain_clone(root, err);
	root->vdso_now = r->vdso;
	return memory_clear(r, root, err) ? fail_in(err, "process %d", root->pid) : 0;
}

/* @is_full: the cloner has its memory, of which the child keeps what it inherits. */
static int clone_child(struct restore *r, struct new_process *p, bool is_full, struct error *err)
{
	struct new_process *by = p->cloned_by;
	pid_t tids[] = {p->pid};
	struct clone_args args = {
		.flags = (p->as_sibling ? CLONE_PARENT : 0) | (p->files_of ? CLONE_FILES : 0),
		.exit_signal = p->as_sibling ? 0 : exit_signal(p),
		.set_tid = (__u64)(uintptr_t)tids,
		.set_tid_size = 1,
	};

	if (p->files_of && p->files_of != by && p->files_of != by->files_of)
		return fail(err, 0, "process %d cannot share the descriptors of %d", p->pid,
			    p->files_of->pid);
	if (engine_clone(by->tasks[0].injected, &args, &p->tasks[0].injected, err))
		return explain_clone(p, err);
	p->vdso_now = by->vdso_now;
	if (is_full && !is_transient(p) && memory_clear(r, p, err))
		return fail_in(err, "process %d", p->pid);
	return 0;
}

/* With a terminal, if it has one: children have theirs from here. */
static int lead_session(struct restore *r, struct new_process *p, struct error *err)
{
	int ret = batch_demand(batch_of(p), "leading a session", p->pid, SYS_setsid, 0);

	ret = batch_run(batch_of(p), err) ?: ret ?: tty_lead(r, p, err);
	return ret ? fail_in(err, "process %d", p->pid) : 0;
}

static int grow(struct restore *r, struct new_process *p, bool is_full, struct wave *wave,
		struct error *err);

/* The children of @p that share no pages with it: those of its old session, or the others. */
static int grow_children(struct restore *r, struct new_process *p, bool before_setsid, bool is_full,
			 struct wave *wave, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < p->n_births && !ret; i++) {
		struct new_process *c = p->births[i];

		if (c->after_memory || c->before_setsid != before_setsid)
			continue;
		ret = clone_child(r, c, is_full, err) ?: grow(r, c, is_full, wave, err);
	}
	return ret;
}

/* @p was just cloned. Depth is bounded by the image's tree, which validate has seen. */
static int grow(struct restore *r, struct new_process *p, bool is_full, struct wave *wave,
		struct error *err)
{
	int ret = grow_children(r, p, true, is_full, wave, err);

	if (!ret && p->sid == p->pid)
		ret = lead_session(r, p, err);
	if (!ret)
		ret = grow_children(r, p, false, is_full, wave, err);
	if (!ret && !is_transient(p))
		ret = add_to_wave(wave, p, err);
	return ret;
}

/* The memory of all in @wave, then the children that inherit from them, into @next. */
static int ride(struct restore *r, const struct wave *wave, struct wave *next, struct error *err)
{
	int ret = memory_restore(r, wave->ps, wave->n, err);

	for (size_t i = 0; i < wave->n && !ret; i++) {
		struct new_process *p = wave->ps[i];

		for (size_t j = 0; j < p->n_births && !ret; j++) {
			struct new_process *c = p->births[j];

			if (c->after_memory)
				ret = clone_child(r, c, true, err) ?: grow(r, c, true, next, err);
		}
	}
	return ret;
}

static int grow_tree(struct restore *r, struct error *err)
{
	struct new_process *root = r->processes[0];
	struct wave wave = {0};
	int ret = spawn_root(r, root, err) ?: grow(r, root, false, &wave, err);

	while (wave.n && !ret) {
		struct wave next = {0};

		ret = ride(r, &wave, &next, err);
		free(wave.ps);
		wave = next;
	}
	free(wave.ps);
	return ret;
}

static int set_group(struct restore *r, struct new_process *p, struct error *err)
{
	int ret;

	if (!p->pgid || p->sid == p->pid)
		return 0;
	ret = batch_do(batch_of(p), "joining its process group", SYS_setpgid, 0,
		       p->pgid == p->pid ? 0 : p->pgid);
	ret = batch_run(batch_of(p), err) ?: ret;
	return ret ? fail_in(err, "process %d", p->pid) : 0;
}

static bool leads_group(const struct restore *r, const struct new_process *p)
{
	if (p->pgid == p->pid)
		return true;
	for (size_t i = 0; i < r->n_processes; i++)
		if (r->processes[i]->pgid == p->pid)
			return true;
	return false;
}

/* Leaders first, also those who have since moved to another group; then all to where they belong.
 */
static int set_groups(struct restore *r, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < r->n_processes && !ret; i++) {
		struct new_process *p = r->processes[i];
		pid_t pgid = p->pgid;

		if (p->sid == p->pid || !leads_group(r, p))
			continue;
		p->pgid = p->pid;
		ret = set_group(r, p, err);
		p->pgid = pgid;
	}
	for (size_t i = 0; i < r->n_processes && !ret; i++)
		if (r->processes[i]->pgid != r->processes[i]->pid)
			ret = set_group(r, r->processes[i], err);
	return ret;
}

int restore_tree(void *restore, struct error *err)
{
	struct restore *r = restore;
	int ret;

	r->stats.fork_ns = clock_ns();
	/* Orphans of a tree that has to be ended again come to us. */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (size_t i = 0; i < r->n_files; i++)
		r->files[i]->born_fd = r->files[i]->fd;
	ret = engine_create(&r->engine, r->engine_address, r->n_threads, err) ?:
	      grow_tree(r, err) ?:
	      set_groups(r, err) ?:
	      exit_transients(r, err) ?: stop_processes(r, err);
	r->stats.fork_ns = clock_ns() - r->stats.fork_ns;
	return ret;
}

static void wait_for_end(pid_t tid)
{
	while (tid > 0 && waitpid(tid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

/*
 * All of them are dead, and ours by now: as tracees or as orphans. Threads first, a
 * leader ends with the last one. Other children of this process are not touched.
 */
static void reap(const struct restore *r)
{
	for (size_t i = 0; i < r->n_processes; i++) {
		const struct new_process *p = r->processes[i];

		for (size_t j = p->n_tasks; j--;)
			wait_for_end(p->tasks[j].tid);
	}
	/* Once as a tracee, once as an orphan. */
	for (size_t i = 0; i < r->n_processes; i++)
		wait_for_end(r->processes[i]->pid);
}

void restore_kill(void *restore, bool failed, struct error *err)
{
	struct restore *r = restore;

	for (size_t i = 0; i < r->n_processes && !r->resumed; i++)
		if (r->processes[i]->tasks[0].is_released)
			kill(r->processes[i]->pid, SIGKILL);
	engine_destroy(r->engine);
	r->engine = NULL;
	if (!r->resumed)
		reap(r);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0);
}
