// SPDX-License-Identifier: GPL-2.0-only
/* How the kernel schedules a thread: policy, nice value, processors, IO priority, timer slack. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"

/* linux/sched.h and libc's sched.h define some of these, and exclude each other. */
enum { POLICY_DEADLINE = 6, POLICY_EXT = 7, POLICIES };
#define FLAG_RESET_ON_FORK   1
#define POLICY_RESET_ON_FORK 0x40000000 /* how sched_getscheduler tells it, and CRIU stores it */
#define IOPRIO_WHO_PROCESS   1
#define PRIO_RT_MAX          99

#define CPU_WORDS 128 /* of the largest mask that is taken: 8192 processors */

struct attributes { /* struct sched_attr with utilisation clamps (5.3) */
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
#define ATTRIBUTES_FIRST 48 /* its size before it had them */

/* SCHED_FLAG_*: what deadline tasks choose; keep policy and parameters, set the clamps. */
#define FLAGS_DEADLINE 0x6
#define FLAGS_CLAMPS   (0x18 | 0x60)
#define UTIL_MAX       1024

static uint32_t policy_of(const ThreadCoreEntry *thread)
{
	return thread->has_sched_policy ? thread->sched_policy & ~(uint32_t)POLICY_RESET_ON_FORK
					: SCHED_OTHER;
}

static bool is_reset_on_fork(const ThreadCoreEntry *thread)
{
	return thread->has_sched_policy && thread->sched_policy & POLICY_RESET_ON_FORK;
}

static bool is_realtime(uint32_t policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

/* --- dump ---------------------------------------------------------------- */

static void judge(struct judge *j, const struct task *t)
{
	if (t->process->is_zombie)
		return;
	if (t->rec->policy >= POLICIES)
		judge_task(j, t, "scheduling", NULL, "its scheduling policy %u is unknown",
			   t->rec->policy);
	if (t == t->process->tasks && t->rec->core_cookie) {
		judge_task(j, t, "scheduling", NULL,
			   "it shares a core only with its kin (PR_SCHED_CORE), which will not be "
			   "kept");
		judge_soften(j);
	}
}

/* Does @mask hold every processor that is online? Then it is no choice that anybody made. */
static bool is_everywhere(const __u64 *mask, size_t n_words, long n_possible)
{
	long found = 0;

	for (size_t i = 0; i < n_words; i++)
		found += __builtin_popcountll(mask[i]);
	/* The first answer costs nothing; where processors can be added, a file must be read. */
	return found >= n_possible || found >= sysconf(_SC_NPROCESSORS_ONLN);
}

static int describe_cpus(struct dump *d, const struct task *t, ThreadCoreEntry *thread)
{
	size_t n = (t->rec->n_cpus + 63) / 64;

	while (n && !t->rec->cpus[n - 1])
		n--;
	if (is_everywhere(t->rec->cpus, n, t->rec->n_cpus))
		return 0;
	thread->cpus = arena_copy(&d->arena, t->rec->cpus, n * sizeof(uint64_t));
	if (!thread->cpus)
		return fail(d->err, ENOMEM, "cannot describe its processors");
	thread->n_cpus = n;
	return 0;
}

/* What no record tells. Clamps are told only by kernels that have them, else they are both 0. */
static void describe_attributes(const struct task *t, ThreadCoreEntry *thread)
{
	struct attributes attr = {.size = sizeof(attr)};
	bool is_clamped;

	if (syscall(SYS_sched_getattr, t->tid, &attr, sizeof(attr), 0))
		return;
	if (attr.flags & FLAGS_DEADLINE) {
		thread->has_sched_flags = true;
		thread->sched_flags = attr.flags & FLAGS_DEADLINE;
	}
	/* left alone, a real-time thread has the maximum as its minimum */
	is_clamped = attr.util_max != UTIL_MAX ||
		     attr.util_min != (is_realtime(attr.policy) ? UTIL_MAX : 0);
	if (attr.size < sizeof(attr) || !attr.util_max || !is_clamped)
		return;
	thread->has_util_min = thread->has_util_max = true;
	thread->util_min = attr.util_min;
	thread->util_max = attr.util_max;
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	ThreadCoreEntry *thread = core->thread_core;
	const struct task_record *rec = t->rec;

	if (t->process->is_zombie || !thread)
		return 0;
	thread->has_sched_nice = thread->has_sched_policy = true;
	thread->sched_nice = rec->nice;
	thread->sched_policy = rec->policy | (rec->sched_reset_on_fork ? POLICY_RESET_ON_FORK : 0);
	if (is_realtime(rec->policy)) {
		thread->has_sched_prio = true;
		thread->sched_prio = rec->rt_priority;
	}
	if (rec->policy == POLICY_DEADLINE) {
		thread->has_dl_runtime = thread->has_dl_deadline = thread->has_dl_period = true;
		thread->dl_runtime = rec->dl_runtime;
		thread->dl_deadline = rec->dl_deadline;
		thread->dl_period = rec->dl_period;
	}
	thread->has_ioprio = thread->has_timer_slack_ns = true;
	thread->ioprio = rec->ioprio;
	thread->timer_slack_ns = rec->timer_slack_ns;
	describe_attributes(t, thread);
	return describe_cpus(d, t, thread);
}

/* --- restore ------------------------------------------------------------- */

static int check(struct restore *r, struct new_task *t)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	uint32_t policy = policy_of(thread);

	if (policy >= POLICIES)
		return fail(r->err, 0, "its scheduling policy %u is unknown", policy);
	if (is_realtime(policy) && (thread->sched_prio < 1 || thread->sched_prio > PRIO_RT_MAX))
		return fail(r->err, 0, "its priority %u is out of range", thread->sched_prio);
	if (thread->has_sched_nice && (thread->sched_nice < -20 || thread->sched_nice > 19))
		return fail(r->err, 0, "its nice value %d is out of range", thread->sched_nice);
	if (policy == POLICY_DEADLINE && !thread->has_dl_runtime)
		return fail(r->err, 0, "the image does not say which deadline it runs by");
	if (thread->util_max > UTIL_MAX || thread->util_min > UTIL_MAX)
		return fail(r->err, 0, "its utilisation clamps %u and %u are out of range",
			    thread->util_min, thread->util_max);
	if (thread->n_cpus > CPU_WORDS)
		return fail(r->err, 0, "it runs on %zu processors, more than there can be",
			    thread->n_cpus * 64);
	return 0;
}

/* Those of its processors that this machine has. None: it may run anywhere. */
static int restore_cpus(struct restore *r, const struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	uint64_t online[CPU_WORDS] = {0}, want[CPU_WORDS] = {0};
	size_t n = thread->n_cpus, lost = 0, left = 0;

	/* Of this process: all of its cpuset (restore/estate.c), and no more can be given. */
	if (syscall(SYS_sched_getaffinity, 0, sizeof(online), online) < 0)
		return fail(r->err, errno, "cannot read which processors there are");
	for (size_t i = 0; i < n; i++) {
		want[i] = thread->cpus[i] & online[i];
		left += __builtin_popcountll(want[i]);
		lost += __builtin_popcountll(thread->cpus[i] & ~online[i]);
	}
	if (lost)
		log_warn(r->log,
			 "task %d: %zu of the processors it is bound to are not here%s; ignoring",
			 t->tid, lost, left ? "" : ", so it is bound to none");
	if (!left)
		return 0;
	if (batch_reserve(batch, 1, sizeof(want)))
		return batch_run(batch, r->err);
	return batch_do(batch, "binding it to its processors", SYS_sched_setaffinity, 0,
			n * sizeof(want[0]), batch_data(batch, want, n * sizeof(want[0]), NULL));
}

static int restore_policy(struct restore *r, const struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	struct attributes attr = {
		.size = ATTRIBUTES_FIRST,
		.policy = policy_of(thread),
		.flags = (is_reset_on_fork(thread) ? FLAG_RESET_ON_FORK : 0) |
			 (thread->sched_flags & FLAGS_DEADLINE),
		.nice = thread->sched_nice,
		.priority = thread->sched_prio,
		.runtime = thread->dl_runtime,
		.deadline = thread->dl_deadline,
		.period = thread->dl_period,
	};

	if (batch_reserve(batch, 2, sizeof(attr)))
		return batch_run(batch, r->err);
	/* A nice value that rests under a real-time policy is set in no other way. */
	batch_do(batch, "setting its nice value", SYS_setpriority, PRIO_PROCESS, 0,
		 (__u64)(__s64)thread->sched_nice);
	if (!is_realtime(attr.policy))
		attr.priority = 0;
	return batch_do(batch, "setting its scheduling policy", SYS_sched_setattr, 0,
			batch_data(batch, &attr, sizeof(attr), NULL), 0);
}

/* After the policy, which has defaults of its own. */
static int restore_clamps(struct restore *r, const struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	struct attributes attr = {
		.size = sizeof(attr),
		.flags = FLAGS_CLAMPS | (is_reset_on_fork(thread) ? FLAG_RESET_ON_FORK : 0),
		.util_min = thread->util_min,
		.util_max = thread->util_max,
	};

	if (!thread->has_util_max)
		return 0;
	if (batch_reserve(batch, 1, sizeof(attr)))
		return batch_run(batch, r->err);
	return batch_do(batch, "setting its utilisation clamps", SYS_sched_setattr, 0,
			batch_data(batch, &attr, sizeof(attr), NULL), 0);
}

/*
 * Processors before the policy: a deadline must not be bound afterwards. Timer slack before
 * it too: real-time threads have none, and get none.
 */
static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	int ret = 0;

	if (thread->n_cpus)
		ret = restore_cpus(r, t, batch);
	if (ret)
		return ret;
	if (thread->has_timer_slack_ns && thread->timer_slack_ns)
		batch_do(batch, "setting its timer slack", SYS_prctl, PR_SET_TIMERSLACK,
			 thread->timer_slack_ns);
	if (thread->has_ioprio)
		batch_do(batch, "setting its IO priority", SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
			 thread->ioprio);
	return restore_policy(r, t, batch) ?: restore_clamps(r, t, batch);
}

static const struct task_ops task_ops = {
	.judge = judge,
	.describe = describe,
	.check = check,
	.restore = {[PHASE_THREAD] = restore},
};

const struct kind kind_sched = {.name = "sched", .task = &task_ops};
