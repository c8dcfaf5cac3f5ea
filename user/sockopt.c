// SPDX-License-Identifier: GPL-2.0-only
#include "sockopt.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <sys/socket.h>

/* Newer than the headers of the oldest distribution that this is built on. */
#define OPT_PREFER_BUSY_POLL   69
#define OPT_BUSY_POLL_BUDGET   70
#define OPT_RCVMARK	       75
#define OPT_PASSPIDFD	       76
#define OPT_PASSRIGHTS	       83
#define OPT_LOCAL_PORT_RANGE   51
#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef SOL_TCP
#define SOL_TCP 6
#endif

bool int_option_concerns(const struct int_option *option, int family, int protocol)
{
	if (option->level == SOL_SOCKET)
		return true;
	if (option->level == SOL_TCP || option->level == SOL_UDP)
		return family != AF_UNIX && protocol == option->level;
	return option->level == IPPROTO_IPV6 ? family == AF_INET6 : family != AF_UNIX;
}

const struct int_option *int_options(size_t *ret_n)
{
	static const struct int_option options[] = {
		{ SOL_SOCKET, SO_TIMESTAMP },
		{ SOL_SOCKET, SO_TIMESTAMPNS },
		{ SOL_SOCKET, SO_TIMESTAMPING },
		{ SOL_SOCKET, SO_PEEK_OFF },
		{ SOL_SOCKET, SO_RXQ_OVFL },
		{ SOL_SOCKET, SO_ZEROCOPY },
		{ SOL_SOCKET, SO_BUSY_POLL },
		{ SOL_SOCKET, OPT_PREFER_BUSY_POLL },
		{ SOL_SOCKET, OPT_BUSY_POLL_BUDGET },
		{ SOL_SOCKET, SO_SELECT_ERR_QUEUE },
		{ SOL_SOCKET, SO_MAX_PACING_RATE },
		{ SOL_SOCKET, OPT_RCVMARK },
		{ SOL_SOCKET, OPT_PASSPIDFD },
		{ SOL_SOCKET, OPT_PASSRIGHTS },
		{ SOL_SOCKET, SO_LOCK_FILTER },
		{ IPPROTO_IP, IP_TOS }, /* this one and the next three: CRIU has fields for, of IPv4 only */
		{ IPPROTO_IP, IP_TTL },
		{ IPPROTO_IP, IP_FREEBIND },
		{ IPPROTO_IP, IP_PKTINFO },
		{ IPPROTO_IP, IP_RECVOPTS },
		{ IPPROTO_IP, IP_RETOPTS },
		{ IPPROTO_IP, IP_MTU_DISCOVER },
		{ IPPROTO_IP, IP_RECVERR },
		{ IPPROTO_IP, IP_RECVTTL },
		{ IPPROTO_IP, IP_RECVTOS },
		{ IPPROTO_IP, IP_TRANSPARENT },
		{ IPPROTO_IP, IP_RECVORIGDSTADDR },
		{ IPPROTO_IP, IP_MINTTL },
		{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT },
		{ IPPROTO_IP, IP_RECVFRAGSIZE },
		{ IPPROTO_IP, IP_RECVERR_RFC4884 },
		{ IPPROTO_IP, IP_MULTICAST_TTL },
		{ IPPROTO_IP, IP_MULTICAST_LOOP },
		{ IPPROTO_IP, IP_MULTICAST_ALL },
		{ IPPROTO_IP, IP_UNICAST_IF },
		{ IPPROTO_IP, OPT_LOCAL_PORT_RANGE },
		{ IPPROTO_IPV6, IPV6_UNICAST_HOPS },
		{ IPPROTO_IPV6, IPV6_MULTICAST_IF },
		{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS },
		{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP },
		{ IPPROTO_IPV6, IPV6_MULTICAST_ALL },
		{ IPPROTO_IPV6, IPV6_MTU_DISCOVER },
		{ IPPROTO_IPV6, IPV6_RECVERR },
		{ IPPROTO_IPV6, IPV6_RECVPKTINFO },
		{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT },
		{ IPPROTO_IPV6, IPV6_RECVTCLASS },
		{ IPPROTO_IPV6, IPV6_RECVORIGDSTADDR },
		{ IPPROTO_IPV6, IPV6_TCLASS },
		{ IPPROTO_IPV6, IPV6_DONTFRAG },
		{ IPPROTO_IPV6, IPV6_FREEBIND },
		{ IPPROTO_IPV6, IPV6_TRANSPARENT },
		{ IPPROTO_IPV6, IPV6_MINHOPCOUNT },
		{ IPPROTO_IPV6, IPV6_AUTOFLOWLABEL },
		{ IPPROTO_IPV6, IPV6_UNICAST_IF },
		{ SOL_TCP, TCP_MAXSEG },
		{ SOL_TCP, TCP_SYNCNT },
		{ SOL_TCP, TCP_LINGER2 },
		{ SOL_TCP, TCP_DEFER_ACCEPT },
		{ SOL_TCP, TCP_USER_TIMEOUT },
		{ SOL_TCP, TCP_FASTOPEN },
		{ SOL_TCP, TCP_NOTSENT_LOWAT },
		{ SOL_TCP, TCP_SAVE_SYN },
		{ SOL_TCP, TCP_INQ },
		{ SOL_UDP, UDP_NO_CHECK6_TX },
		{ SOL_UDP, UDP_NO_CHECK6_RX },
		{ SOL_UDP, UDP_SEGMENT },
		{ SOL_UDP, UDP_GRO },
	};

	*ret_n = sizeof(options) / sizeof(options[0]);
	return options;
}
