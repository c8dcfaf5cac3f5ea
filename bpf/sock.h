/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_SOCK_H
#define CRBPF_BPF_SOCK_H

/* For the programs alone: what the details of all families of sockets have in common. */

#include "file.h"

#define SOCKFS_MAGIC 0x534f434b

#define AF_UNIX    1
#define AF_INET    2
#define AF_INET6   10
#define AF_NETLINK 16
#define AF_PACKET  17

#define TCP_LISTEN 10	/* also of a Unix socket */

/* The struct sock behind the file in view, or NULL. */
static __always_inline struct sock *file_sock(void)
{
	struct socket *socket = (struct socket *)file_now.record.private_data;

	if (!is_file_type(S_IFSOCK) || file_now.record.s_magic != SOCKFS_MAGIC || !socket)
		return NULL;
	return BPF_CORE_READ(socket, sk);
}

static __always_inline __u32 sock_net_ns(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

#endif
