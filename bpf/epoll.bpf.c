// SPDX-License-Identifier: GPL-2.0-only
/* Parts of an epoll file: what it watches, from its red-black tree. */

#include "file.h"

struct epoll_record epoll_item;

struct epoll_walk {
	__u64 node;
	__u32 n, is_full;
} epoll_walk;

/* One step towards the in-order successor costs at most this many links. */
#define RB_DEPTH 64

__u64 epoll_link;

static long go_left(__u32 i, void *unused)
{
	struct rb_node *node = (struct rb_node *)epoll_link;
	__u64 left = (__u64)BPF_CORE_READ(node, rb_left);

	if (!left)
		return 1;
	epoll_link = left;
	return 0;
}

/* Climbs while it comes from the right; the colour is kept in the low bits of the parent. */
static long go_up(__u32 i, void *unused)
{
	struct rb_node *node = (struct rb_node *)epoll_link;
	struct rb_node *parent = (struct rb_node *)(BPF_CORE_READ(node, __rb_parent_color) & ~3UL);

	epoll_link = (__u64)parent;
	return !parent || BPF_CORE_READ(parent, rb_right) != node;
}

static __always_inline void next_node(void)
{
	struct rb_node *node = (struct rb_node *)epoll_walk.node;
	__u64 right = (__u64)BPF_CORE_READ(node, rb_right);

	epoll_link = right ? right : epoll_walk.node;
	if (right)
		bpf_loop(RB_DEPTH, go_left, NULL, 0);
	else
		bpf_loop(RB_DEPTH, go_up, NULL, 0);
	epoll_walk.node = epoll_link;
}

static long send_item(__u32 i, void *unused)
{
	struct epitem *epi = (struct epitem *)epoll_walk.node;
	struct epitem___new *newer = (void *)epi;

	if (!epi)
		return 1;
	if (bpf_core_field_exists(newer->ffd.fd) && bpf_core_type_exists(struct epoll_key___new)) {
		epoll_item.fd = BPF_CORE_READ(newer, ffd.fd);
		epoll_item.file = (__u64)BPF_CORE_READ(newer, ffd.file);
	} else {
		epoll_item.fd = BPF_CORE_READ(epi, ffd.fd);
		epoll_item.file = (__u64)BPF_CORE_READ(epi, ffd.file);
	}
	epoll_item.is_ready = (__u64)BPF_CORE_READ(epi, rdllink.next) !=
			      (__u64)__builtin_preserve_access_index(&epi->rdllink);
	epoll_item.events = BPF_CORE_READ(epi, event.events);
	epoll_item.data = BPF_CORE_READ(epi, event.data);
	if (stream_send(&epoll_item.head, RECORD_EPOLL_PART, view.file, sizeof(epoll_item), true)) {
		epoll_walk.is_full = 1;
		return 1;
	}
	epoll_walk.n++;
	next_node();
	return 0;
}

int file_epoll(void)
{
	struct eventpoll *ep = (struct eventpoll *)file_now.record.private_data;

	if (!is_anon("eventpoll") || !ep)
		return 0;
	epoll_walk.node = (__u64)BPF_CORE_READ(ep, rbr.rb_leftmost);
	epoll_walk.n = epoll_walk.is_full = 0;
	clear(&epoll_item);
	bpf_loop(1 << 22, send_item, NULL, 0);
	file_now.record.n_epoll = epoll_walk.n;
	return epoll_walk.is_full;
}
