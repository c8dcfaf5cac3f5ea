// SPDX-License-Identifier: GPL-2.0-only
/* The order of everything, settled before anything is made. */
#include "restore/plan.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inject/engine.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "mm.pb-c.h"
#include "options.h"
#include "restore/restore.h"

/* Free space around the engine: stacks may grow until they are that near to something
 * (stack_guard_gap). */
#define ENGINE_GAP (2ull * 1024 * 1024)

struct spans {
	struct span *list; /* owned */
	size_t n;
};

static int add_span(struct spans *spans, uint64_t start, uint64_t end)
{
	struct span *span = array_add(spans->list, spans->n);

	if (!span)
		return -ENOMEM;
	*span = (struct span){start, end};
	return 0;
}

static int add_own(void *spans, uint64_t start, uint64_t end, const char *line)
{
	return add_span(spans, start, end);
}

static int add_process(struct spans *spans, const struct new_process *p)
{
	int ret = 0;

	for (size_t i = 0; i < p->n_vmas && !ret; i++)
		ret = add_span(spans, p->vmas[i].entry->start, p->vmas[i].entry->end);
	if (!ret && p->vdso.text_size)
		ret = add_span(spans, p->vdso.vvar, p->vdso.text + p->vdso.text_size);
	return ret;
}

/* One hole, free in every task and here, for the engine. */
static int plan_engine(struct restore *r, struct error *err)
{
	struct spans spans = {0};
	/* this process, from which the first task is cloned */
	int ret = proc_own_maps(add_own, &spans);

	if (ret)
		fail(err, -ret, "cannot plan the restore");
	for (size_t i = 0; i < r->n_processes && !ret; i++)
		if (add_process(&spans, r->processes[i]))
			ret = fail(err, ENOMEM, "cannot plan the restore");
	if (!ret) {
		r->engine_address = plan_hole(spans.list, spans.n, r->lowest_address, r->task_size,
					      engine_size(r->n_threads), ENGINE_GAP) &
				    -r->page_size;
		if (!r->engine_address)
			ret = fail(err, ENOMEM, "the tree leaves no hole in its address space");
	}
	free(spans.list);
	return ret;
}

/* Some helpers may have any number: the highest that nobody has, and nobody is going to have. */
static int number_helpers(struct restore *r, struct error *err)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sys/kernel/pid_max", "re");
	int number;

	if (!f || fscanf(f, "%d", &number) != 1)
		number = 32768;
	for (size_t i = 0; i < r->n_processes; i++) {
		struct new_process *p = r->processes[i];

		if (p->pid)
			continue;
		do
			number--;
		while (number > 0 &&
		       (ids_get(&r->pid_index, (uint64_t)number) || !kill(number, 0)));
		if (number <= 0)
			return fail(err, EAGAIN, "no pid is free for a helper");
		p->pid = p->tasks[0].tid = number;
		if (ids_set(&r->pid_index, (uint64_t)number, (uint32_t)i + 1))
			return fail(err, ENOMEM, "cannot plan the restore");
	}
	return 0;
}

static void log_plan(const struct restore *r)
{
	for (size_t i = 0; i < r->n_processes; i++) {
		const struct new_process *p = r->processes[i];

		log_debug(r->log,
			  "%s %d: cloned by %d%s%s%s, session %d, group %d, %zu threads, "
			  "%zu mappings, %zu runs of pages, %zu descriptors",
			  p->is_helper   ? "helper"
			  : p->is_zombie ? "zombie"
					 : "process",
			  p->pid, p->cloned_by ? p->cloned_by->pid : 0,
			  p->before_setsid ? " before setsid" : "",
			  p->as_sibling ? " as sibling" : "",
			  p->after_memory ? " after memory" : "", p->sid, p->pgid, p->n_tasks,
			  p->n_vmas, p->n_pages, p->n_fds);
	}
}

int restore_plan(void *restore, struct error *err)
{
	struct restore *r = restore;
	int ret = plan_births(r, r->opt->shell_job, err) ?: number_helpers(r, err) ?:
		  plan_vdso(r, err) ?:
		  plan_engine(r, err) ?: plan_inheritance(r, err);

	if (!ret)
		log_plan(r);
	return ret;
}
