// SPDX-License-Identifier: GPL-2.0-only
/* IPv4 and IPv6 sockets: TCP, UDP, raw. */

#include "sock.h"
#include "inet.h"

#include <bpf/bpf_endian.h>

#define SOCK_STREAM 1
#define SOCK_DGRAM  2
#define IPPROTO_TCP 6

/* The parts of both that lead to multicast groups. */
struct ipv6_pinfo___groups {
	void *ipv6_mc_list;
} __attribute__((preserve_access_index));
struct inet_sock___groups {
	void *mc_list;
	struct ipv6_pinfo___groups *pinet6;
} __attribute__((preserve_access_index));

/* The group of those that share a port; its program. */
struct sock_reuseport___program {
	void *prog;
} __attribute__((preserve_access_index));
struct sock___reuseport {
	struct sock_reuseport___program *sk_reuseport_cb;
} __attribute__((preserve_access_index));

static __always_inline __u32 has_reuseport_program(struct sock *sk)
{
	struct sock___reuseport *from = (void *)sk;

	return bpf_core_field_exists(from->sk_reuseport_cb) &&
	       bpf_core_type_exists(struct sock_reuseport___program) &&
	       BPF_CORE_READ(from, sk_reuseport_cb, prog);
}

static __always_inline __u32 read_groups(struct sock *sk, __u32 family)
{
	struct inet_sock___groups *inet = (void *)sk;
	__u32 joined = 0;

	if (bpf_core_field_exists(inet->mc_list) && BPF_CORE_READ(inet, mc_list))
		joined |= 1;
	if (family == AF_INET6 && bpf_core_field_exists(inet->pinet6) &&
	    BPF_CORE_READ(inet, pinet6, ipv6_mc_list))
		joined |= 2;
	return joined;
}

static __always_inline void read_addresses(struct sock *sk, struct inet_detail *d)
{
	__u32 address;

	d->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	d->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (d->family == AF_INET) {
		address = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		__builtin_memcpy(d->local, &address, sizeof(address));
		address = BPF_CORE_READ(sk, __sk_common.skc_daddr);
		__builtin_memcpy(d->remote, &address, sizeof(address));
		return;
	}
	copy_field(d->local, sizeof(d->local), sk->__sk_common.skc_v6_rcv_saddr);
	copy_field(d->remote, sizeof(d->remote), sk->__sk_common.skc_v6_daddr);
	d->v6only = BPF_CORE_READ_BITFIELD_PROBED(sk, __sk_common.skc_ipv6only);
}

static __always_inline void read_tcp(struct sock *sk, struct inet_detail *d)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	if (bpf_core_field_exists(struct inet_connection_sock, icsk_ulp_ops))
		d->ulp = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_ops) != NULL;
	d->repair = BPF_CORE_READ_BITFIELD_PROBED(tcp, repair);
	if (d->state == TCP_LISTEN)
		return;
	d->receive_bytes = BPF_CORE_READ(tcp, rcv_nxt) - BPF_CORE_READ(tcp, copied_seq);
	d->send_bytes = BPF_CORE_READ(tcp, write_seq) - BPF_CORE_READ(tcp, snd_una);
}

/* A reader of UDP takes the whole queue aside, and serves itself from there. */
static __always_inline void read_datagrams(struct sock *sk, struct inet_detail *d)
{
	d->receive_bytes = (__u32)BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter);
	d->send_bytes = (__u32)BPF_CORE_READ(sk, sk_wmem_alloc.refs.counter) - 1;
	if (d->type == SOCK_DGRAM)
		d->receive_skbs += BPF_CORE_READ((struct udp_sock *)sk, reader_queue.qlen);
}

int inet_detail(void)
{
	struct inet_detail *d = detail_room(struct inet_detail);
	struct sock *sk = file_sock();
	__u32 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	if (!sk || (family != AF_INET && family != AF_INET6))
		return 0;
	clear(d);
	d->sk = (__u64)sk;
	d->family = family;
	d->type = BPF_CORE_READ(sk, sk_type);
	d->protocol = BPF_CORE_READ(sk, sk_protocol);
	d->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	d->backlog = BPF_CORE_READ(sk, sk_ack_backlog);
	d->max_backlog = BPF_CORE_READ(sk, sk_max_ack_backlog);
	d->receive_skbs = BPF_CORE_READ(sk, sk_receive_queue.qlen);
	d->shutdown = BPF_CORE_READ(sk, sk_shutdown);
	d->net_ns = sock_net_ns(sk);
	d->bound_ifindex = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	d->mark = BPF_CORE_READ(sk, sk_mark);
	d->multicast = read_groups(sk, family);
	d->reuseport_program = has_reuseport_program(sk);
	read_addresses(sk, d);
	if (d->type == SOCK_STREAM && d->protocol == IPPROTO_TCP)
		read_tcp(sk, d);
	else
		read_datagrams(sk, d);
	return detail_done(DETAIL_INET, sizeof(*d));
}
