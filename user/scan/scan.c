// SPDX-License-Identifier: GPL-2.0-only
#include "scan/scan.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "caps.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"

/* What changes while it is looked at is looked at so often, or once more if that takes long. */
#define PASSES 8
#define PAUSE_US 3000 /* after the first of them */
/* A child that ended between being listed and being asked is no look at all: begin again. */
#define TRIES 50
#define PATIENCE_NS 5000000000LL

static int keep_record(void *arg, const struct record_head *rec)
{
	struct scan *scan = arg;
	struct scan_records *records = &scan->records;
	const struct record_head **slot = array_add(records->list, records->n);

	if (!slot)
		return -ENOMEM;
	*slot = arena_copy(&records->arena, rec, rec->size);
	if (!*slot)
		return -ENOMEM;
	scan_note_plain(scan, scan->collector, *slot);
	return shapes_note(&records->shapes, *slot);
}

static void records_deinit(struct scan_records *records)
{
	free(records->list);
	shapes_deinit(&records->shapes);
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

static void tree_deinit(struct scan_tree *tree)
{
	judge_deinit(&tree->judge);
	snapshot_deinit(&tree->snap);
	pids_deinit(&tree->pids);
	ids_deinit(&tree->shown);
	records_deinit(&tree->records);
	free(tree->unseen);
	*tree = (struct scan_tree){ 0 };
}

static void forget_trees(struct scan *scan)
{
	for (size_t i = 0; i < scan->n_trees; i++)
		tree_deinit(&scan->trees[i]);
	free(scan->trees);
	ids_deinit(&scan->tree_of);
	records_deinit(&scan->records);
	surroundings_deinit(&scan->around);
	scan->trees = NULL;
	scan->n_trees = scan->n_hidden = 0;
}

/* A process that ends or is exec'd may be missed, and not in every pass. */
int scan_not_shown(struct scan *scan, pid_t pid, struct error *err)
{
	scan->n_not_shown = scan->not_shown == pid ? scan->n_not_shown + 1 : 1;
	scan->not_shown = pid;
	if (scan->n_not_shown < 3)
		return fail(err, EAGAIN, "process %d was not shown", pid);
	return fail(err, EPERM, "process %d exists, but this kernel never shows it to BPF programs",
		    pid);
}

/* Of the processes that were there before the look, those that still are must have been shown. */
static int check_shown(struct scan *scan, const struct pids *pids, struct error *err)
{
	for (size_t i = 0; i < pids->n; i++)
		if (!ids_get(&scan->tree_of, (uint64_t)pids->pid[i]) && pids->pid[i] != getpid() &&
		    !kill(pids->pid[i], 0))
			return scan_not_shown(scan, pids->pid[i], err);
	return 0;
}

/* One look at the trees of @roots, which are of @pids. */
static int look_at(struct scan *scan, const struct pids *roots, const struct pids *pids,
		   struct error *err)
{
	int ret = collector_run(scan->collector, pids->pid, pids->n, keep_record, scan, err);

	if (ret == -ENOMEM)
		fail(err, ENOMEM, "cannot keep what the kernel says");
	if (ret == -EPROTO && !err->text)
		fail(err, EPROTO, "what the kernel says refers to what it never said");
	if (!ret)
		ret = scan_find_trees(scan, roots, err);
	ret = ret ?: check_shown(scan, pids, err);
	for (size_t i = 0; i < scan->n_trees && !ret; i++)
		ret = scan_judge_tree(scan, &scan->trees[i], err);
	return ret;
}

/* One look at everything asked for. */
static int look(struct scan *scan, const struct pids *roots, struct error *err)
{
	struct pids pids = { 0 };
	int ret = list_processes(scan, roots, &pids, err);

	if (!ret)
		ret = look_at(scan, roots, &pids, err);
	pids_deinit(&pids);
	return ret;
}

/* Was it not seen whole, or may its verdict be that of a moment? */
static bool is_vague(const struct scan_tree *tree)
{
	return tree->unseen || tree->judge.is_unsure;
}

static bool saw_all(const struct scan *scan)
{
	for (size_t i = 0; i < scan->n_trees; i++)
		if (is_vague(&scan->trees[i]))
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

/*
 * Shapes are numbered as they come, and what a process shows twice is passed over the second
 * time: a twin may be left that has nobody to be the twin of. Everything is shown whole then.
 */
static bool can_look_deeper(struct scan *scan, int ret)
{
	if (ret != -EPROTO || !(scan->flags & COLLECT_SHALLOW))
		return false;
	log_debug(scan->log, "looking at everything whole");
	scan->flags &= ~(unsigned int)COLLECT_SHALLOW;
	collector_set_flags(scan->collector, scan->flags);
	return true;
}

static int look_until_found(struct scan *scan, const struct pids *roots, struct error *err)
{
	int ret;

	for (int tries = 1;; tries++) {
		do {
			forget_trees(scan);
			error_deinit(err);
			ret = look(scan, roots, err);
		} while (can_look_deeper(scan, ret));
		if (ret != -ESRCH || is_gone(roots))
			return ret;
		if (tries == TRIES || (tries > 1 && clock_ns() > scan->until)) {
			error_deinit(err);
			fail(err, EAGAIN, "processes come and go too fast to be seen whole");
			return fail_hint(err, "try again, or name what to look at with --pid");
		}
	}
}

/* All that were asked for, until they were seen whole. Moments get some time to pass. */
static int look_at_roots(struct scan *scan, const struct pids *roots, struct error *err)
{
	int ret = 0;

	for (int pass = 1;; pass++) {
		ret = look_until_found(scan, roots, err);
		if (pass == PASSES || (ret && ret != -EAGAIN) || (!ret && saw_all(scan)) ||
		    (pass > 1 && clock_ns() > scan->until))
			return ret;
		if (!ret)
			usleep(pass * PAUSE_US);
		error_deinit(err);
	}
}

/* Judges live in their trees, which move. */
static void take_tree(struct scan *scan, struct scan *from, size_t at)
{
	tree_deinit(&scan->trees[at]);
	scan->trees[at] = from->trees[0];
	scan->trees[at].judge.snap = &scan->trees[at].snap;
	scan->trees[at].judge.around = &scan->around;
	scan->trees[at].records = from->records;
	from->records = (struct scan_records){ 0 };
	free(from->trees);
	from->trees = NULL;
	from->n_trees = 0;
}

static void drop_tree(struct scan *scan, size_t at)
{
	tree_deinit(&scan->trees[at]);
	scan->n_trees--;
	for (size_t i = at; i < scan->n_trees; i++) {
		scan->trees[i] = scan->trees[i + 1];
		scan->trees[i].judge.snap = &scan->trees[i].snap;
	}
}

static int say_why(struct scan_tree *tree, const char *why)
{
	free(tree->unseen);
	tree->unseen = strdup(why);
	return tree->unseen ? 0 : -ENOMEM;
}

/* Of the whole machine only what is vague is looked at again, tree by tree. */
static int look_again(struct scan *scan, struct error *err)
{
	for (size_t i = scan->n_trees; i--;) {
		struct scan once = { .opt = scan->opt, .log = scan->log,
				     .collector = scan->collector, .flags = scan->flags,
				     .until = scan->until };
		pid_t root = scan->trees[i].root;
		int ret;

		if (!is_vague(&scan->trees[i]))
			continue;
		ret = look_at_roots(&once, &(const struct pids){ &root, 1 }, err);
		if (!ret && once.n_trees == 1)
			take_tree(scan, &once, i);
		else if (ret == -ESRCH)
			drop_tree(scan, i);
		else if (ret && err->text && ret != -ENOMEM)
			ret = say_why(&scan->trees[i], err->text);
		forget_trees(&once);
		if (ret == -ENOMEM)
			return ret;
		error_deinit(err);
	}
	return 0;
}

/* Puts the trees of @from in the place of those with the same roots. */
static void take_trees(struct scan *scan, struct scan *from)
{
	for (size_t i = 0; i < from->n_trees; i++) {
		uint32_t at = ids_get(&scan->tree_of, (uint64_t)from->trees[i].root);

		tree_deinit(&scan->trees[at - 1]);
		scan->trees[at - 1] = from->trees[i];
		scan->trees[at - 1].judge.snap = &scan->trees[at - 1].snap;
		scan->trees[at - 1].judge.around = &scan->around;
	}
	scan->records = from->records;
	from->records = (struct scan_records){ 0 };
	free(from->trees);
	from->trees = NULL;
	from->n_trees = 0;
}

/*
 * One look at all that a glance has left in doubt. What has ended or changed meanwhile is looked
 * at again, tree by tree, and not all of it because of one.
 */
static int look_at_doubtful(struct scan *scan, const struct pids *roots, struct error *err)
{
	struct scan once = { .opt = scan->opt, .log = scan->log, .collector = scan->collector,
			     .flags = scan->flags, .until = scan->until };
	struct pids pids = { 0 };
	int ret = 0;

	for (size_t i = 0; i < scan->n_trees && !ret; i++)
		for (size_t k = 0; scan->trees[i].unseen && k < scan->trees[i].pids.n && !ret; k++)
			ret = pids_add(&pids, scan->trees[i].pids.pid[k]);
	collector_set_flags(scan->collector, scan->flags | COLLECT_MAY_END);
	if (!ret && pids.n)
		ret = look_at(&once, roots, &pids, err);
	collector_set_flags(scan->collector, scan->flags);
	pids_deinit(&pids);
	if (!ret)
		take_trees(scan, &once);
	else if (ret != -ENOMEM)
		error_deinit(err);
	forget_trees(&once);
	return ret == -ENOMEM ? ret : look_again(scan, err);
}

/* A glance that failed says nothing, whatever the reason: all are in doubt then. */
static int glance_at_all(struct scan *scan, const struct pids *roots, struct pids *doubtful,
			 struct error *err)
{
	unsigned int flags = COLLECT_GLANCE | (scan->flags & COLLECT_NO_CACHE);
	int ret = collector_open(&scan->glance, flags, scan->log, err);

	ret = ret ?: scan_glance(scan, roots, doubtful, err);
	if (ret && ret != -ENOMEM) {
		log_debug(scan->log, "no glance: %s", err->text ?: strerror(-ret));
		error_deinit(err);
	}
	return ret;
}

/*
 * A tree whose session is not its own is in doubt, and a table of descriptors needs the
 * position of each. Who may not see all must be told whom he may.
 */
static bool is_worth_a_glance(const struct options *opt)
{
	for (size_t i = 0; i < opt->pids.n; i++)
		if (!opt->shell_job && getsid(opt->pids.pid[i]) != opt->pids.pid[i])
			return false;
	return !opt->fds && caps_have(CAP_SYS_PTRACE);
}

static int look_at_all(struct scan *scan, const struct pids *roots, struct error *err)
{
	const bool glances = is_worth_a_glance(scan->opt);
	struct pids doubtful = { 0 };
	int glanced = glances ? glance_at_all(scan, roots, &doubtful, err) : -ENOTSUP;
	int ret = glanced == -ENOMEM ? glanced : 0;

	if (!ret && (glanced || doubtful.n))
		ret = collector_open(&scan->collector, scan->flags, scan->log, err);
	if (!ret && roots->n && (glanced || doubtful.n))
		ret = look_at_roots(scan, roots, err);
	else if (!ret && glanced)
		ret = look_until_found(scan, roots, err) ?: look_again(scan, err);
	else if (!ret && doubtful.n)
		ret = look_at_doubtful(scan, &doubtful, err);
	pids_deinit(&doubtful);
	return ret;
}

int scan_run(struct scan *scan, const struct options *opt, struct log *log, struct error *err)
{
	const struct pids roots = { opt->pids.pid, opt->pids.n };

	*scan = (struct scan){ .opt = opt, .log = log, .until = clock_ns() + PATIENCE_NS };
	scan->flags = COLLECT_ALL | COLLECT_RUNNING | COLLECT_MAY_END | COLLECT_FLIGHTS;
	if (!opt->fds)
		scan->flags |= COLLECT_SHALLOW;
	if (opt->no_cache)
		scan->flags |= COLLECT_NO_CACHE;
	return look_at_all(scan, &roots, err);
}

void scan_deinit(struct scan *scan)
{
	forget_trees(scan);
	collector_close(scan->collector);
	collector_close(scan->glance);
	*scan = (struct scan){ 0 };
}

bool scan_has_obstacles(const struct scan *scan)
{
	for (size_t i = 0; i < scan->n_trees; i++)
		if (scan->trees[i].unseen || scan->trees[i].judge.n_obstacles)
			return true;
	return false;
}
