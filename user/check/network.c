// SPDX-License-Identifier: GPL-2.0-only
/* Sockets and the network, all in network namespaces that end with the probe. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/un.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check/groups.h"
#include "check/links.h"
#include "lib/cleanup.h"
#include "lib/nft.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif
#define IPT_SO_GET_INFO 64

#define NET_CAPS CAP_BIT(CAP_NET_ADMIN)

static int new_socket(int family, int type)
{
	return socket(family, type | SOCK_CLOEXEC, 0);
}

static void tcp_repair(const struct check *c, const struct probe *p, struct answer *a)
{
	int fd, on = 1, queue = 1 /* TCP_RECV_QUEUE */;

	if (scratch_enter(CLONE_NEWNET, a))
		return;
	fd = new_socket(AF_INET, SOCK_STREAM);
	answer_call(a,
		    setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) ?:
			    setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)),
		    NET_CAPS, "TCP_REPAIR");
}

/* A connected pair over lo. Returns 0 or -1. */
static int connect_pair(int *ret_client)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(at);
	int server = new_socket(AF_INET, SOCK_STREAM);

	*ret_client = new_socket(AF_INET, SOCK_STREAM);
	if (server < 0 || *ret_client < 0 || bind(server, (void *)&at, n) || listen(server, 1) ||
	    getsockname(server, (void *)&at, &n))
		return -1;
	return connect(*ret_client, (void *)&at, n);
}

static void half_closed(const struct check *c, const struct probe *p, struct answer *a)
{
	int fd, on = 1;

	if (scratch_enter(CLONE_NEWNET, a))
		return;
	if (connect_pair(&fd) || shutdown(fd, SHUT_WR))
		answer_failed(a, errno, 0, "no connection over lo");
	else
		answer_call(a, setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)), NET_CAPS,
			    "TCP_REPAIR");
}

static void peek_offset(const struct check *c, const struct probe *p, struct answer *a)
{
	int fds[2], offset = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		answer_failed(a, errno, 0, "Unix sockets");
	else
		answer_call(a, setsockopt(fds[0], SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)),
			    0, "SO_PEEK_OFF");
}

static void buffer_lock(const struct check *c, const struct probe *p, struct answer *a)
{
	int fd = new_socket(AF_UNIX, SOCK_STREAM), on = 1;

	answer_call(a, setsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &on, sizeof(on)), 0, "SO_BUF_LOCK");
}

static void freebind(const struct check *c, const struct probe *p, struct answer *a)
{
	int fd = new_socket(AF_INET6, SOCK_STREAM), on = 1;

	if (fd < 0)
		answer_call(a, fd, 0, "IPv6");
	else
		answer_call(a, setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)), 0,
			    "IPV6_FREEBIND");
}

static void socket_namespace(const struct check *c, const struct probe *p, struct answer *a)
{
	if (!scratch_enter(CLONE_NEWNET, a))
		answer_call(a, ioctl(new_socket(AF_UNIX, SOCK_STREAM), SIOCGSKNS), NET_CAPS,
			    "SIOCGSKNS");
}

static void unix_file(const struct check *c, const struct probe *p, struct answer *a)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "/tmp/socket" };
	int fd;

	if (scratch_enter(CLONE_NEWNET | CLONE_NEWNS, a))
		return;
	fd = new_socket(AF_UNIX, SOCK_STREAM);
	if (fd < 0 || bind(fd, (void *)&at, sizeof(at)))
		answer_failed(a, errno, 0, "Unix sockets");
	else
		answer_call(a, ioctl(fd, SIOCUNIXFILE), NET_CAPS, "SIOCUNIXFILE");
}

/* What a lock of the network is made of: a table, a chain at a hook, a rule that drops. */
static void nftables(const struct check *c, const struct probe *p, struct answer *a)
{
	static const char commands[] =
		"add table inet crbpf\n"
		"add chain inet crbpf input { type filter hook input priority -400; }\n"
		"add rule inet crbpf input meta mark != 1 drop\n"
		"delete table inet crbpf\n";
	struct nft nft;
	const char *words;

	if (scratch_enter(CLONE_NEWNET, a))
		return;
	if (nft_open(&nft, &words))
		answer_unknown(a, "%s", words);
	else if (!nft_run(&nft, commands, &words))
		answer_yes(a, "%s", "");
	else
		answer_no(a, "%.*s", (int)strcspn(words, "\n"), words);
	nft_close(&nft);
}

