/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_PIPE_H
#define CRBPF_BPF_PIPE_H

#ifndef __bpf__
#include <linux/types.h>
#endif

struct pipe_detail {
	__u64 pipe;		/* identity of the pipe_inode_info: both ends have the same */
	__u64 bytes;		/* unread */
	__u32 n_buffers;	/* in use, of @ring_size */
	__u32 ring_size;	/* slots allocated */
	__u32 max_usage;	/* slots that may be used: F_GETPIPE_SZ is this times the page size */
	__u32 readers, writers;	/* open descriptions of each end */
	__u32 n_packets;	/* buffers that keep message boundaries (O_DIRECT) */
	__u32 is_fifo;		/* a name in a file system */
	__u32 has_watch_queue;	/* notifications arrive here (O_NOTIFICATION_PIPE) */
};

#endif
