// SPDX-License-Identifier: GPL-2.0-only
/* Resource limits of a process. */
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "caps.h"
#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "rlimit.pb-c.h"

static const char *const names[RECORD_RLIMITS] = {
	[RLIMIT_CPU] = "CPU time",
	[RLIMIT_FSIZE] = "file size",
	[RLIMIT_DATA] = "data",
	[RLIMIT_STACK] = "stack",
	[RLIMIT_CORE] = "core file",
	[RLIMIT_RSS] = "resident memory",
	[RLIMIT_NPROC] = "processes",
	[RLIMIT_NOFILE] = "open files",
	[RLIMIT_MEMLOCK] = "locked memory",
	[RLIMIT_AS] = "address space",
	[RLIMIT_LOCKS] = "locks",
	[RLIMIT_SIGPENDING] = "pending signals",
	[RLIMIT_MSGQUEUE] = "message queues",
	[RLIMIT_NICE] = "nice value",
	[RLIMIT_RTPRIO] = "real-time priority",
	[RLIMIT_RTTIME] = "real-time CPU time",
};

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	TaskRlimitsEntry *limits;

	if (!core->tc || t->process->is_zombie)
		return 0;
	limits = dump_message(d, &task_rlimits_entry__descriptor);
	if (!limits)
		return fail(d->err, ENOMEM, "cannot describe its limits");
	limits->rlimits = arena_alloc(&d->arena, RECORD_RLIMITS * sizeof(limits->rlimits[0]));
	for (size_t i = 0; limits->rlimits && i < RECORD_RLIMITS; i++) {
		RlimitEntry *limit = dump_message(d, &rlimit_entry__descriptor);

		if (!limit)
			return fail(d->err, ENOMEM, "cannot describe its limits");
		limit->cur = t->process->deep->rlimits[i].cur;
		limit->max = t->process->deep->rlimits[i].max;
		limits->rlimits[limits->n_rlimits++] = limit;
	}
	core->tc->rlimits = limits;
	return limits->rlimits ? 0 : fail(d->err, ENOMEM, "cannot describe its limits");
}

/*
 * A hard limit above this process's takes CAP_SYS_RESOURCE. Without it the soft
 * limit, which is what counts for the program, must fit below ours; the hard one is cut.
 */
static int check_limit(struct restore *r, const struct new_task *t, int resource,
		       const RlimitEntry *limit)
{
	struct rlimit own;

	if (limit->cur > limit->max)
		return fail(r->err, 0, "the limit of %s, %llu, is above its maximum, %llu",
			    names[resource], (unsigned long long)limit->cur,
			    (unsigned long long)limit->max);
	if (getrlimit(resource, &own) || limit->max <= own.rlim_max || caps_have(CAP_SYS_RESOURCE))
		return 0;
	if (limit->cur > own.rlim_max) {
		fail(r->err, 0, "its limit of %s, %llu, is above what this session may have, %llu",
		     names[resource], (unsigned long long)limit->cur,
		     (unsigned long long)own.rlim_max);
		return fail_hint(r->err, "restore with CAP_SYS_RESOURCE, or raise the hard limit");
	}
	log_warn(r->log,
		 "task %d: its hard limit of %s, %llu, becomes %llu, which is all that this "
		 "session may have",
		 t->tid, names[resource], (unsigned long long)limit->max,
		 (unsigned long long)own.rlim_max);
	return 0;
}

static int check(struct restore *r, struct new_task *t)
{
	const TaskRlimitsEntry *limits = t->core->tc ? t->core->tc->rlimits : NULL;
	int ret = 0;

	if (!t->core->tc)
		return 0;
	if (!limits)
		return fail(r->err, 0,
			    "the image does not hold its limits: it is too old a format");
	if (limits->n_rlimits > RECORD_RLIMITS)
		return fail(r->err, 0, "it has %zu limits, this kernel %d", limits->n_rlimits,
			    RECORD_RLIMITS);
	for (size_t i = 0; i < limits->n_rlimits && !ret; i++)
		ret = check_limit(r, t, (int)i, limits->rlimits[i]);
	return ret;
}

/*
 * By the leader itself, still with all privileges: prlimit on a process of somebody
 * else takes CAP_SYS_RESOURCE even to lower a limit.
 */
static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const TaskRlimitsEntry *limits = t->core->tc ? t->core->tc->rlimits : NULL;
	bool may_raise = caps_have(CAP_SYS_RESOURCE);

	for (size_t i = 0; limits && i < limits->n_rlimits; i++) {
		struct rlimit own, limit = {limits->rlimits[i]->cur, limits->rlimits[i]->max};

		if (getrlimit((int)i, &own))
			return fail(r->err, errno, "cannot read the limit of %s", names[i]);
		if (limit.rlim_cur == own.rlim_cur && limit.rlim_max == own.rlim_max)
			continue;
		if (limit.rlim_max > own.rlim_max && !may_raise)
			limit.rlim_max = own.rlim_max;
		if (batch_reserve(batch, 1, sizeof(limit)))
			return batch_run(batch, r->err);
		batch_call(batch, "setting limit %llu", i, 0, ENGINE_SUCCESS, 0, NULL,
			   SYS_prlimit64,
			   (const __u64[6]){0, i, batch_data(batch, &limit, sizeof(limit), NULL)});
	}
	return 0;
}

static const struct task_ops task_ops = {
	.describe = describe,
	.check = check,
	.restore = {[PHASE_THREAD] = restore},
};

const struct kind kind_rlimits = {.name = "rlimits", .task = &task_ops};
