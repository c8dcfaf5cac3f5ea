/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_UNIX_H
#define CRBPF_BPF_UNIX_H

#include "record.h"

#define UNIX_DETAIL_ADDRESS 112	/* sizeof(struct sockaddr_un) rounded up */
#define UNIX_OPTION_STATES 24

struct unix_detail {
	__u64 sk;		/* identity of the socket */
	__u64 peer;		/* identity of the connected one; 0 none */
	__u64 peer_ino;		/* its inode number; 0 if nobody accepted it, or it is closed */
	__u32 type;		/* SOCK_* */
	__u32 state;		/* 1 established, 7 unconnected (close), 10 listening: TCP_* numbers */
	__u32 shutdown;		/* RCV_SHUTDOWN 1, SEND_SHUTDOWN 2 */
	__u32 peer_shutdown;
	__u32 backlog, max_backlog;	/* connections waiting to be accepted; listen()'s limit */
	__u32 receive_skbs;	/* messages queued; of a listener: connections */
	__u32 n_fds;		/* descriptors in flight in its queue */
	__u64 receive_bytes;	/* payload queued */
	struct record_pid peer_pid;	/* SO_PEERCRED; virt in the pid namespace of the descriptor's owner */
	__u32 peer_uid, peer_gid;
	__u64 path_ino;		/* of the bound file; 0 if not bound to a path */
	__u32 path_dev, path_mnt_id;
	__u32 path_mode, path_uid, path_gid;
	__u32 net_ns;
	__u64 send_bytes;	/* sent by it and not yet read, in skb truesize */
	__u32 address_length;	/* bytes of @address in use, the family included; 0 unbound */
	__u32 path_nlink;
	__u8 address[UNIX_DETAIL_ADDRESS];	/* struct sockaddr_un */
	__s32 peek_off;		/* SO_PEEK_OFF; -1: not used */
	__u32 error;		/* errno that waits to be told (SO_ERROR) */
	__u32 peer_type;
	__u32 peer_address_length;
	__u8 peer_address[UNIX_DETAIL_ADDRESS];
	char path_name[UNIX_DETAIL_ADDRESS];	/* of the bound file, as it is called now: its last part */
	/*
	 * Members of the socket which decide what getsockopt answers: two sockets of one type for
	 * which all are equal have the same options. The first is their number; 0: it is not known.
	 */
	__u64 options[UNIX_OPTION_STATES];
};

#endif
