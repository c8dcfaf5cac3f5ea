// SPDX-License-Identifier: GPL-2.0-only
/* Interval timers and POSIX timers of a process. Times are measured from the freeze on. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "timer.pb-c.h"

#define NSEC        1000000000ULL
#define USEC        1000ULL /* nanoseconds */
#define N_ITIMERS   3
#define MAX_SECONDS (INT64_MAX / (int64_t)NSEC)

/*
 * Without PR_TIMER_CREATE_RESTORE_IDS (6.15) a process numbers its timers 0, 1, 2 … for ever:
 * an id is reached by making and deleting all before it, some microseconds each.
 */
#define MAX_COUNTED_ID 10000000

#ifndef PR_TIMER_CREATE_RESTORE_IDS
#define PR_TIMER_CREATE_RESTORE_IDS     77
#define PR_TIMER_CREATE_RESTORE_IDS_OFF 0
#define PR_TIMER_CREATE_RESTORE_IDS_ON  1
#endif

/* What timer_create takes; libc's has no name for the thread id. */
struct kernel_sigevent {
	__u64 value;
	__s32 signo, notify, tid, pad[11];
};

struct kernel_itimerspec {
	__s64 interval_sec, interval_nsec, value_sec, value_nsec;
};

/* --- dump ---------------------------------------------------------------- */

/* A timer may outlive the thread that it is about. */
static bool has_task(const struct process *p, pid_t tid)
{
	for (size_t i = 0; i < p->n_tasks; i++)
		if (p->tasks[i].tid == tid)
			return true;
	return false;
}

static void judge(struct judge *j, const struct task *t)
{
	const struct process *p = t->process;
	clockid_t clock;

	if (t != p->tasks || p->is_zombie)
		return;
	for (size_t i = 0; i < p->n_timers; i++)
		if (is_own_cpu_clock((clockid_t)p->timers[i]->clock, 0, &clock) &&
		    !has_task(p, p->timers[i]->cpu_task.host))
			judge_process(j, p, "timer", "delete it",
				      "timer %u runs on the CPU time of a thread that has ended",
				      p->timers[i]->id);
}

/*
 * What remains, from @expires and the clock's @now. One with an interval that has gone off is
 * started again when its signal is taken, at the next multiple: so its signal waits, and
 * it goes on from there.
 */
static uint64_t remaining(uint64_t expires, uint64_t interval, int64_t now)
{
	int64_t left = (int64_t)expires - now;

	if (left > 0)
		return (uint64_t)left;
	return interval ? interval - (uint64_t)-left % interval : 1;
}

static ItimerEntry *describe_itimer(struct dump *d, const struct record_itimer *timer, int64_t now)
{
	ItimerEntry *entry = dump_message(d, &itimer_entry__descriptor);
	uint64_t left = 0;

	if (!entry)
		return NULL;
	/* Without a time but with an interval, its SIGALRM is pending: the interval counts then. */
	if (timer->value_ns)
		left = remaining(timer->value_ns, timer->interval_ns, now);
	else
		left = timer->interval_ns;
	left = (left + USEC - 1) / USEC;
	entry->vsec = left / 1000000;
	entry->vusec = left % 1000000;
	entry->isec = timer->interval_ns / NSEC;
	entry->iusec = timer->interval_ns % NSEC / USEC;
	return entry;
}

static int describe_timer(struct dump *d, const struct process *p, const struct timer_record *rec,
			  PosixTimerEntry *entry)
{
	clockid_t clock = (clockid_t)rec->clock, base = (clockid_t)rec->base_clock;
	uint64_t left = 0;
	long long now = 0;

	/* The thread that made it is named: the leader makes it anew. */
	if (is_own_cpu_clock(clock, rec->cpu_task.virt, &clock))
		base = clock;
	if (rec->is_armed || rec->is_periodic_pending) {
		int ret = dump_task_clock(d, p->tasks, base, &now);

		if (ret)
			return fail(d->err, ret, "timer %u: cannot read its clock %d", rec->id,
				    (int)rec->clock);
		left = remaining(rec->expires_ns, rec->interval_ns, now);
	}
	entry->it_id = rec->id;
	entry->clock_id = (uint32_t)clock;
	entry->si_signo = rec->signo;
	entry->it_sigev_notify = rec->notify;
	entry->sival_ptr = rec->sigval;
	entry->overrun = (uint32_t)rec->overrun;
	entry->isec = rec->interval_ns / NSEC;
	entry->insec = rec->interval_ns % NSEC;
	entry->vsec = left / NSEC;
	entry->vnsec = left % NSEC;
	if (rec->notify & SIGEV_THREAD_ID && has_task(p, rec->target.host)) {
		entry->has_notify_thread_id = true;
		entry->notify_thread_id = rec->target.virt;
	} else if (rec->notify & SIGEV_THREAD_ID) { /* nobody hears it any more */
		entry->it_sigev_notify = SIGEV_NONE;
	}
	/* One set for a time runs on CLOCK_MONOTONIC; a moment stays one, however long the images
	 * lie. */
	if (left && rec->clock == CLOCK_REALTIME && rec->base_clock == CLOCK_REALTIME) {
		entry->has_expires_ns = true;
		entry->expires_ns = (uint64_t)now + left;
	}
	if (rec->is_pending) {
		entry->has_signal_queued = true;
		entry->signal_queued = true;
	}
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const PosixTimerEntry *x = *(const PosixTimerEntry *const *)a;
	const PosixTimerEntry *y = *(const PosixTimerEntry *const *)b;

	return (x->it_id > y->it_id) - (x->it_id < y->it_id);
}

