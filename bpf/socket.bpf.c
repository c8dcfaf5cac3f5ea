// SPDX-License-Identifier: GPL-2.0-only
/* Sockets of families that have no detail of their own. */

#include "sock.h"
#include "socket.h"

#include <bpf/bpf_endian.h>

static __always_inline void read_netlink(struct sock *sk, struct socket_detail *d)
{
	struct netlink_sock *netlink = (struct netlink_sock *)sk;
	unsigned long *groups = BPF_CORE_READ(netlink, groups), first = 0;

	d->netlink_portid = BPF_CORE_READ(netlink, portid);
	d->netlink_dst_portid = BPF_CORE_READ(netlink, dst_portid);
	bpf_probe_read_kernel(&first, sizeof(first), groups);
	d->netlink_groups = first;
}

static __always_inline void read_packet(struct sock *sk, struct socket_detail *d)
{
	struct packet_sock *packet = (struct packet_sock *)sk;

	d->packet_ifindex = BPF_CORE_READ(packet, ifindex);
	d->packet_protocol = bpf_ntohs(BPF_CORE_READ(packet, num));
}

int socket_detail(void)
{
	struct socket_detail *d = detail_room(struct socket_detail);
	struct sock *sk = file_sock();
	__u32 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (!sk || family == AF_UNIX || family == AF_INET || family == AF_INET6)
		return 0;
	clear(d);
	d->sk = (__u64)sk;
	d->family = family;
	d->type = BPF_CORE_READ(sk, sk_type);
	d->protocol = BPF_CORE_READ(sk, sk_protocol);
	d->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	d->receive_skbs = BPF_CORE_READ(sk, sk_receive_queue.qlen);
	d->receive_bytes = (__u32)BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
	d->net_ns = sock_net_ns(sk);
	if (family == AF_NETLINK && bpf_core_type_exists(struct netlink_sock))
		read_netlink(sk, d);
	if (family == AF_PACKET && bpf_core_type_exists(struct packet_sock))
		read_packet(sk, d);
	return detail_done(DETAIL_SOCKET, sizeof(*d));
}
