// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who clones whom. A process is born into the session of the one that clones it and
 * can leave that only to lead one of its own; so a session decides the moment (before
 * its parent called setsid, or after) or even the cloner: an orphan whose parent has
 * adopted it from another session is born there.
 */
#include <errno.h>

#include "lib/err.h"
#include "restore/plan.h"
#include "restore/restore.h"

static bool leads_session(const struct new_process *p)
{
	return p->sid == p->pid;
}

/* A stand-in for one that is gone: it is born, leads, and exits before resume. @pid 0: any. */
static int add_helper(struct restore *r, pid_t pid, struct new_process *parent, pid_t sid,
		      pid_t pgid, struct new_process **ret, struct error *err)
{
	struct new_process *p = arena_alloc(&r->arena, sizeof(*p)), **slot;

	if (!p)
		return fail(err, ENOMEM, "cannot plan the restore");
	p->tasks = arena_alloc(&r->arena, sizeof(*p->tasks));
	slot = p->tasks ? array_add(r->processes, r->n_processes) : NULL;
	if (!slot || (pid && ids_set(&r->pid_index, (uint64_t)pid, (uint32_t)r->n_processes)))
		return fail(err, ENOMEM, "cannot plan the restore");
	*slot = p;
	p->pid = pid;
	p->sid = sid;
	p->pgid = pgid;
	p->parent = parent;
	p->cloned_by = parent;
	p->is_helper = true;
	p->pages_fd = -1;
	p->n_tasks = 1;
	p->tasks[0].process = p;
	p->tasks[0].tid = pid;
	r->n_threads++;
	*ret = p;
	return 0;
}

/* A job of a shell belongs to the session, and mostly the group, of whoever restores it. */
static int adopt_shell_job(struct restore *r, bool shell_job, struct error *err)
{
	struct new_process *root = r->processes[0];
	pid_t sid = root->sid, pgid = root->pgid;

	if (leads_session(root))
		return 0;
	if (!shell_job) {
		fail(err, 0,
		     "the root of the tree, %d, leads no session: it was the job of a shell",
		     root->pid);
		return fail_hint(err, "use --shell-job, to make it a job of this one");
	}
	for (size_t i = 0; i < r->n_processes; i++) {
		struct new_process *p = r->processes[i];

		if (p->sid == sid)
			p->sid = r->home_sid;
		if (p->pgid == pgid && !restore_process(r, pgid))
			p->pgid = r->home_pgid;
	}
	return 0;
}

/* The session in which @leader must be born, for a child of it that stayed in the old one; 0: any.
 */
static pid_t wanted_birth(const struct restore *r, const struct new_process *leader)
{
	const struct new_process *parent = leader->parent;

	for (size_t i = 0; i < r->n_processes; i++) {
		const struct new_process *c = r->processes[i];

		if (c->parent == leader && !leads_session(c) && c->sid != leader->sid && parent &&
		    (c->sid == parent->sid || c->sid == parent->born_sid))
			return c->sid;
	}
	return 0;
}

/* The process, perhaps a new helper, that leads the session of @orphan. NULL if there is none. */
static int find_leader(struct restore *r, const struct new_process *orphan,
		       struct new_process **ret, struct error *err)
{
	struct new_process *leader = restore_process(r, orphan->sid);
	int code = 0;

	if (!leader && orphan->sid != r->home_sid &&
	    !ids_get(&r->pid_index, (uint64_t)orphan->sid)) {
		code = add_helper(r, orphan->sid, orphan->parent, orphan->sid, orphan->sid, &leader,
				  err);
		if (!code)
			leader->born_sid = orphan->parent->sid;
	}
	*ret = leader && leads_session(leader) ? leader : NULL;
	return code;
}

static bool descends(const struct new_process *p, const struct new_process *from)
{
	while (p && p != from)
		p = p->parent;
	return p;
}

/*
 * Its session is neither its parent's nor was it. A leader that is a sibling clones it;
 * one further down has a helper do so, whose end brings it to its parent, as once
 * the end of a process between them did.
 */
static int place_orphan(struct restore *r, struct new_process *p, struct error *err)
{
	struct new_process *leader, *between;
	int ret = find_leader(r, p, &leader, err);

	if (ret)
		return ret;
	p->born_sid = p->sid;
	if (leader && leader->parent == p->parent) {
		p->cloned_by = leader;
		p->as_sibling = true;
		return 0;
	}
	if (!leader || !descends(leader, p->parent))
		return fail(err, 0, "process %d cannot be brought into session %d as a child of %d",
			    p->pid, p->sid, p->parent->pid);
	ret = add_helper(r, 0, leader, leader->sid, 0, &between, err);
	if (ret)
		return ret;
	between->born_sid = leader->sid;
	p->cloned_by = between;
	p->by_adoption = true;
	return 0;
}

static int place(struct restore *r, struct new_process *p, struct error *err)
{
	struct new_process *parent = p->parent;
	int ret = 0;

	p->cloned_by = parent;
	if (!parent) {
		p->born_sid = r->home_sid;
	} else if (leads_session(p)) {
		p->born_sid = wanted_birth(r, p) ?: parent->sid;
		p->before_setsid = p->born_sid != parent->sid;
	} else if (p->sid == parent->sid) {
		p->born_sid = p->sid;
	} else if (p->sid == parent->born_sid) {
		p->born_sid = p->sid;
		p->before_setsid = true;
	} else {
		ret = place_orphan(r, p, err);
	}
	return ret;
}

/* A group needs its leader at least for the moment in which others join it. */
static int add_group_leader(struct restore *r, struct new_process *p, struct error *err)
{
	struct new_process *leader = restore_process(r, p->pgid);
	int ret;

	/* 0: the group was of another pid namespace, and is not kept. */
	if (!p->pgid || p->pgid == r->home_pgid || leader) {
		if (leader && leader->sid != p->sid)
			return fail(err, 0, "process %d of session %d is in a group of session %d",
				    p->pid, p->sid, leader->sid);
		return 0;
	}
	if (p->pgid <= 0 || ids_get(&r->pid_index, (uint64_t)p->pgid))
		return fail(err, 0, "process %d cannot be in the group %d", p->pid, p->pgid);
	ret = add_helper(r, p->pgid, p, p->sid, p->pgid, &leader, err);
	if (!ret)
		leader->born_sid = p->sid;
	return ret;
}

/* Turns cloned_by round: lists of births, in the order of the processes. */
static int list_births(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_processes; i++)
		if (r->processes[i]->cloned_by)
			r->processes[i]->cloned_by->n_births++;
	for (size_t i = 0; i < r->n_processes; i++) {
		struct new_process *p = r->processes[i];

		p->births = arena_alloc(&r->arena, (p->n_births ?: 1) * sizeof(*p->births));
		if (!p->births)
			return fail(err, ENOMEM, "cannot plan the restore");
		p->n_births = 0;
	}
	for (size_t i = 0; i < r->n_processes; i++) {
		struct new_process *by = r->processes[i]->cloned_by;

		if (by)
			by->births[by->n_births++] = r->processes[i];
	}
	return 0;
}

int plan_births(struct restore *r, bool shell_job, struct error *err)
{
	size_t n = r->n_processes;
	int ret = adopt_shell_job(r, shell_job, err);

	/* Helpers are added behind the others, and placed when they are made. */
	for (size_t i = 0; i < n && !ret; i++)
		ret = place(r, r->processes[i], err);
	for (size_t i = 0; i < n && !ret; i++)
		ret = add_group_leader(r, r->processes[i], err);
	return ret ?: list_births(r, err);
}
