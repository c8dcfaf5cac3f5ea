// SPDX-License-Identifier: GPL-2.0-only
/* Threads, and the phases in which kinds put back what a task has: all tasks work at the same time.
 */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>

#include "inject/batch.h"
#include "inject/engine.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "restore/vdso.h"

#define THREAD_FLAGS                                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static bool is_of_leaders(enum task_phase phase)
{
	return phase == PHASE_PROCESS || phase == PHASE_TIMERS;
}

static int start_phase(struct restore *r, struct new_task *t, enum task_phase phase,
		       struct error *err)
{
	struct batch *batch = injected_batch(t->injected);
	int ret = 0;

	for (const struct kind *const *k = kinds; *k && !ret; k++) {
		if (!(*k)->task || !(*k)->task->restore[phase])
			continue;
		ret = (*k)->task->restore[phase](r, t, batch);
		if (ret && err->code)
			fail_in(err, "%s", (*k)->name);
	}
	if (err->code)
		return err->code;
	return batch_start(batch, err) ?: ret;
}

/* One phase in all tasks that it concerns; no batch is left running, also if one has failed. */
static int run_phase(struct restore *r, enum task_phase phase, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < r->n_processes && !ret; i++) {
		struct new_process *p = r->processes[i];
		size_t n = is_of_leaders(phase) && p->n_tasks ? 1 : p->n_tasks;

		for (size_t j = 0; j < n && !ret && !p->is_dead; j++)
			if (start_phase(r, &p->tasks[j], phase, err))
				ret = fail_in(err, "task %d", p->tasks[j].tid);
	}
	for (size_t i = 0; i < r->n_processes; i++) {
		struct new_process *p = r->processes[i];

		for (size_t j = 0; j < p->n_tasks && !p->is_dead; j++) {
			struct new_task *t = &p->tasks[j];

			if (t->injected &&
			    batch_finish(injected_batch(t->injected), ret ? NULL : err) && !ret)
				ret = fail_in(err, "task %d", t->tid);
		}
	}
	return ret;
}

static int clone_threads(struct restore *r, struct new_process *p, struct error *err)
{
	for (size_t i = 1; i < p->n_tasks; i++) {
		pid_t tids[] = {p->tasks[i].tid};
		struct clone_args args = {
			.flags = THREAD_FLAGS,
			.set_tid = (__u64)(uintptr_t)tids,
			.set_tid_size = 1,
		};

		if (engine_clone(p->tasks[0].injected, &args, &p->tasks[i].injected, err))
			return fail_in(err, "task %d", p->tasks[i].tid);
	}
	return 0;
}

int restore_threads(void *restore, struct error *err)
{
	struct restore *r = restore;
	int ret = vdso_replace(r, err);

	for (size_t i = 0; i < r->n_processes && !ret; i++)
		if (!r->processes[i]->is_dead)
			ret = clone_threads(r, r->processes[i], err);
	return ret;
}

int restore_tasks(void *restore, struct error *err)
{
	struct restore *r = restore;
	int ret = 0;

	for (enum task_phase phase = PHASE_PROCESS; phase < TASK_PHASES && !ret; phase++)
		ret = run_phase(r, phase, err);
	return ret;
}
