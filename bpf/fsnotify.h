/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_FSNOTIFY_H
#define CRBPF_BPF_FSNOTIFY_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* Of an inotify or a fanotify file, which is told by its anon_name. */
struct fsnotify_detail {
	__u32 next_wd;		/* inotify: what the next watch may get, if it is free */
	__u32 n_events;		/* queued */
	__u32 max_events;
	__u32 reserved;
	__u32 flags;		/* fanotify: as of fanotify_init; its FAN_* */
	__u32 event_flags;	/* fanotify: O_* of the descriptors that it makes */
	__u32 n_permissions;	/* fanotify: events read that wait for an answer */
	__u32 priority;		/* fanotify: its class */
};

#endif
