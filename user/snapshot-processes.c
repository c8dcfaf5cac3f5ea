// SPDX-License-Identifier: GPL-2.0-only
/* Tasks and processes of a snapshot: who belongs to whom, and in which order they are listed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "snapshot-build.h"

const char *record_path_text(const struct record_head *head, struct record_path path)
{
	const char *text = (const char *)head + path.offset;

	if (!path.offset)
		return "";
	if (path.offset >= head->size || path.length >= head->size - path.offset ||
	    text[path.length])
		return NULL;
	return text;
}

int snapshot_parts(struct snapshot *snap, const struct item *item, uint32_t type,
		   const void ***ret, size_t *ret_n)
{
	size_t n = 0;

	*ret = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < item->n_parts; i++)
		n += item->parts[i]->type == type;
	if (!n)
		return 0;
	*ret = arena_alloc(&snap->arena, n * sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	for (size_t i = 0; i < item->n_parts; i++)
		if (item->parts[i]->type == type)
			(*ret)[(*ret_n)++] = item->parts[i];
	return 0;
}

/* The group ids of a task, from its groups parts into one array. */
static int task_groups(struct snapshot *snap, const struct item *item, struct task *task)
{
	uint32_t n = task->rec->creds.n_groups, have = 0;
	uint32_t *groups;

	if (!n)
		return 0;
	groups = arena_alloc(&snap->arena, n * sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	for (size_t i = 0; i < item->n_parts; i++) {
		const struct groups_record *part = (const void *)item->parts[i];

		if (part->head.type != RECORD_GROUPS_PART)
			continue;
		if (part->first != have || part->n > RECORD_GROUPS || part->n > n - have)
			return -EPROTO;
		memcpy(groups + have, part->gid, part->n * sizeof(*groups));
		have += part->n;
	}
	task->groups = groups;
	return have == n ? 0 : -EPROTO;
}

static int task_init(struct snapshot *snap, const struct item *item, struct task *task,
		     struct process *process)
{
	const struct task_record *rec = item->rec;
	int ret;

	*task = (struct task){ .rec = rec,
			       .process = process,
			       .tid = rec->pid.host,
			       .vtid = rec->pid.virt };
	ret = snapshot_parts(snap, item, RECORD_SIGINFO_PART, (const void ***)&task->pending,
			     &task->n_pending);
	return ret ?: task_groups(snap, item, task);
}

static int process_init(struct snapshot *snap, const struct item *item, struct process *p)
{
	const struct process_record *rec = item->rec;
	const struct deep_record **deep;
	size_t n;
	int ret;

	*p = (struct process){ .rec = rec, .pid = rec->pid.host, .vpid = rec->pid.virt, .pidfd = -1 };
	p->exe = record_path_text(&rec->head, rec->exe);
	p->cwd = record_path_text(&rec->head, rec->cwd);
	p->root = record_path_text(&rec->head, rec->root);
	if (!p->exe || !p->cwd || !p->root)
		return -EPROTO;
	ret = snapshot_parts(snap, item, RECORD_DEEP_PART, (const void ***)&deep, &n);
	if (!ret && n)
		p->deep = deep[0];
	if (!ret)
		ret = snapshot_parts(snap, item, RECORD_SIGINFO_PART, (const void ***)&p->pending,
				     &p->n_pending);
	return ret ?: snapshot_parts(snap, item, RECORD_TIMER_PART, (const void ***)&p->timers,
				     &p->n_timers);
}

static int compare_tasks(const void *a, const void *b)
{
	const struct task *x = a, *y = b;
	bool x_leads = x->tid == x->process->pid, y_leads = y->tid == y->process->pid;

	if (x->process != y->process)
		return x->process < y->process ? -1 : 1;
	if (x_leads != y_leads)
		return x_leads ? -1 : 1;
	return x->vtid < y->vtid ? -1 : x->vtid > y->vtid;
}

/* Gives each process, all in one array, its run of the sorted tasks. */
static int share_tasks(struct snapshot *snap, struct process *all, size_t n, struct error *err)
{
	struct task *task = snap->tasks, *end = snap->tasks + snap->n_tasks;

	for (size_t i = 0; i < n; i++) {
		struct process *p = &all[i];

		p->tasks = task;
		while (task < end && task->process == p)
			task++;
		p->n_tasks = (size_t)(task - p->tasks);
		if (!p->n_tasks || p->tasks[0].tid != p->pid)
			return fail(err, EAGAIN, "process %d: its leader was not seen", p->pid);
		if (p->rec->n_threads && p->n_tasks != p->rec->n_threads)
			return fail(err, EAGAIN, "process %d: %zu of %u threads were seen", p->pid,
				    p->n_tasks, p->rec->n_threads);
		p->is_zombie = p->tasks[0].rec->exit_state && p->n_tasks == 1;
	}
	return 0;
}

static int build_tasks(struct snapshot *snap, struct process *all, size_t n, struct error *err)
{
	struct snapshot_builder *b = snap->builder;
	int ret = 0;

	snap->n_tasks = b->tasks.n;
	snap->tasks = arena_alloc(&snap->arena, b->tasks.n * sizeof(*snap->tasks));
	if (!snap->tasks)
		return fail(err, ENOMEM, "cannot list the threads");
	for (size_t i = 0; i < b->tasks.n && !ret; i++) {
		const struct task_record *rec = b->tasks.list[i].rec;
		uint32_t position = ids_get(&b->groups, rec->group);

		if (!position)
			return fail(err, EAGAIN, "thread %d: its process was not seen",
				    rec->pid.host);
		ret = task_init(snap, &b->tasks.list[i], &snap->tasks[i], &all[position - 1]);
		if (ret)
			fail(err, ret, "thread %d: wrong record", rec->pid.host);
	}
	if (ret)
		return ret;
	qsort(snap->tasks, snap->n_tasks, sizeof(*snap->tasks), compare_tasks);
	return share_tasks(snap, all, n, err);
}

static int compare_vpids(const void *a, const void *b)
{
	const struct process *x = *(struct process *const *)a, *y = *(struct process *const *)b;

	return x->vpid < y->vpid ? -1 : x->vpid > y->vpid;
}

struct process **snapshot_by_vpid(struct snapshot *snap)
{
	size_t n = snap->n_processes;
	struct process **sorted = arena_alloc(&snap->arena, (n + 1) * sizeof(*sorted));

	if (!sorted)
		return NULL;
	memcpy(sorted, snap->processes, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_vpids);
	return sorted;
}

static int compare_family(const void *a, const void *b)
{
	const struct process *x = *(struct process *const *)a, *y = *(struct process *const *)b;
	pid_t px = x->parent ? x->parent->pid : 0, py = y->parent ? y->parent->pid : 0;

	if (px != py)
		return px < py ? -1 : 1;
	return compare_vpids(a, b);
}

/* The first of @sorted (by parent, then vpid) whose parent is @pid. */
static size_t first_child(struct process *const *sorted, size_t n, pid_t pid)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		pid_t parent = sorted[middle]->parent ? sorted[middle]->parent->pid : 0;

		if (parent < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A walk of the tree, parents first, without recursion: chains may be as deep as there are pids. */
static size_t walk(struct process **out, struct process *const *sorted, size_t n,
		   struct process *root, size_t *next)
{
	struct process *at = root;
	size_t done = 0;

	out[done++] = root;
	next[0] = first_child(sorted, n, root->pid);
	/* next[i]: where the children of out[i] that are still to come begin; at->fs_id: its i + 1 */
	root->fs_id = 1;
	while (at) {
		size_t *child = &next[at->fs_id - 1];

		if (*child < n && sorted[*child]->parent == at && done < n) {
			at = sorted[(*child)++];
			out[done++] = at;
			at->fs_id = (uint32_t)done;
			next[done - 1] = first_child(sorted, n, at->pid);
		} else {
			at = at == root ? NULL : at->parent;
		}
	}
	return done;
}

/* Parents and the order of the list. @all is one array. */
static int build_tree(struct snapshot *snap, struct process *all, size_t n, pid_t root,
		      struct error *err)
{
	_cleanup_free_ struct process **sorted = calloc(n, sizeof(*sorted));
	_cleanup_free_ size_t *next = calloc(n, sizeof(*next));
	struct process *top = NULL;

	snap->processes = arena_alloc(&snap->arena, n * sizeof(*snap->processes));
	if (!sorted || !next || !snap->processes)
		return fail(err, ENOMEM, "cannot order the processes");
	for (size_t i = 0; i < n; i++) {
		uint32_t parent = ids_get(&snap->process_index, (uint64_t)all[i].rec->parent.host);

		sorted[i] = &all[i];
		if (all[i].pid == root)
			top = &all[i];
		else if (parent)
			all[i].parent = &all[parent - 1];
		else
			return fail(err, EAGAIN, "process %d: its parent %d is not in the tree",
				    all[i].pid, all[i].rec->parent.host);
	}
	if (!top)
		return fail(err, ESRCH, "process %d was not seen", root);
	qsort(sorted, n, sizeof(*sorted), compare_family);
	snap->n_processes = walk(snap->processes, sorted, n, top, next);
	if (snap->n_processes != n)
		return fail(err, EAGAIN, "the tree of process %d is torn", root);
	return 0;
}

/*
 * Who has the object with this number first. Zombies hold on to some, but share nothing.
 * @firsts has a place for each number.
 */
static const struct process *first_with(const struct process **firsts, uint32_t id,
					const struct process *p)
{
	if (!id || p->is_zombie)
		return p;
	if (!firsts[id])
		firsts[id] = p;
	return firsts[id];
}

static int find_firsts(struct snapshot *snap, struct error *err)
{
	const size_t n = snap->n_processes + 1;
	_cleanup_free_ const struct process **fs = calloc(2 * n, sizeof(*fs));

	if (!fs)
		return fail(err, ENOMEM, "cannot number what processes share");
	for (size_t i = 0; i < snap->n_processes; i++) {
		struct process *p = snap->processes[i];

		p->fs_first = first_with(fs, p->fs_id, p);
		p->sighand_first = first_with(fs + n, p->sighand_id, p);
	}
	return 0;
}

/* Small ids of what processes share, in the order of the list; the index by pid. */
static int number_shared(struct snapshot *snap, struct error *err)
{
	struct snapshot_builder *b = snap->builder;

	for (size_t i = 0; i < snap->n_processes; i++) {
		struct process *p = snap->processes[i];
		const struct task_record *leader = p->tasks[0].rec;

		p->fs_id = leader->fs ? ids_number(&b->fs, leader->fs) : 0;
		p->sighand_id = leader->sighand ? ids_number(&b->sighands, leader->sighand) : 0;
		if ((leader->fs && !p->fs_id) || (leader->sighand && !p->sighand_id) ||
		    ids_set(&snap->process_index, (uint64_t)p->pid, (uint32_t)i + 1))
			return fail(err, ENOMEM, "cannot number what processes share");
	}
	return find_firsts(snap, err);
}

/* One struct process per record, in one array, found by pid and by group. */
static int make_processes(struct snapshot *snap, struct process *all, struct error *err)
{
	struct snapshot_builder *b = snap->builder;

	for (size_t i = 0; i < b->processes.n; i++) {
		const struct process_record *rec = b->processes.list[i].rec;
		int ret = process_init(snap, &b->processes.list[i], &all[i]);

		if (ret)
			return fail(err, ret, "process %d: wrong record", rec->pid.host);
		if (ids_get(&snap->process_index, (uint64_t)rec->pid.host))
			return fail(err, EAGAIN, "process %d was seen twice", rec->pid.host);
		if (ids_set(&snap->process_index, (uint64_t)rec->pid.host, (uint32_t)i + 1) ||
		    ids_set(&b->groups, rec->head.owner, (uint32_t)i + 1))
			return fail(err, ENOMEM, "cannot list the processes");
	}
	return 0;
}

/* Are the processes seen those that were asked for? */
static int check_asked(const struct snapshot *snap, const pid_t *pids, size_t n, struct error *err)
{
	const struct items *seen = &snap->builder->processes;
	struct ids asked = { 0 };
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		if (!ids_get(&snap->process_index, (uint64_t)pids[i]))
			ret = fail(err, ESRCH, "process %d was not seen", pids[i]);
		else if (ids_set(&asked, (uint64_t)pids[i], 1))
			ret = fail(err, ENOMEM, "cannot list the processes");
	}
	for (size_t i = 0; i < seen->n && !ret; i++) {
		const struct process_record *rec = seen->list[i].rec;

		if (!ids_get(&asked, (uint64_t)rec->pid.host))
			ret = fail(err, EAGAIN, "process %d was seen, but not asked for",
				   rec->pid.host);
	}
	ids_deinit(&asked);
	return ret;
}

int snapshot_build_processes(struct snapshot *snap, pid_t root, const pid_t *pids, size_t n,
			     struct error *err)
{
	size_t n_seen = snap->builder->processes.n;
	struct process *all = arena_alloc(&snap->arena, (n_seen + 1) * sizeof(*all));
	int ret;

	if (!all)
		return fail(err, ENOMEM, "cannot list the processes");
	ret = make_processes(snap, all, err);
	if (!ret)
		ret = check_asked(snap, pids, n, err);
	if (!ret)
		ret = build_tasks(snap, all, n_seen, err);
	if (!ret)
		ret = build_tree(snap, all, n_seen, root, err);
	return ret ?: number_shared(snap, err);
}