static void legacy_tables(const struct check *c, const struct probe *p, struct answer *a)
{
	struct {
		char name[32];
		unsigned int hooks, entries[10], n, size;
	} info = { .name = "filter" };
	socklen_t n = sizeof(info);

	if (!scratch_enter(CLONE_NEWNET, a))
		answer_call(a,
			    getsockopt(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW),
				       IPPROTO_IP, IPT_SO_GET_INFO, &info, &n),
			    NET_CAPS, "none (nothing needs them)");
}

#define DIAG(name_, criu_, what_, option_)                                                         \
	{ name_, criu_, what_, NEED_EXTRA, NULL, REMEDY_MODULE, option_, NULL, NULL, probe_diag }

static const struct probe probes[] = {
	{ "sk_peek_off", NULL, "queues of sockets can be peeked", NEED_FOR,
	  "data that waits in sockets", REMEDY_KERNEL, NULL, NULL, NULL, peek_offset },
	{ "tcp_repair", NULL, "TCP connections can be repaired", NEED_FOR, "TCP connections",
	  REMEDY_KERNEL, "CONFIG_INET", NULL, NULL, tcp_repair },
	{ "nftables", "nftables network_lock_nftables", "the network can be locked (nftables)",
	  NEED_FOR, "TCP connections", REMEDY_MODULE, "CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET",
	  NULL, NULL, nftables },
	{ "sockopt_buf_lock", "sockopt_buf_lock", "sizes of buffers stay as set", NEED_FOR,
	  "whether a socket's buffers may grow", REMEDY_KERNEL, NULL, "5.14", NULL, buffer_lock },
	{ "tcp_half_closed", "tcp_half_closed", "also those closed on one side", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, NULL, NULL, NULL, half_closed },
	DIAG("diag_tcp", NULL, "TCP sockets by netlink", "CONFIG_INET_TCP_DIAG"),
	DIAG("diag_udp", NULL, "UDP sockets by netlink", "CONFIG_INET_UDP_DIAG"),
	DIAG("net_diag_raw", "net_diag_raw", "raw sockets by netlink", "CONFIG_INET_RAW_DIAG"),
	DIAG("diag_unix", NULL, "Unix sockets by netlink", "CONFIG_UNIX_DIAG"),
	DIAG("diag_netlink", NULL, "netlink sockets by netlink", "CONFIG_NETLINK_DIAG"),
	DIAG("diag_packet", NULL, "packet sockets by netlink", "CONFIG_PACKET_DIAG"),
	{ "conntrack", NULL, "conntrack entries by netlink", NEED_EXTRA, NULL, REMEDY_MODULE,
	  "CONFIG_NF_CT_NETLINK", NULL, NULL, probe_conntrack },
	{ "sk_ns", "sk_ns", "sockets tell their namespace", NEED_EXTRA, NULL, REMEDY_KERNEL, NULL,
	  NULL, NULL, socket_namespace },
	{ "sk_unix_file", "sk_unix_file", "Unix sockets tell their file", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, NULL, NULL, NULL, unix_file },
	{ "ipv6_freebind", "ipv6_freebind", "binding to addresses to come (IPv6)", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, "CONFIG_IPV6", NULL, NULL, freebind },
	{ "nsid", "nsid", "ids of network namespaces", NEED_EXTRA, NULL, REMEDY_KERNEL, NULL, NULL,
	  NULL, probe_nsid },
	{ "link_nsid", "link_nsid", "links of other namespaces", NEED_EXTRA, NULL, REMEDY_KERNEL,
	  NULL, NULL, NULL, probe_link_nsid },
	{ "newifindex", "newifindex", "links keep their index when moved", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, NULL, "5.13", NULL, probe_new_ifindex },
	{ "tun", "tun", "TUN devices", NEED_EXTRA, NULL, REMEDY_MODULE, "CONFIG_TUN", NULL, NULL,
	  probe_tun },
	{ "tun_ns", "tun_ns", "TUN devices tell their namespace", NEED_EXTRA, NULL, REMEDY_MODULE,
	  "CONFIG_TUN", NULL, NULL, probe_tun_namespace },
	{ "has_ipt_legacy", "has_ipt_legacy", "legacy tables of the packet filter", NEED_EXTRA,
	  .probe = legacy_tables },
};

PROBE_GROUP(probes_network, "network", "Network", probes, false);
