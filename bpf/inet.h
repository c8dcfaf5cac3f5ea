/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_INET_H
#define CRBPF_BPF_INET_H

#ifndef __bpf__
#include <linux/types.h>
#endif

struct inet_detail {
	__u64 sk;		/* identity */
	__u32 family, type, protocol;
	__u32 state;		/* TCP_ESTABLISHED 1 … TCP_LISTEN 10; a UDP socket: 1 connected, 7 not */
	__u32 local_port, remote_port;	/* host byte order */
	__u8 local[16], remote[16];	/* network byte order; IPv4: the first four bytes */
	__u32 backlog, max_backlog;
	__u64 receive_bytes, send_bytes;	/* TCP: sequence numbers; else truesize of what is queued */
	__u32 receive_skbs;
	__u32 shutdown;
	__u32 v6only;
	__u32 net_ns;
	__u32 bound_ifindex;
	__u32 mark;
	__u32 ulp;		/* TCP: not 0 if an upper layer (TLS …) has taken over */
	__u32 repair;		/* TCP_REPAIR is on */
	__u32 multicast;	/* 1: it has joined groups of IPv4, 2: of IPv6 */
	__u32 reuseport_program;	/* 1: one chooses among the sockets of its port (SO_ATTACH_REUSEPORT_*) */
};

#endif
