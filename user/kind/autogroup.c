// SPDX-License-Identifier: GPL-2.0-only
/* The nice value of a session, where the kernel schedules sessions as groups (autogroup). */
#include <stdio.h>
#include <string.h>

#include "core.pb-c.h"
#include "inject/injected.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "snapshot.h"

static bool read_nice(pid_t pid, int *ret)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/autogroup", pid);
	f = fopen(path, "re");
	return f && fscanf(f, "/autogroup-%*d nice %d", ret) == 1;
}

/* Whoever leads the session speaks for it. */
static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	const struct process *p = t->process;
	int nice;

	if (t != p->tasks || !core->tc || p->is_zombie || p->rec->sid.host != p->pid ||
	    !read_nice(p->pid, &nice) || !nice)
		return 0;
	core->tc->has_session_nice = true;
	core->tc->session_nice = nice;
	return 0;
}

static int check(struct restore *r, struct new_task *t)
{
	const TaskCoreEntry *tc = t->core->tc;

	if (tc && tc->has_session_nice && (tc->session_nice < -20 || tc->session_nice > 19))
		return fail(r->err, 0, "the nice value %d of its session is out of range",
			    tc->session_nice);
	return 0;
}

static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const struct new_process *p = t->process;
	int nice = t->core->tc->session_nice;
	pid_t pid = injected_tid(t->injected);
	_cleanup_fclose_ FILE *f = NULL;
	char path[64];

	/* A session of others, of which a shell job is a part, has its own. */
	if (p->sid != p->pid || !t->core->tc->has_session_nice)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/autogroup", pid);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%d", nice) < 0 || fflush(f))
		log_warn(r->log, "process %d: the nice value %d of its session cannot be set: %m, ignoring",
			 p->pid, nice);
	return 0;
}

static const struct task_ops task_ops = {
	.describe = describe,
	.check = check,
	.restore = {[PHASE_PROCESS] = restore},
};

const struct kind kind_autogroup = {.name = "autogroup", .task = &task_ops};
