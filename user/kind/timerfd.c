// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/timerfd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "timerfd.pb-c.h"

#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif

#define NSEC        1000000000ULL
#define KTIME_MAX   INT64_MAX /* nanoseconds that the kernel can count to */
#define SETTIME_ALL (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)

static bool is_wall_clock(uint32_t clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM;
}

static bool claims(const struct file *f)
{
	return file_is_anon(f, "timerfd");
}

static void judge(struct judge *j, struct file *f)
{
	const struct timerfd_detail *detail = f->detail;

	judge_fown(j, f);
	if (f->rec->detail_type != DETAIL_TIMERFD || !detail)
		judge_file(j, f, "timerfd", NULL, "its time cannot be read on this kernel");
	else if (detail->is_cancelled)
		judge_file(j, f, "timerfd", "let the program read it",
			   "it is to tell that the clock was set (TFD_TIMER_CANCEL_ON_SET), and was "
			   "not asked yet");
}

/* What else it holds can be held again; that it can be read is a matter of the kernel. */
static bool is_plain(const struct file *f)
{
	const struct timerfd_detail *detail = f->detail;

	return !detail || !detail->is_cancelled;
}

/*
 * The state of the timer as seen when the tasks stopped: what time they stand
 * still does not count. A periodic timer with an unread expiry is not queued by
 * the kernel until somebody reads it, which then counts what went by: so does this.
 */
static void settle(const struct timerfd_detail *detail, long long now, uint64_t *ret_remaining,
		   uint64_t *ret_ticks)
{
	int64_t left = (int64_t)detail->expires_ns - now;

	*ret_ticks = detail->ticks;
	*ret_remaining = 0;
	if (!detail->is_armed)
		return;
	if (left <= 0 && detail->interval_ns && detail->expired) {
		uint64_t passed = (uint64_t)-left / detail->interval_ns + 1;

		*ret_ticks += passed - 1;
		left += passed * detail->interval_ns;
	}
	*ret_remaining = left > 0 ? left : 1;
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	const struct timerfd_detail *detail = f->detail;
	TimerfdEntry *tfd = dump_message(d, &timerfd_entry__descriptor);
	uint64_t remaining, ticks;

	if (!tfd || !(tfd->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	settle(detail, dump_clock(d, detail->base_clock), &remaining, &ticks);
	tfd->id = f->id;
	tfd->flags = file_flags(f);
	tfd->clockid = detail->clockid;
	tfd->ticks = ticks;
	tfd->settime_flags = detail->settime_flags;
	tfd->vsec = remaining / NSEC;
	tfd->vnsec = remaining % NSEC;
	tfd->isec = detail->interval_ns / NSEC;
	tfd->insec = detail->interval_ns % NSEC;
	/* An alarm for a time of day stays one, however long the checkpoint lies. */
	if (remaining && (detail->settime_flags & TFD_TIMER_ABSTIME) &&
	    is_wall_clock(detail->clockid)) {
		tfd->has_expires_ns = true;
		tfd->expires_ns = detail->expires_ns;
	}
	entry->tfd = tfd;
	return 0;
}

static int check(struct restore *r, struct new_file *f)
{
	const TimerfdEntry *tfd = f->entry->tfd;

	if (!tfd || tfd->id != f->id)
		return fail(r->err, 0, "it says nothing of a timerfd");
	switch (tfd->clockid) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_BOOTTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_BOOTTIME_ALARM:
		break;
	default:
		return fail(r->err, 0, "no timerfd runs on clock %u", tfd->clockid);
	}
	if (tfd->settime_flags & ~SETTIME_ALL)
		return fail(r->err, 0, "timerfd flags %#x are unknown", tfd->settime_flags);
	if (tfd->vnsec >= NSEC || tfd->insec >= NSEC || tfd->vsec > KTIME_MAX / NSEC ||
	    tfd->isec > KTIME_MAX / NSEC || (tfd->has_expires_ns && tfd->expires_ns > KTIME_MAX))
		return fail(r->err, 0, "its time is out of range");
	return 0;
}

static int open_timerfd(struct restore *r, struct new_file *f)
{
	f->fd = timerfd_create(f->entry->tfd->clockid, TFD_CLOEXEC);
	if (f->fd >= 0)
		return 0;
	if (fail(r->err, errno, "cannot create a timerfd") == -EPERM)
		fail_hint(r->err, "alarm clocks need CAP_WAKE_ALARM");
	return r->err->code;
}

static int connect_timerfd(struct restore *r, struct new_file *f)
{
	return connect_fown_flags(r, f, f->entry->tfd->fown, f->entry->tfd->flags);
}

static uint64_t clock_now(clockid_t id)
{
	struct timespec ts = {0};

	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

static struct timespec ns_to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = ns / NSEC, .tv_nsec = ns % NSEC};
}

static int arm(struct restore *r, struct new_file *f)
{
	const TimerfdEntry *tfd = f->entry->tfd;
	uint64_t value = tfd->vsec * NSEC + tfd->vnsec;
	struct itimerspec its = {
		.it_interval = {.tv_sec = tfd->isec, .tv_nsec = tfd->insec},
	};

	/* CRIU writes no remaining time for a periodic timer that waits to be read. */
	if (!value && tfd->ticks)
		value = tfd->isec * NSEC + tfd->insec;
	if (value && (tfd->settime_flags & TFD_TIMER_ABSTIME))
		value = tfd->has_expires_ns ? tfd->expires_ns : value + clock_now(tfd->clockid);
	if (value > KTIME_MAX)
		value = KTIME_MAX;
	its.it_value = ns_to_timespec(value);
	if (timerfd_settime(f->fd, tfd->settime_flags, &its, NULL))
		return fail(r->err, errno, "cannot set its time");
	if (tfd->ticks && ioctl(f->fd, TFD_IOC_SET_TICKS, &tfd->ticks))
		return fail(r->err, errno, "cannot set its unread expiries");
	return 0;
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	const struct timerfd_detail *detail = f->detail;
	struct timespec now;
	long long left;

	if (!detail || clock_gettime((clockid_t)detail->base_clock, &now))
		return;
	left = (long long)detail->expires_ns - (now.tv_sec * 1000000000ll + now.tv_nsec);
	fprintf(out, "clock %u ticks %llu", detail->clockid, (unsigned long long)detail->ticks);
	if (detail->is_armed)
		fprintf(out, " remaining %.6f interval %.6f", left > 0 ? (double)left / 1e9 : 0,
			(double)detail->interval_ns / 1e9);
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__TIMERFD,
	.claims = claims,
	.judge = judge,
	.is_plain = is_plain,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_timerfd,
	.connect = connect_timerfd,
	.arm = arm,
};

const struct kind kind_timerfd = {.name = "timerfd", .file = &file_ops};