static int describe_timers(struct dump *d, const struct process *p, TaskTimersEntry *timers)
{
	timers->posix = arena_alloc(&d->arena, (p->n_timers + 1) * sizeof(timers->posix[0]));
	if (!timers->posix)
		return fail(d->err, ENOMEM, "cannot describe its timers");
	for (size_t i = 0; i < p->n_timers; i++) {
		PosixTimerEntry *entry = dump_message(d, &posix_timer_entry__descriptor);
		int ret = entry ? describe_timer(d, p, p->timers[i], entry)
				: fail(d->err, ENOMEM, "cannot describe its timers");

		if (ret)
			return ret;
		timers->posix[timers->n_posix++] = entry;
	}
	qsort(timers->posix, timers->n_posix, sizeof(timers->posix[0]), by_id);
	return 0;
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	const struct process_record *rec = t->process->rec;
	TaskTimersEntry *timers;

	if (!core->tc || t->process->is_zombie)
		return 0;
	timers = dump_message(d, &task_timers_entry__descriptor);
	if (!timers)
		return fail(d->err, ENOMEM, "cannot describe its timers");
	timers->real =
		describe_itimer(d, &rec->itimers[ITIMER_REAL], dump_clock(d, CLOCK_MONOTONIC));
	timers->virt =
		describe_itimer(d, &rec->itimers[ITIMER_VIRTUAL], (int64_t)rec->cpu_virtual_ns);
	timers->prof = describe_itimer(d, &rec->itimers[ITIMER_PROF], (int64_t)rec->cpu_prof_ns);
	if (!timers->real || !timers->virt || !timers->prof)
		return fail(d->err, ENOMEM, "cannot describe its timers");
	core->tc->timers = timers;
	return describe_timers(d, t->process, timers);
}

/* --- restore -------------------------------------------------------------- */

static int check_itimer(struct restore *r, const ItimerEntry *timer)
{
	if (timer->vusec >= 1000000 || timer->iusec >= 1000000 || timer->vsec > MAX_SECONDS ||
	    timer->isec > MAX_SECONDS)
		return fail(r->err, 0, "an interval timer's time is out of range");
	return 0;
}

static int check(struct restore *r, struct new_task *t)
{
	TaskTimersEntry *timers = t->core->tc ? t->core->tc->timers : NULL;

	if (!t->core->tc)
		return 0;
	if (!timers)
		return fail(r->err, 0,
			    "the image does not hold its timers: it is too old a format");
	if (check_itimer(r, timers->real) || check_itimer(r, timers->virt) ||
	    check_itimer(r, timers->prof))
		return r->err->code;
	if (timers->n_posix)
		qsort(timers->posix, timers->n_posix, sizeof(timers->posix[0]), by_id);
	for (size_t i = 0; i < timers->n_posix; i++) {
		const PosixTimerEntry *timer = timers->posix[i];

		if (timer->it_id > INT32_MAX || (i && timer->it_id == timers->posix[i - 1]->it_id))
			return fail(r->err, 0, "there cannot be a timer %u", timer->it_id);
		if (timer->vnsec >= NSEC || timer->insec >= NSEC || timer->vsec > MAX_SECONDS ||
		    timer->isec > MAX_SECONDS || timer->expires_ns > INT64_MAX)
			return fail(r->err, 0, "timer %u: its time is out of range", timer->it_id);
	}
	return 0;
}

static int restore_itimer(struct restore *r, struct batch *batch, int which,
			  const ItimerEntry *timer)
{
	__u64 spec[4] = {timer->isec, timer->iusec, timer->vsec, timer->vusec};

	if (!spec[2] && !spec[3]) {
		spec[2] = timer->isec;
		spec[3] = timer->iusec;
	}
	if (!spec[2] && !spec[3])
		return 0;
	if (batch_reserve(batch, 1, sizeof(spec)))
		return batch_run(batch, r->err);
	return batch_call(
		batch, "starting interval timer %llu", (__u64)which, 0, ENGINE_SUCCESS, 0, NULL,
		SYS_setitimer,
		(const __u64[6]){(__u64)which, batch_data(batch, spec, sizeof(spec), NULL)});
}

