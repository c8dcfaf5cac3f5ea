// SPDX-License-Identifier: GPL-2.0-only
/* Parts of a master: the bytes that either side of the pty has not read yet. */

#include "file.h"

#define PTY_MASTER (4u << 16 | 1)
#define FLAG_BYTES (TTY_READ_BYTES / 8)
#define RING	   (TTY_READ_BYTES - 1)

/* As this file needs them: no other does. */
struct n_tty_data___queue {
	size_t read_head, canon_head, read_tail;
	unsigned char icanon : 1;
	char read_buf[TTY_READ_BYTES];
	unsigned long read_flags[FLAG_BYTES / sizeof(long)];
} __attribute__((preserve_access_index));
struct tty_buffer___queue {
	struct tty_buffer *next;
	int commit, read;
	unsigned long data[];
} __attribute__((preserve_access_index));

__u64 tty_queue_words[(sizeof(struct tty_queue_record) + TTY_READ_BYTES + FLAG_BYTES) / 8];
#define queue_now ((struct tty_queue_record *)tty_queue_words)

struct tty_walk {
	__u64 at; /* struct tty_buffer */
	__u32 sent, is_slave, is_full;
} tty_walk;

static __always_inline int send_queue(__u32 what, __u32 bytes)
{
	__u64 size = sizeof(struct tty_queue_record) + ((bytes + 7) & ~7ULL);

	queue_now->what = what;
	queue_now->bytes = bytes;
	queue_now->is_slave = tty_walk.is_slave;
	if (size > sizeof(tty_queue_words))
		size = sizeof(tty_queue_words);
	return stream_send(&queue_now->head, RECORD_TTY_PART, view.file, size, true);
}

static __always_inline int send_ring(struct n_tty_data___queue *queue)
{
	struct tty_queue_record *r = queue_now;

	clear(r);
	r->tail = BPF_CORE_READ(queue, read_tail);
	r->head_at = BPF_CORE_READ(queue, read_head);
	r->canon_head = BPF_CORE_READ(queue, canon_head);
	r->is_canonical = BPF_CORE_READ_BITFIELD_PROBED(queue, icanon);
	if (r->head_at == r->tail)
		return 0;
	r->tail &= RING;
	r->head_at &= RING;
	r->canon_head &= RING;
	bpf_probe_read_kernel(r->data, TTY_READ_BYTES,
			      __builtin_preserve_access_index(&queue->read_buf));
	bpf_probe_read_kernel(r->data + TTY_READ_BYTES, FLAG_BYTES,
			      __builtin_preserve_access_index(&queue->read_flags));
	return send_queue(TTY_QUEUE_READ, TTY_READ_BYTES + FLAG_BYTES);
}

/* A piece of what the line discipline has not had yet; one that is longer takes more turns. */
static long send_way(__u32 i, void *unused)
{
	struct tty_buffer___queue *at = (void *)tty_walk.at;
	__u32 read, bytes;

	if (!at)
		return 1;
	read = BPF_CORE_READ(at, read) + tty_walk.sent;
	bytes = BPF_CORE_READ(at, commit) - read;
	if (!bytes || bytes > 1 << 24) {
		tty_walk.at = (__u64)BPF_CORE_READ(at, next);
		tty_walk.sent = 0;
		return 0;
	}
	if (bytes > TTY_READ_BYTES)
		bytes = TTY_READ_BYTES;
	bpf_probe_read_kernel(queue_now->data, bytes,
			      (void *)at + bpf_core_field_offset(at->data) + read);
	if (send_queue(TTY_QUEUE_WAY, bytes)) {
		tty_walk.is_full = 1;
		return 1;
	}
	tty_walk.sent += bytes;
	return 0;
}

static __always_inline int send_side(struct tty_struct *tty, __u32 is_slave)
{
	struct n_tty_data___queue *queue = BPF_CORE_READ(tty, disc_data);

	tty_walk.is_slave = is_slave;
	tty_walk.sent = tty_walk.is_full = 0;
	tty_walk.at = (__u64)BPF_CORE_READ(tty, port, buf.head);
	if (queue && !BPF_CORE_READ(tty, ldisc, ops, num) && send_ring(queue))
		return 1;
	clear(queue_now);
	bpf_loop(1 << 16, send_way, NULL, 0);
	return tty_walk.is_full;
}

int file_tty_queue(void)
{
	struct tty_struct *tty = (struct tty_struct *)tty_of_file(), *link;

	if (!tty || tty_driver_kind((__u64)tty) != PTY_MASTER)
		return 0;
	link = BPF_CORE_READ(tty, link);
	if (!link)
		return 0;
	return send_side(tty, 0) || send_side(link, 1);
}
