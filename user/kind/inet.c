// SPDX-License-Identifier: GPL-2.0-only
/* TCP and UDP over IPv4 and IPv6: sockets that listen, are bound, or were just made. */
#include "bpf/inet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "judge.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "sk-inet.pb-c.h"
#include "sk-opts.pb-c.h"
#include "socknames.h"
#include "sockopt.h"
#include "tcp-stream.pb-c.h"

#define PROTO_UDPLITE 136
#define V4_WORDS      1
#define V6_WORDS      4

static const struct inet_detail *detail_of(const struct file *f)
{
	return f->rec->detail_type == DETAIL_INET ? f->detail : NULL;
}

static bool claims(const struct file *f)
{
	return f->rec->s_magic == MAGIC_SOCKFS && !file_is_path(f) && detail_of(f);
}

static bool is_udp(uint32_t protocol)
{
	return protocol == IPPROTO_UDP || protocol == PROTO_UDPLITE;
}

/* Sockets by which an unprivileged ping sends. */
static bool is_ping(uint32_t family, uint32_t protocol)
{
	return protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* --- dump --- */

static void judge_tcp(struct judge *j, struct file *f, const struct inet_detail *detail)
{
	if (detail->ulp)
		judge_file(j, f, "tcp", NULL, "an upper layer of the kernel (TLS …) works on it");
	if (detail->repair)
		judge_file(j, f, "tcp", NULL, "another program is repairing it (TCP_REPAIR)");
	if (detail->state == TCP_LISTEN && detail->backlog)
		judge_file(j, f, "tcp", "let the program accept them, or let the clients go",
			   "%u connections to port %u wait to be accepted, and would be lost",
			   detail->backlog, detail->local_port);
	if (detail->state == TCP_CLOSE && (detail->shutdown || detail->remote_port))
		judge_file(j, f, "tcp", "let the program close it",
			   "its connection has ended, which cannot be carried yet");
	if (detail->state != TCP_LISTEN && detail->state != TCP_CLOSE)
		judge_file(j, f, "tcp", "close it before the checkpoint",
			   "a connection to port %u: connections cannot be carried yet",
			   detail->remote_port);
}

static void judge(struct judge *j, struct file *f)
{
	const struct inet_detail *detail = detail_of(f);

	judge_fown(j, f);
	if (detail->net_ns != f->process->tasks[0].rec->net_ns)
		judge_file(j, f, "inet", NULL,
			   "it belongs to another network namespace than its process");
	if (detail->multicast)
		judge_file(j, f, "inet", "let the program leave them",
			   "it has joined multicast groups, which cannot be carried yet");
	if (detail->reuseport_program)
		judge_file(j, f, "inet", "let the program detach it (SO_DETACH_REUSEPORT_BPF)",
			   "a program chooses among the sockets of its port "
			   "(SO_ATTACH_REUSEPORT_*), which cannot be carried");
	if (detail->type == SOCK_STREAM && detail->protocol == IPPROTO_TCP)
		judge_tcp(j, f, detail);
	else if (detail->type == SOCK_DGRAM &&
		 (is_udp(detail->protocol) || is_ping(detail->family, detail->protocol))) {
		if (detail->receive_skbs)
			judge_file(j, f, "udp", "let the program read them",
				   "%u datagrams wait to be read, and would be lost",
				   detail->receive_skbs);
	} else {
		judge_file(j, f, "inet", "close it before the checkpoint",
			   "sockets of type %u, protocol %u cannot be carried yet", detail->type,
			   detail->protocol);
	}
}

static uint32_t *copy_address(struct dump *d, const struct inet_detail *detail, const __u8 *address)
{
	return arena_copy(&d->arena, address,
			  (detail->family == AF_INET ? V4_WORDS : V6_WORDS) * 4);
}

static int get_int(int fd, int level, int name)
{
	int value = 0;
	socklen_t n = sizeof(value);

	return getsockopt(fd, level, name, &value, &n) ? 0 : value;
}

static IpOptsEntry *describe_ip(struct dump *d, int fd, uint32_t family)
{
	IpOptsEntry *ip = dump_message(d, &ip_opts_entry__descriptor);

	if (!ip || family != AF_INET)
		return ip;
	ip->freebind = get_int(fd, IPPROTO_IP, IP_FREEBIND);
	ip->has_freebind = ip->freebind;
	ip->pktinfo = get_int(fd, IPPROTO_IP, IP_PKTINFO);
	ip->has_pktinfo = ip->pktinfo;
	ip->tos = get_int(fd, IPPROTO_IP, IP_TOS);
	ip->has_tos = ip->tos != 0;
	ip->ttl = get_int(fd, IPPROTO_IP, IP_TTL);
	ip->has_ttl = ip->ttl != 0;
	return ip;
}

static TcpOptsEntry *describe_tcp(struct dump *d, int fd)
{
	TcpOptsEntry *tcp = dump_message(d, &tcp_opts_entry__descriptor);

	if (!tcp)
		return NULL;
	tcp->has_cork = tcp->has_nodelay = true;
	tcp->cork = get_int(fd, IPPROTO_TCP, TCP_CORK);
	tcp->nodelay = get_int(fd, IPPROTO_TCP, TCP_NODELAY);
	tcp->has_keepcnt = tcp->has_keepidle = tcp->has_keepintvl = true;
	tcp->keepcnt = get_int(fd, IPPROTO_TCP, TCP_KEEPCNT);
	tcp->keepidle = get_int(fd, IPPROTO_TCP, TCP_KEEPIDLE);
	tcp->keepintvl = get_int(fd, IPPROTO_TCP, TCP_KEEPINTVL);
	return tcp;
}

/* An address of one link means nothing without that link's name. */
static int describe_scope(struct dump *d, int fd, InetSkEntry *isk)
{
	struct sockaddr_in6 sin6 = {0};
	socklen_t n = sizeof(sin6);
	char name[IF_NAMESIZE];

	if (isk->family != AF_INET6 || getsockname(fd, (struct sockaddr *)&sin6, &n) ||
	    !sin6.sin6_scope_id || !if_indextoname(sin6.sin6_scope_id, name))
		return 0;
	isk->ifname = arena_strdup(&d->arena, name);
	return isk->ifname ? 0 : fail(d->err, ENOMEM, "cannot describe it");
}

static void describe_addresses(struct dump *d, const struct inet_detail *detail, InetSkEntry *isk)
{
	isk->n_src_addr = isk->n_dst_addr = detail->family == AF_INET ? V4_WORDS : V6_WORDS;
	isk->src_addr = copy_address(d, detail, detail->local);
	isk->dst_addr = copy_address(d, detail, detail->remote);
	isk->src_port = detail->local_port;
	isk->dst_port = detail->remote_port;
	if (detail->family == AF_INET6) {
		isk->has_v6only = true;
		isk->v6only = detail->v6only;
	}
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	const struct inet_detail *detail = detail_of(f);
	InetSkEntry *isk = dump_message(d, &inet_sk_entry__descriptor);
	int fd = file_copy(f, d->err);

	if (fd < 0)
		return fd;
	if (!isk || !(isk->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	isk->id = f->id;
	isk->ino = f->rec->ino;
	isk->family = detail->family;
	isk->type = detail->type;
	isk->proto = detail->protocol;
	isk->state = detail->state;
	isk->flags = file_flags(f);
	isk->has_ns_id = true;
	isk->ns_id = HOST_NET_NS_ID;
	isk->backlog = detail->state == TCP_LISTEN ? detail->max_backlog : 0;
	if (detail->shutdown) {
		isk->has_shutdown = true;
		isk->shutdown = (SkShutdown)(detail->shutdown & 3);
	}
	describe_addresses(d, detail, isk);
	isk->opts = dump_sockopts(d, fd, detail->family, detail->type, detail->protocol);
	if (!isk->opts)
		return d->err->code;
	isk->ip_opts = describe_ip(d, fd, detail->family);
	if (detail->type == SOCK_STREAM && !(isk->tcp_opts = describe_tcp(d, fd)))
		return fail(d->err, ENOMEM, "cannot describe it");
	if (!isk->src_addr || !isk->dst_addr || !isk->ip_opts)
		return fail(d->err, ENOMEM, "cannot describe it");
	entry->isk = isk;
	return describe_scope(d, fd, isk);
}

/* --- restore --- */

static int check_kind(struct restore *r, const InetSkEntry *isk)
{
	bool tcp = isk->type == SOCK_STREAM && isk->proto == IPPROTO_TCP;
	bool dgram =
		isk->type == SOCK_DGRAM && (is_udp(isk->proto) || is_ping(isk->family, isk->proto));

	if (!tcp && !dgram)
		return fail(r->err, 0, "sockets of type %u, protocol %u cannot be restored yet",
			    isk->type, isk->proto);
	if (tcp && (isk->dst_port || (isk->state != TCP_LISTEN && isk->state != TCP_CLOSE)))
		return fail(r->err, 0, "TCP connections cannot be restored yet");
	return 0;
}

static int check(struct restore *r, struct new_file *f)
{
	const InetSkEntry *isk = f->entry->isk;
	size_t words;

	if (!isk || isk->id != f->id)
		return fail(r->err, 0, "it says nothing of a socket");
	if (isk->family != AF_INET && isk->family != AF_INET6)
		return fail(r->err, 0, "%u is no internet address family", isk->family);
	words = isk->family == AF_INET ? V4_WORDS : V6_WORDS;
	if (isk->n_src_addr != words || isk->n_dst_addr != words)
		return fail(r->err, 0, "its addresses have %zu and %zu words instead of %zu",
			    isk->n_src_addr, isk->n_dst_addr, words);
	if (isk->src_port > UINT16_MAX || isk->dst_port > UINT16_MAX)
		return fail(r->err, 0, "%u and %u: no such ports can be", isk->src_port,
			    isk->dst_port);
	if (isk->ifname && strlen(isk->ifname) >= IF_NAMESIZE)
		return fail(r->err, 0, "`%.32s' is no name of a device", isk->ifname);
	return check_kind(r, isk) ?: check_sockopts(r, isk->opts);
}

static socklen_t make_address(const InetSkEntry *isk, const uint32_t *address, uint32_t port,
			      struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *sin = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = isk->family;
	if (isk->family == AF_INET) {
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, address, sizeof(sin->sin_addr));
		return sizeof(*sin);
	}
	sin6->sin6_port = htons(port);
	memcpy(&sin6->sin6_addr, address, sizeof(sin6->sin6_addr));
	if (isk->ifname)
		sin6->sin6_scope_id = if_nametoindex(isk->ifname);
	return sizeof(*sin6);
}

static int set_int(struct restore *r, int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		return fail(r->err, errno, "cannot set its option %d of level %d", name, level);
	return 0;
}

static int set_ip_options(struct restore *r, int fd, const InetSkEntry *isk)
{
	const IpOptsEntry *ip = isk->ip_opts;

	if (isk->has_v6only && set_int(r, fd, IPPROTO_IPV6, IPV6_V6ONLY, isk->v6only))
		return r->err->code;
	if (!ip)
		return 0;
	if ((ip->freebind && set_int(r, fd, IPPROTO_IP, IP_FREEBIND, 1)) ||
	    (ip->pktinfo && set_int(r, fd, IPPROTO_IP, IP_PKTINFO, 1)) ||
	    (ip->tos && set_int(r, fd, IPPROTO_IP, IP_TOS, ip->tos)) ||
	    (ip->ttl && isk->family == AF_INET && set_int(r, fd, IPPROTO_IP, IP_TTL, ip->ttl)))
		return r->err->code;
	return 0;
}

static int set_tcp_options(struct restore *r, int fd, const InetSkEntry *isk)
{
	const TcpOptsEntry *tcp = isk->tcp_opts;

	if (!tcp || isk->proto != IPPROTO_TCP)
		return 0;
	if ((tcp->nodelay && set_int(r, fd, IPPROTO_TCP, TCP_NODELAY, 1)) ||
	    (tcp->cork && set_int(r, fd, IPPROTO_TCP, TCP_CORK, 1)) ||
	    (tcp->keepcnt && set_int(r, fd, IPPROTO_TCP, TCP_KEEPCNT, tcp->keepcnt)) ||
	    (tcp->keepidle && set_int(r, fd, IPPROTO_TCP, TCP_KEEPIDLE, tcp->keepidle)) ||
	    (tcp->keepintvl && set_int(r, fd, IPPROTO_TCP, TCP_KEEPINTVL, tcp->keepintvl)))
		return r->err->code;
	return 0;
}

/* Does another socket of the tree want the same port? Then the two once agreed to share it. */
static bool shares_port(const struct restore *r, const struct new_file *f)
{
	const InetSkEntry *isk = f->entry->isk;

	for (size_t i = 0; i < r->n_files; i++) {
		const struct new_file *other = r->files[i];

		if (other != f && other->entry->type == FD_TYPES__INETSK && other->entry->isk &&
		    other->entry->isk->proto == isk->proto &&
		    other->entry->isk->src_port == isk->src_port)
			return true;
	}
	return false;
}

static bool is_bound(const InetSkEntry *isk)
{
	static const uint32_t any[V6_WORDS];

	return isk->src_port || memcmp(isk->src_addr, any, isk->n_src_addr * sizeof(any[0]));
}

static int bind_and_listen(struct restore *r, struct new_file *f)
{
	const InetSkEntry *isk = f->entry->isk;
	bool shared = is_bound(isk) && shares_port(r, f);
	struct sockaddr_storage address;
	socklen_t n = make_address(isk, isk->src_addr, isk->src_port, &address);
	int rc;

	/* A port of TCP is taken for a while after its connections have ended: not for us. */
	rc = restore_reuse(r, f->fd, shared || isk->opts->reuseaddr || isk->proto == IPPROTO_TCP,
			   isk->opts->so_reuseport);
	if (rc)
		return rc;
	if (is_bound(isk) && bind(f->fd, (struct sockaddr *)&address, n))
		rc = fail(r->err, errno, "cannot bind it to port %u", isk->src_port);
	else if (isk->state == TCP_LISTEN && isk->proto == IPPROTO_TCP &&
		 listen(f->fd, isk->backlog))
		rc = fail(r->err, errno, "cannot listen on port %u", isk->src_port);
	if (rc == -EADDRINUSE)
		fail_hint(r->err, "end what uses that port");
	if (rc == -EADDRNOTAVAIL)
		fail_hint(r->err, "give this machine the address that it had");
	return rc;
}

static int connect_datagrams(struct restore *r, struct new_file *f)
{
	const InetSkEntry *isk = f->entry->isk;
	struct sockaddr_storage address;
	socklen_t n = make_address(isk, isk->dst_addr, isk->dst_port, &address);

	if (isk->proto != IPPROTO_TCP && isk->dst_port &&
	    connect(f->fd, (struct sockaddr *)&address, n))
		return fail(r->err, errno, "cannot connect it to port %u", isk->dst_port);
	/* It takes effect even on a socket of which the kernel says that it is not connected. */
	if (isk->has_shutdown && isk->shutdown && shutdown(f->fd, isk->shutdown - 1) &&
	    errno != ENOTCONN)
		return fail(r->err, errno, "cannot shut it down");
	return 0;
}

static int open_socket(struct restore *r, struct new_file *f)
{
	const InetSkEntry *isk = f->entry->isk;

	f->fd = socket(isk->family, isk->type | SOCK_CLOEXEC, isk->proto);
	if (f->fd < 0)
		return fail(r->err, errno, "cannot create a socket");
	return set_ip_options(r, f->fd, isk) ?: restore_sockopts(r, f->fd, isk->opts) ?:
	       set_tcp_options(r, f->fd, isk) ?: bind_and_listen(r, f) ?: connect_datagrams(r, f);
}

/* All are bound: each says again whether it shares its port. */
static int connect_socket(struct restore *r, struct new_file *f)
{
	const InetSkEntry *isk = f->entry->isk;
	int rc = restore_reuse(r, f->fd, isk->opts->reuseaddr, isk->opts->so_reuseport);

	return rc ? rc : connect_fown_flags(r, f, isk->fown, isk->flags);
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	const struct inet_detail *detail = f->detail;
	char local[INET6_ADDRSTRLEN] = "?", remote[INET6_ADDRSTRLEN] = "?", protocol[16];

	if (!detail)
		return;
	inet_ntop((int)detail->family, detail->local, local, sizeof(local));
	inet_ntop((int)detail->family, detail->remote, remote, sizeof(remote));
	fprintf(out, "type %s protocol %s state %s local [%s]:%u remote [%s]:%u received %llu sent %llu",
		socket_type_name(detail->type),
		socket_protocol_name(detail->protocol, protocol, sizeof(protocol)),
		socket_state_name(detail->type, detail->state), local, detail->local_port, remote,
		detail->remote_port, (unsigned long long)detail->receive_bytes,
		(unsigned long long)detail->send_bytes);
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__INETSK,
	.claims = claims,
	.judge = judge,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_socket,
	.connect = connect_socket,
};

const struct kind kind_inet = {.name = "inet", .file = &file_ops};
