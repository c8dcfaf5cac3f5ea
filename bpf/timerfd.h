/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_TIMERFD_H
#define CRBPF_BPF_TIMERFD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/*
 * An unread expiry of a periodic timer is counted when it is read: until then
 * @expired is 1, @expires_ns lies in the past and the timer is not queued.
 */
struct timerfd_detail {
	__u32 clockid;		/* as given to timerfd_create */
	__u32 base_clock;	/* the clock that @expires_ns is in: a relative CLOCK_REALTIME timer runs on CLOCK_MONOTONIC */
	__u64 expires_ns;	/* absolute; 0 if it was never set */
	__u64 interval_ns;
	__u64 ticks;		/* what read() would give, without the expiries since @expires_ns */
	__u32 settime_flags;	/* TFD_TIMER_ABSTIME 1, TFD_TIMER_CANCEL_ON_SET 2 */
	__u32 expired;
	__u32 is_armed;		/* queued, or periodic with an unread expiry */
	__u32 is_queued;	/* will fire */
	__u32 is_cancelled;	/* the clock was set (TFD_TIMER_CANCEL_ON_SET), which nobody has read */
	__u32 reserved;
};

#ifdef __bpf__
static __always_inline bool is_cancelled_timer(void *timer)
{
	struct timerfd_ctx___cancel *ctx = timer;

	return bpf_core_field_exists(ctx->moffs) && BPF_CORE_READ(ctx, might_cancel) &&
	       BPF_CORE_READ(ctx, moffs) == (__s64)(~0ULL >> 1); /* KTIME_MAX */
}
#endif

#endif
