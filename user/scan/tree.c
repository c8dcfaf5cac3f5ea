// SPDX-License-Identifier: GPL-2.0-only
/* One tree: its snapshot, and the verdict. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "lib/proc.h"
#include "scan/scan.h"

static void sum_up(struct scan_tree *tree)
{
	const struct snapshot *snap = &tree->snap;

	if (!snap->n_processes)
		return;
	snprintf(tree->comm, sizeof(tree->comm), "%.15s", snap->processes[0]->tasks[0].rec->comm);
	tree->n_threads = snap->n_tasks;
	for (size_t i = 0; i < snap->n_fdtables; i++)
		tree->n_fds += snap->fdtables[i].n_open;
}

/*
 * Nobody is stopped: who was about to end had lost part of what it had when it was looked at. What
 * has ended since hinders no dump. (A zombie is one in the snapshot, too.)
 */
static bool has_ended(const struct obstacle *o)
{
	/* a descriptor's open file may be another process's too */
	if (o->file || o->process->is_zombie)
		return false;
	/* without a number: it was gone before it was looked at */
	if (o->task && !o->task->tid)
		return true;
	return proc_has_ended(o->process->pid, o->task ? o->task->tid : 0);
}

int scan_judge_tree(struct scan *scan, struct scan_tree *tree, struct error *err)
{
	struct error why = { 0 };
	int ret = snapshot_finish(&tree->snap, tree->root, tree->pids.pid, tree->pids.n, &why);

	/* Twins have become what they are twins of; a tree may live longer than the list of shapes. */
	tree->snap.shapes = NULL;
	sum_up(tree);
	if (!ret)
		ret = snapshot_add_flights(&tree->snap);
	if (ret == -ENOMEM)
		fail(err, ret, "process %d", tree->root);
	else if (ret)
		tree->unseen = strdup(why.text ?: strerror(-ret));
	error_deinit(&why);
	if (ret)
		return ret == -ENOMEM || !tree->unseen ? -ENOMEM : 0;
	tree->judge = (struct judge){ .options = scan->opt, .snap = &tree->snap, .log = scan->log,
				       .around = &scan->around };
	ret = judge_run(&tree->judge, err);
	judge_drop(&tree->judge, has_ended);
	return ret;
}
