// SPDX-License-Identifier: GPL-2.0-only
/*
 * Most trees of a machine are clean, and the kernel side can tell (bpf/glance.bpf.c). It does
 * not know what belongs together, so this is left: sessions, groups, and who shares memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "scan/scan.h"

struct glance_list {
	struct glance_record *list;	/* of leaders */
	uint32_t *n_seen;		/* threads of each */
	size_t n, n_counts;
	struct ids index;		/* pid to position + 1 */
};

struct glance_pass {
	struct scan *scan;
	struct glance_list *leaders;
	struct glance_record *others;	/* threads whose leader has not come yet, or never does */
	size_t n_others;
};

static struct glance_record *find(const struct glance_list *leaders, pid_t pid)
{
	uint32_t at = ids_get(&leaders->index, (uint64_t)pid);

	return at ? &leaders->list[at - 1] : NULL;
}

static int add_leader(struct glance_list *leaders, const struct glance_record *rec)
{
	struct glance_record *slot = array_add(leaders->list, leaders->n);
	uint32_t *count = slot ? array_add(leaders->n_seen, leaders->n_counts) : NULL;

	if (!count || ids_set(&leaders->index, rec->tgid, (uint32_t)leaders->n))
		return -ENOMEM;
	*slot = *rec;
	*count = 1;
	return 0;
}

static void add_thread(struct glance_list *leaders, const struct glance_record *rec)
{
	struct glance_record *leader = find(leaders, (pid_t)rec->tgid);

	if (!leader)
		return;
	leader->doubts |= rec->doubts;
	leaders->n_seen[leader - leaders->list]++;
}

static int keep_glance(void *arg, const struct record_head *head)
{
	const struct glance_record *rec = (const void *)head;
	struct glance_pass *pass = arg;
	struct glance_record *slot;

	if (head->type != RECORD_GLANCE) {
		scan_note_plain(pass->scan, pass->scan->glance, head);
		return 0;
	}
	if (head->size < sizeof(*rec))
		return -EPROTO;
	if (rec->tid == rec->tgid)
		return add_leader(pass->leaders, rec);
	if (find(pass->leaders, (pid_t)rec->tgid)) {
		add_thread(pass->leaders, rec);
		return 0;
	}
	slot = array_add(pass->others, pass->n_others);
	if (!slot)
		return -ENOMEM;
	*slot = *rec;
	return 0;
}

static int look(struct scan *scan, const struct pids *pids, struct glance_list *leaders,
		struct error *err)
{
	struct glance_pass pass = { .scan = scan, .leaders = leaders };
	int ret = collector_glance(scan->glance, pids->pid, pids->n, keep_glance, &pass, err);

	for (size_t i = 0; i < pass.n_others; i++)
		add_thread(leaders, &pass.others[i]);
	free(pass.others);
	return ret;
}

/* --- what the kernel side cannot tell ----------------------------------------------------------- */

/* Of its memory's other users, is any a process? */
static bool is_memory_shared(const struct glance_list *leaders, const struct glance_record *rec)
{
	for (size_t i = 0; i < leaders->n; i++)
		if (&leaders->list[i] != rec && leaders->list[i].mm == rec->mm)
			return true;
	return false;
}

/*
 * A module that gives labels gives one to each: any but our own, and what was asked for, is for the
 * judges. Threads with credentials of their own are in doubt anyway.
 */
static bool has_label(struct scan *scan, pid_t pid)
{
	static const char *const wishes[] = { LABEL_WISHES };
	const char *own = surroundings_label(&scan->around);
	char path[64], label[sizeof(scan->around.label)];

	if (!own[0])
		return false;
	snprintf(path, sizeof(path), "/proc/%d/attr/current", pid);
	read_label(path, label, sizeof(label));
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]) && !strcmp(label, own); i++) {
		char wish[sizeof(label)];

		snprintf(path, sizeof(path), "/proc/%d/attr/%s", pid, wishes[i]);
		read_label(path, wish, sizeof(wish));
		if (wish[0])
			return true;
	}
	return strcmp(label, own);
}

static bool is_in(const struct scan *scan, const struct scan_tree *tree, uint32_t pid)
{
	uint32_t at = ids_get(&scan->tree_of, pid);

	return at && &scan->trees[at - 1] == tree;
}

static bool is_session_inside(const struct scan *scan, const struct scan_tree *tree,
			      const struct glance_record *root, const struct glance_record *rec)
{
	if (!rec->sid || !rec->pgid)
		return false;
	if (rec == root)
		return rec->sid == rec->tgid || scan->opt->shell_job;
	return (rec->sid == root->sid || is_in(scan, tree, rec->sid)) &&
	       (rec->pgid == root->pgid || is_in(scan, tree, rec->pgid));
}

static bool is_clean(struct scan *scan, const struct glance_list *leaders,
		     const struct scan_tree *tree, const struct glance_record *rec)
{
	const struct glance_record *root = find(leaders, tree->root);

	if (!rec || !root || rec->doubts & ~(uint32_t)GLANCE_MM ||
	    leaders->n_seen[rec - leaders->list] != rec->n_threads)
		return false;
	/* who is not of the tree is not in the list, unless all are */
	if (rec->doubts & GLANCE_MM && (scan->opt->pids.n || is_memory_shared(leaders, rec)))
		return false;
	return is_session_inside(scan, tree, root, rec) && !has_label(scan, (pid_t)rec->tgid);
}

