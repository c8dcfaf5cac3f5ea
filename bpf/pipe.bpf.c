// SPDX-License-Identifier: GPL-2.0-only
/* Pipes and FIFOs. */

#include "file.h"
#include "pipe.h"

#define PIPEFS_MAGIC         0x50495045
#define PIPE_BUF_FLAG_PACKET 8

struct pipe_walk {
	__u64 bytes, buffers;
	__u32 tail, mask, n_packets;
} pipe_walk;

static long add_buffer(__u32 i, void *unused)
{
	__u64 slot = (pipe_walk.tail + i) & pipe_walk.mask;
	struct pipe_buffer *buffer =
		(void *)(pipe_walk.buffers + slot * bpf_core_type_size(struct pipe_buffer));

	pipe_walk.bytes += BPF_CORE_READ(buffer, len);
	pipe_walk.n_packets += (BPF_CORE_READ(buffer, flags) & PIPE_BUF_FLAG_PACKET) != 0;
	return 0;
}

int pipe_detail(void)
{
	struct pipe_detail *d = detail_room(struct pipe_detail);
	struct inode *inode = (struct inode *)view.inode;
	struct pipe_inode_info *pipe;

	if (!is_file_type(S_IFIFO))
		return 0;
	clear(d);
	pipe = BPF_CORE_READ(inode, i_pipe);
	d->pipe = (__u64)pipe;
	d->ring_size = BPF_CORE_READ(pipe, ring_size);
	d->max_usage = BPF_CORE_READ(pipe, max_usage);
	d->readers = BPF_CORE_READ(pipe, readers);
	d->writers = BPF_CORE_READ(pipe, writers);
	d->is_fifo = file_now.record.s_magic != PIPEFS_MAGIC;
	if (bpf_core_field_exists(struct pipe_inode_info___watch, watch_queue))
		d->has_watch_queue =
			BPF_CORE_READ((struct pipe_inode_info___watch *)pipe, watch_queue) != NULL;
	pipe_walk.tail = BPF_CORE_READ(pipe, tail);
	d->n_buffers = BPF_CORE_READ(pipe, head) - pipe_walk.tail;
	pipe_walk.mask = d->ring_size - 1;
	pipe_walk.buffers = (__u64)BPF_CORE_READ(pipe, bufs);
	pipe_walk.bytes = pipe_walk.n_packets = 0;
	if (d->n_buffers <= d->ring_size)
		bpf_loop(d->n_buffers, add_buffer, NULL, 0);
	d->bytes = pipe_walk.bytes;
	d->n_packets = pipe_walk.n_packets;
	return detail_done(DETAIL_PIPE, sizeof(*d));
}
