/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_SOCKET_H
#define CRBPF_BPF_SOCKET_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* A socket of a family that has no detail of its own. */
struct socket_detail {
	__u64 sk;		/* identity */
	__u32 family, type, protocol;
	__u32 state;
	__u32 receive_skbs;
	__u32 net_ns;
	__u32 netlink_portid;	/* netlink only, as the next two */
	__u32 netlink_dst_portid;
	__u64 netlink_groups;	/* the first 64 multicast groups */
	__u64 receive_bytes;	/* truesize queued */
	__u32 packet_ifindex;	/* packet sockets only, as the next */
	__u32 packet_protocol;	/* ETH_P_*, host byte order */
};

#endif
