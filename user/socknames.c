// SPDX-License-Identifier: GPL-2.0-only
#include "socknames.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define STATE_CLOSE       7

const char *socket_state_name(uint32_t type, uint32_t state)
{
	/* include/net/tcp_states.h */
	static const char *const names[] = {
		"?",	   "ESTABLISHED", "SYN_SENT",  "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
		"TIME_WAIT", "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING",
		"NEW_SYN_RECV", "BOUND_INACTIVE",
	};

	if (state == STATE_CLOSE && type != SOCK_STREAM && type != SOCK_SEQPACKET)
		return "UNCONNECTED";
	return state < sizeof(names) / sizeof(names[0]) ? names[state] : names[0];
}

const char *socket_type_name(uint32_t type)
{
	switch (type) {
	case SOCK_STREAM:
		return "stream";
	case SOCK_DGRAM:
		return "dgram";
	case SOCK_SEQPACKET:
		return "seqpacket";
	case SOCK_RAW:
		return "raw";
	}
	return "unknown";
}

const char *socket_protocol_name(uint32_t protocol, char *buf, size_t n)
{
	static const struct {
		uint32_t number;
		const char *name;
	} names[] = {
		{IPPROTO_ICMP, "icmp"}, {IPPROTO_TCP, "tcp"},     {IPPROTO_UDP, "udp"},
		{IPPROTO_DCCP, "dccp"}, {IPPROTO_ICMPV6, "icmpv6"}, {IPPROTO_SCTP, "sctp"},
		{IPPROTO_UDPLITE, "udplite"}, {IPPROTO_RAW, "raw"}, {262, "mptcp"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == protocol)
			return names[i].name;
	snprintf(buf, n, "%u", protocol);
	return buf;
}