/* Its thread may have ended before criu's dump: then the timer goes on, and nobody hears it. */
static bool has_thread(const struct new_process *p, pid_t tid)
{
	for (size_t i = 0; i < p->n_tasks; i++)
		if (p->tasks[i].tid == tid)
			return true;
	return false;
}

/* Makes timer number @id, the one that the kernel is to give next or that it is told to give. */
static int queue_create(struct restore *r, struct batch *batch, clockid_t clock,
			const struct kernel_sigevent *event, __u32 id)
{
	__u64 at, at_id;

	if (batch_reserve(batch, 1, sizeof(*event) + sizeof(id)))
		return batch_run(batch, r->err);
	at = batch_data(batch, event, sizeof(*event), NULL);
	at_id = batch_data(batch, &id, sizeof(id), NULL);
	return batch_call(batch, "creating timer %llu", id, 0, ENGINE_SUCCESS, 0, NULL,
			  SYS_timer_create, (const __u64[6]){(__u64)(__s64)clock, at, at_id});
}

/* Kernels without forced ids: makes and deletes timers until the next one is @id. */
static int count_up(struct restore *r, struct batch *batch, __u32 *next, __u32 id)
{
	const struct kernel_sigevent none = {.notify = SIGEV_NONE};

	if (id - *next > MAX_COUNTED_ID)
		return fail(r->err, 0, "timer %u cannot be had: this kernel counts them one by one",
			    id);
	for (; *next < id; (*next)++) {
		if (queue_create(r, batch, CLOCK_MONOTONIC, &none, *next))
			return r->err->code;
		batch_call(batch, "passing over timer %llu", *next, 0, ENGINE_SUCCESS, 0, NULL,
			   SYS_timer_delete, (const __u64[6]){*next});
	}
	return 0;
}

static int restore_timer(struct restore *r, struct new_task *t, struct batch *batch,
			 const PosixTimerEntry *timer)
{
	struct kernel_sigevent event = {
		.value = timer->sival_ptr,
		.signo = (int)timer->si_signo,
		.notify = (int)timer->it_sigev_notify,
		.tid = timer->notify_thread_id,
	};
	struct kernel_itimerspec spec = {(__s64)timer->isec, (__s64)timer->insec,
					 (__s64)timer->vsec, (__s64)timer->vnsec};
	int flags = timer->has_expires_ns ? TIMER_ABSTIME : 0;

	if (event.notify & SIGEV_THREAD_ID && !has_thread(t->process, event.tid)) {
		log_warn(r->log, "task %d: timer %u signals thread %d, which is no more; ignoring",
			 t->tid, timer->it_id, event.tid);
		event = (struct kernel_sigevent){.value = event.value, .notify = SIGEV_NONE};
	}
	if (queue_create(r, batch, (clockid_t)timer->clock_id, &event, timer->it_id))
		return r->err->code;
	if (!spec.value_sec && !spec.value_nsec)
		return 0;
	if (timer->has_expires_ns) {
		spec.value_sec = (__s64)(timer->expires_ns / NSEC);
		spec.value_nsec = (__s64)(timer->expires_ns % NSEC);
	}
	if (batch_reserve(batch, 1, sizeof(spec)))
		return batch_run(batch, r->err);
	return batch_call(batch, "starting timer %llu", timer->it_id, 0, ENGINE_SUCCESS, 0, NULL,
			  SYS_timer_settime,
			  (const __u64[6]){timer->it_id, (__u64)flags,
					   batch_data(batch, &spec, sizeof(spec), NULL)});
}

static int restore_posix(struct restore *r, struct new_task *t, struct batch *batch)
{
	const TaskTimersEntry *timers = t->core->tc->timers;
	__s64 is_forced = 0;
	__u32 next = 0;
	int ret;

	batch_call(batch, "asking for timer ids", 0, 0, ENGINE_ANY, 0, &is_forced, SYS_prctl,
		   (const __u64[6]){PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_ON});
	ret = batch_run(batch, r->err);
	for (size_t i = 0; !ret && i < timers->n_posix; i++) {
		if (is_forced)
			ret = count_up(r, batch, &next, timers->posix[i]->it_id);
		if (!ret)
			ret = restore_timer(r, t, batch, timers->posix[i]);
		next = timers->posix[i]->it_id + 1;
	}
	if (!ret && !is_forced)
		batch_do(batch, "numbering timers by itself again", SYS_prctl,
			 PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_OFF);
	return ret;
}

static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const TaskTimersEntry *timers = t->core->tc->timers;
	int ret = restore_itimer(r, batch, ITIMER_REAL, timers->real) ?:
		  restore_itimer(r, batch, ITIMER_VIRTUAL, timers->virt) ?:
		  restore_itimer(r, batch, ITIMER_PROF, timers->prof);

	return ret || !timers->n_posix ? ret : restore_posix(r, t, batch);
}

static const struct task_ops task_ops = {
	.judge = judge,
	.describe = describe,
	.check = check,
	.restore = {[PHASE_TIMERS] = restore},
};

const struct kind kind_timers = {.name = "timers", .task = &task_ops};
