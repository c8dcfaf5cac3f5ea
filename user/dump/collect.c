// SPDX-License-Identifier: GPL-2.0-only
/* Collect and judge: what is there, and can it be carried? */
#include "collect/collector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dump/dump.h"
#include "dump/flight.h"
#include "dump/freezer.h"
#include "dump/waits.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "surroundings.h"
#include "tty.h"

/* A pass whose records do not add up is repeated so often: nothing moves, so it is not expected. */
#define PASSES 3
/* What was just written into a terminal is carried to its other end by a worker of the kernel. */
#define TTY_PASSES 1000

static int one_pass(struct dump *d, const pid_t *pids, size_t n, struct error *err)
{
	int ret = collector_run(d->collector, pids, n, snapshot_add, &d->snap, err);

	if (ret)
		return ret < 0 && !err->code ? fail(err, ret, "cannot take in what the kernel says") : ret;
	return snapshot_finish(&d->snap, d->opt->pid, pids, n, err);
}

static int another_pass(struct dump *d, const pid_t *pids, size_t n, struct error *err)
{
	int ret;

	snapshot_deinit(&d->snap);
	ret = snapshot_init(&d->snap, err);
	return ret ?: one_pass(d, pids, n, err);
}

int dump_collect(void *dump, struct error *err)
{
	struct dump *d = dump;
	const pid_t *pids;
	size_t n = freezer_pids(d->freezer, &pids);
	int ret = one_pass(d, pids, n, err);

	for (int pass = 1; ret == -EAGAIN && pass < PASSES; pass++) {
		log_warn(d->log, "%s; collecting again", err->text);
		error_deinit(err);
		ret = another_pass(d, pids, n, err);
	}
	for (int pass = 0; !ret && pass < TTY_PASSES && tty_is_moving(&d->snap); pass++) {
		usleep(1000);
		ret = another_pass(d, pids, n, err);
	}
	if (!ret && tty_is_moving(&d->snap))
		return fail(err, EAGAIN, "bytes do not come to rest between the sides of a terminal");
	if (ret)
		return ret;
	for (size_t i = 0; i < d->snap.n_processes; i++)
		d->snap.processes[i]->pidfd = freezer_pidfd(d->freezer, d->snap.processes[i]->pid);
	waits_match(d);
	ret = dump_flights(d);
	if (ret)
		return ret;
	log_info(d->log, "%zu processes, %zu threads, %zu open files, %s BPF programs",
		 d->snap.n_processes, d->snap.n_tasks, d->snap.n_files,
		 collector_is_cached(d->collector) ? "pinned" : "freshly loaded");
	return 0;
}

/* Obstacles are the answer to the user's request, so they are shown however quiet the log is. */
static void print_obstacle(struct dump *d, const struct obstacle *obstacle)
{
	_cleanup_free_ char *line = obstacle_line(obstacle);

	if (obstacle->verdict == VERDICT_WARNING) {
		log_warn(d->log, "%s", line ?: obstacle->text);
		return;
	}
	fprintf(stderr, "crbpf: dump: %s\n", line ?: obstacle->text);
	if (d->log->out != stderr)
		log_print(d->log, LOG_ERROR, "%s", line ?: obstacle->text);
}

int dump_judge(void *dump, struct error *err)
{
	struct dump *d = dump;
	struct surroundings around = { 0 };
	size_t n;
	int ret;

	d->judge = (struct judge){
		.options = d->opt, .snap = &d->snap, .log = d->log, .around = &around
	};
	ret = judge_run(&d->judge, err);
	d->judge.around = NULL;
	surroundings_deinit(&around);
	if (ret)
		return ret;
	for (size_t i = 0; i < d->judge.n; i++)
		print_obstacle(d, &d->judge.list[i]);
	n = d->judge.n_obstacles;
	if (n)
		return fail(err, 0, "%zu obstacle%s: nothing was written", n, n == 1 ? "" : "s");
	return 0;
}
