// SPDX-License-Identifier: GPL-2.0-only
#include "dump/waits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "collect/collector.h"
#include "dump/dump.h"
#include "dump/freezer.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/ids.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "options.h"

struct wait {
	pid_t tid;
	uint64_t wake_ns, nvcsw;
};

struct waits {
	struct wait *list;
	size_t n;
	struct ids index; /* tid to position + 1 */
};

static int take_record(void *arg, const struct record_head *head)
{
	const struct task_record *rec = (const struct task_record *)head;
	struct waits *waits = arg;
	struct wait *wait;

	if (head->type != RECORD_TASK || !rec->wake_ns || rec->wake_clock != CLOCK_MONOTONIC)
		return 0;
	wait = array_add(waits->list, waits->n);
	if (!wait)
		return -ENOMEM;
	*wait = (struct wait){rec->pid.host, rec->wake_ns, rec->nvcsw};
	return ids_set(&waits->index, (uint64_t)wait->tid, (uint32_t)waits->n);
}

void waits_note(struct dump *d)
{
	struct waits *waits = calloc(1, sizeof(*waits));
	struct error err = {0};
	struct pids pids = {0};

	d->waits = waits;
	collector_set_flags(d->collector, COLLECT_WAKE | COLLECT_RUNNING | COLLECT_NO_PARTS |
						  COLLECT_NO_PATHS | COLLECT_NO_DETAILS);
	if (waits && !proc_tree(d->opt->pid, &pids) &&
	    collector_run(d->collector, pids.pid, pids.n, take_record, waits, &err))
		log_debug(d->log, "until when tasks sleep: %s", err.text ?: "not known");
	collector_set_flags(d->collector, 0);
	pids_deinit(&pids);
	error_deinit(&err);
}

/*
 * From that sleep to its stop a thread goes to sleep once, in the stop. Once more, and it
 * was awake in between: what it waits for now began later.
 */
static uint64_t deadline_of(const struct waits *waits, const struct task_record *rec)
{
	uint32_t at = ids_get(&waits->index, (uint64_t)rec->pid.host);
	const struct wait *wait = at ? &waits->list[at - 1] : NULL;

	return wait && rec->nvcsw == wait->nvcsw + 1 ? wait->wake_ns : 0;
}

void waits_match(struct dump *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->snap.n_tasks; i++) {
		struct task *t = &d->snap.tasks[i];

		if (t->rec->marks.has_first_argument)
			freezer_tell_first(d->freezer, t->tid, t->rec->marks.first_argument);
		if (!d->waits)
			continue;
		t->wake_ns = deadline_of(d->waits, t->rec);
		if (t->wake_ns)
			freezer_set_deadline(d->freezer, t->tid, (long long)t->wake_ns);
		n += t->wake_ns != 0;
	}
	if (d->waits && d->waits->n)
		log_debug(d->log, "of %zu threads that slept until a moment %zu have slept on",
			  d->waits->n, n);
}

/* How often the thread went to sleep so far; 0: not known. */
static uint64_t read_switches(pid_t tid)
{
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long n = 0;
	char path[32], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "voluntary_ctxt_switches: %llu", &n);
	return n;
}

long long waits_deadline(const struct dump *d, pid_t tid)
{
	uint32_t at = d->waits ? ids_get(&d->waits->index, (uint64_t)tid) : 0;
	const struct wait *wait = at ? &d->waits->list[at - 1] : NULL;

	return wait && read_switches(tid) == wait->nvcsw + 1 ? (long long)wait->wake_ns : 0;
}

void waits_deinit(struct dump *d)
{
	if (!d->waits)
		return;
	free(d->waits->list);
	ids_deinit(&d->waits->index);
	free(d->waits);
	d->waits = NULL;
}