static bool is_tree_clean(struct scan *scan, const struct glance_list *leaders,
			  struct scan_tree *tree)
{
	const struct glance_record *rec;

	for (size_t i = 0; i < tree->pids.n; i++) {
		rec = find(leaders, tree->pids.pid[i]);
		if (!is_clean(scan, leaders, tree, rec)) {
			log_debug(scan->log, "tree %d: in doubt because of process %d (%#x)",
				  tree->root, tree->pids.pid[i], rec ? rec->doubts : 0);
			return false;
		}
		tree->n_threads += rec->n_threads;
		tree->n_fds += rec->n_fds;
	}
	rec = find(leaders, tree->root);
	snprintf(tree->comm, sizeof(tree->comm), "%.15s", rec->comm);
	return true;
}

/* A process of whom the verdict has something to say: no more than that needs. */
static struct task *name_process(struct snapshot *snap, size_t room, const struct glance_record *rec)
{
	struct process *process = arena_alloc(&snap->arena, sizeof(*process));
	struct task *task = arena_alloc(&snap->arena, sizeof(*task));
	struct task_record *said = arena_alloc(&snap->arena, sizeof(*said));

	if (!snap->processes)
		snap->processes = arena_alloc(&snap->arena, room * sizeof(*snap->processes));
	if (!process || !task || !said || !snap->processes)
		return NULL;
	said->css_set = rec->css_set;
	memcpy(said->comm, rec->comm, sizeof(said->comm));
	task->rec = said;
	task->process = process;
	task->tid = process->pid = (pid_t)rec->tgid;
	process->tasks = task;
	process->n_tasks = 1;
	process->pidfd = -1;
	snap->processes[snap->n_processes++] = process;
	return task;
}

/*
 * Control groups make no tree doubtful, for they make no obstacle: their judge is asked about the
 * first process that is in others than its parent.
 */
static int judge_groups(struct scan *scan, const struct glance_list *leaders,
			struct scan_tree *tree)
{
	tree->judge = (struct judge){ .options = scan->opt, .snap = &tree->snap, .log = scan->log,
				      .around = &scan->around };
	for (size_t i = 0; i < tree->pids.n; i++) {
		const struct glance_record *rec = find(leaders, tree->pids.pid[i]);
		const struct glance_record *parent = find(leaders, (pid_t)rec->parent);
		struct task *task;

		if (surroundings_has_own_groups(&scan->around, rec->css_set) ||
		    (parent && parent->css_set == rec->css_set &&
		     is_in(scan, tree, parent->tgid)))
			continue;
		task = name_process(&tree->snap, tree->pids.n, rec);
		if (!task)
			return -ENOMEM;
		kind_cgroup.task->judge(&tree->judge, task);
	}
	return tree->judge.no_memory ? -ENOMEM : 0;
}

static int make_trees(struct scan *scan, const struct glance_list *leaders,
		      const struct pids *roots, struct error *err)
{
	struct scan_members members = { 0 };
	int ret = 0;

	for (size_t i = 0; i < leaders->n && !ret; i++)
		ret = scan_members_add(&members, (pid_t)leaders->list[i].tgid,
				       (pid_t)leaders->list[i].parent);
	if (ret)
		fail(err, ret, "cannot list the processes");
	else
		ret = scan_share_out(scan, &members, roots, err);
	scan_members_deinit(&members);
	return ret;
}

int scan_glance(struct scan *scan, const struct pids *roots, struct pids *doubtful,
		struct error *err)
{
	struct glance_list leaders = { 0 };
	struct pids pids = { 0 };
	int ret = 0;

	for (size_t i = 0; i < roots->n && !ret; i++)
		ret = proc_tree(roots->pid[i], &pids);
	if (ret)
		fail(err, ret, "cannot list the processes");
	if (!ret)
		ret = look(scan, &pids, &leaders, err);
	if (!ret)
		ret = make_trees(scan, &leaders, roots, err);
	for (size_t i = 0; i < scan->n_trees && !ret; i++) {
		if (is_tree_clean(scan, &leaders, &scan->trees[i])) {
			ret = judge_groups(scan, &leaders, &scan->trees[i]);
			continue;
		}
		scan->trees[i].unseen = strdup("it was only glanced at");
		ret = scan->trees[i].unseen ? pids_add(doubtful, scan->trees[i].root) : -ENOMEM;
	}
	/* of whom there is no word they know nothing */
	for (size_t i = 0; i < roots->n && !ret; i++)
		if (!ids_get(&scan->tree_of, (uint64_t)roots->pid[i]))
			ret = pids_add(doubtful, roots->pid[i]);
	if (ret == -ENOMEM)
		fail(err, ENOMEM, "cannot keep what the kernel says");
	free(leaders.list);
	free(leaders.n_seen);
	ids_deinit(&leaders.index);
	pids_deinit(&pids);
	return ret;
}
