// SPDX-License-Identifier: GPL-2.0-only
#include "file.h"
#include "timerfd.h"

#define is_alarm_clock(clock) ((clock) == 8 || (clock) == 9) /* CLOCK_{REALTIME,BOOTTIME}_ALARM */

static __always_inline void read_alarm(struct timerfd_ctx *ctx, struct timerfd_detail *d)
{
	d->expires_ns = BPF_CORE_READ(ctx, t.alarm.node.expires);
	d->is_queued = BPF_CORE_READ(ctx, t.alarm.state) & 1;
	d->base_clock =
		BPF_CORE_READ(ctx, t.alarm.type) ? 7 : 0; /* CLOCK_BOOTTIME, CLOCK_REALTIME */
}

static __always_inline void read_timer(struct timerfd_ctx *ctx, struct timerfd_detail *d)
{
	struct hrtimer *timer = __builtin_preserve_access_index(&ctx->t.tmr);
	struct hrtimer___new *newer = (void *)timer;
	struct hrtimer___old *older = (void *)timer;

	d->is_queued = hrtimer_expires((__u64)timer) != 0;
	if (bpf_core_field_exists(newer->is_queued))
		d->expires_ns = BPF_CORE_READ(newer, node.expires);
	else
		d->expires_ns = BPF_CORE_READ(older, node.expires);
	d->base_clock = BPF_CORE_READ(timer, base, clockid);
}

int timerfd_detail(void)
{
	struct timerfd_detail *d = detail_room(struct timerfd_detail);
	struct timerfd_ctx *ctx = (struct timerfd_ctx *)file_now.record.private_data;

	if (!is_anon("timerfd"))
		return 0;
	clear(d);
	d->clockid = BPF_CORE_READ(ctx, clockid);
	d->interval_ns = BPF_CORE_READ(ctx, tintv);
	d->ticks = BPF_CORE_READ(ctx, ticks);
	d->expired = BPF_CORE_READ(ctx, expired);
	d->settime_flags = BPF_CORE_READ(ctx, settime_flags);
	if (is_alarm_clock(d->clockid))
		read_alarm(ctx, d);
	else
		read_timer(ctx, d);
	d->is_cancelled = is_cancelled_timer(ctx);
	d->is_armed = d->is_queued || (d->expired && d->interval_ns);
	return detail_done(DETAIL_TIMERFD, sizeof(*d));
}
