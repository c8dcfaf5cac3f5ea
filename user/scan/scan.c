// SPDX-License-Identifier: GPL-2.0-only
#include "scan/scan.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "lib/log.h"
#include "options.h"

/* What changes while it is looked at is looked at so often: a few trees, and the whole machine. */
#define PASSES	   5
#define PASSES_ALL 2
/* A child that ended between being listed and being asked is no look at all: begin again. */
#define TRIES 50

static int keep_record(void *arg, const struct record_head *rec)
{
	struct scan_records *records = arg;
	const struct record_head **slot = array_add(records->list, records->n);

	if (!slot)
		return -ENOMEM;
	*slot = arena_copy(&records->arena, rec, rec->size);
	return *slot ? 0 : -ENOMEM;
}

static void records_deinit(struct scan_records *records)
{
	free(records->list);
	arena_deinit(&records->arena);
	*records = (struct scan_records){ 0 };
}

/* The processes to ask about: none means all. */
static int list_processes(struct scan *scan, const struct pids *roots, struct pids *ret,
			  struct error *err)
{
	int code = 0;

	for (size_t i = 0; i < roots->n && !code; i++) {
		if (kill(roots->pid[i], 0) < 0 && errno == ESRCH) {
			fail(err, ESRCH, "process %d", roots->pid[i]);
			return fail_hint(err, "ps -e lists the processes that there are");
		}
		code = proc_tree(roots->pid[i], ret);
	}
	return code ? fail(err, code, "cannot list the processes") : 0;
}

static void forget_trees(struct scan *scan)
{
	for (size_t i = 0; i < scan->n_trees; i++) {
		struct scan_tree *tree = &scan->trees[i];

		judge_deinit(&tree->judge);
		snapshot_deinit(&tree->snap);
		pids_deinit(&tree->pids);
		free(tree->unseen);
	}
	free(scan->trees);
	ids_deinit(&scan->tree_of);
	records_deinit(&scan->records);
	scan->trees = NULL;
	scan->n_trees = scan->n_hidden = 0;
}

/* One look at everything asked for. */
static int look(struct scan *scan, const struct pids *roots, struct error *err)
{
	struct pids pids = { 0 };
	int ret = list_processes(scan, roots, &pids, err);

	if (!ret)
		ret = collector_run(scan->collector, pids.pid, pids.n, keep_record, &scan->records,
				    err);
	if (ret == -ENOMEM)
		fail(err, ENOMEM, "cannot keep what the kernel says");
	if (!ret)
		ret = scan_find_trees(scan, roots, err);
	for (size_t i = 0; i < scan->n_trees && !ret; i++)
		ret = scan_judge_tree(scan, &scan->trees[i], err);
	pids_deinit(&pids);
	return ret;
}

int scan_judge_tree(struct scan *scan, struct scan_tree *tree, struct error *err)
{
	struct error why = { 0 };
	int ret = snapshot_finish(&tree->snap, tree->root, tree->pids.pid, tree->pids.n, &why);

	if (ret == -ENOMEM)
		fail(err, ret, "process %d", tree->root);
	else if (ret)
		tree->unseen = strdup(why.text ?: strerror(-ret));
	error_deinit(&why);
	if (ret)
		return ret == -ENOMEM || !tree->unseen ? -ENOMEM : 0;
	tree->judge = (struct judge){ .options = scan->opt, .snap = &tree->snap, .log = scan->log };
	return judge_run(&tree->judge, err);
}

static bool saw_all(const struct scan *scan)
{
	for (size_t i = 0; i < scan->n_trees; i++)
		if (scan->trees[i].unseen)
			return false;
	return true;
}

/* A root that is gone is an error; any other that went is only no longer there. */
static bool is_gone(const struct pids *roots)
{
	for (size_t i = 0; i < roots->n; i++)
		if (kill(roots->pid[i], 0) < 0 && errno == ESRCH)
			return true;
	return false;
}

static int look_until_found(struct scan *scan, const struct pids *roots, struct error *err)
{
	int ret;

	for (int tries = 1;; tries++) {
		forget_trees(scan);
		ret = look(scan, roots, err);
		if (ret != -ESRCH || tries == TRIES || is_gone(roots))
			return ret;
		error_deinit(err);
	}
}

int scan_run(struct scan *scan, const struct options *opt, struct log *log, struct error *err)
{
	const struct pids roots = { opt->pids.pid, opt->pids.n };
	unsigned int flags = COLLECT_ALL | COLLECT_RUNNING;
	const int passes = roots.n ? PASSES : PASSES_ALL;
	int ret;

	*scan = (struct scan){ .opt = opt, .log = log };
	ret = collector_open(&scan->collector, flags | (opt->no_cache ? COLLECT_NO_CACHE : 0), log, err);
	for (int pass = 1; !ret; pass++) {
		ret = look_until_found(scan, &roots, err);
		if (pass == passes || (ret && ret != -EAGAIN) || (!ret && saw_all(scan)))
			break;
		error_deinit(err);
		ret = 0;
	}
	return ret;
}

void scan_deinit(struct scan *scan)
{
	forget_trees(scan);
	collector_close(scan->collector);
	*scan = (struct scan){ 0 };
}

bool scan_has_obstacles(const struct scan *scan)
{
	for (size_t i = 0; i < scan->n_trees; i++)
		if (scan->trees[i].unseen || scan->trees[i].judge.n_obstacles)
			return true;
	return false;
}
