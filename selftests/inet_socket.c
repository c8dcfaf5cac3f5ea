// SPDX-License-Identifier: GPL-2.0-only
/*
 * Listening and unconnected TCP and UDP sockets over IPv4 and IPv6: addresses, backlog and
 * options; clients reach them, datagrams arrive; a connected UDP socket keeps its peer.
 */
#include "subject.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

struct sock {
	const char *name;
	int family, type;
	bool is_bound, is_listening;
	int fd;
	struct sockaddr_storage addr;
	socklen_t len;
};

static struct sock socks[] = {
	{"tcp4 listening", AF_INET, SOCK_STREAM, true, true, -1, {}, 0},
	{"tcp6 listening", AF_INET6, SOCK_STREAM, true, true, -1, {}, 0},
	{"tcp4 bound", AF_INET, SOCK_STREAM, true, false, -1, {}, 0},
	{"tcp4 new", AF_INET, SOCK_STREAM, false, false, -1, {}, 0},
	{"tcp6 new", AF_INET6, SOCK_STREAM, false, false, -1, {}, 0},
	{"udp4", AF_INET, SOCK_DGRAM, true, false, -1, {}, 0},
	{"udp6", AF_INET6, SOCK_DGRAM, true, false, -1, {}, 0},
	{"udp4 new", AF_INET, SOCK_DGRAM, false, false, -1, {}, 0},
};
#define N (int)(sizeof(socks) / sizeof(socks[0]))

static const struct {
	int level, name, value;
} options[] = {
	{SOL_SOCKET, SO_REUSEADDR, 1}, {SOL_SOCKET, SO_KEEPALIVE, 1}, {SOL_SOCKET, SO_RCVLOWAT, 3},
	{SOL_SOCKET, SO_PRIORITY, 4},  {SOL_SOCKET, SO_BROADCAST, 1}, {SOL_SOCKET, SO_MARK, 77},
};
static const struct {
	int level, name, value;
} tcp_options[] = {
	{IPPROTO_TCP, TCP_NODELAY, 1},	   {IPPROTO_TCP, TCP_KEEPIDLE, 111}, {IPPROTO_TCP, TCP_KEEPCNT, 4},
	{IPPROTO_TCP, TCP_DEFER_ACCEPT, 0},
};

static void loopback(int family, struct sockaddr_storage *addr, socklen_t *len)
{
	memset(addr, 0, sizeof(*addr));
	addr->ss_family = family;
	if (family == AF_INET) {
		((struct sockaddr_in *)addr)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		*len = sizeof(struct sockaddr_in);
	} else {
		((struct sockaddr_in6 *)addr)->sin6_addr = in6addr_loopback;
		*len = sizeof(struct sockaddr_in6);
	}
}

static void make(struct sock *s)
{
	s->fd = socket(s->family, s->type | SOCK_CLOEXEC, 0);
	if (s->fd < 0 && errno == EAFNOSUPPORT)
		subject_skip("needs IPv6");
	subject_need(s->fd >= 0, "socket: %m");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(s->fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
	for (size_t i = 0; i < sizeof(tcp_options) / sizeof(tcp_options[0]) && s->type == SOCK_STREAM; i++)
		setsockopt(s->fd, tcp_options[i].level, tcp_options[i].name, &tcp_options[i].value,
			   sizeof(int));
	if (s->is_bound) {
		loopback(s->family, &s->addr, &s->len);
		subject_need(bind(s->fd, (void *)&s->addr, s->len) == 0, "bind %s: %m", s->name);
		subject_need(getsockname(s->fd, (void *)&s->addr, &s->len) == 0, "getsockname: %m");
	}
	subject_need(!s->is_listening || listen(s->fd, 17) == 0, "listen: %m");
}

static void check_options(const struct sock *s)
{
	socklen_t len = sizeof(int);
	int value;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		getsockopt(s->fd, options[i].level, options[i].name, &value, &len);
		subject_check(value == options[i].value, "%s: option %d/%d is %d", s->name,
			      options[i].level, options[i].name, value);
	}
	for (size_t i = 0; i < sizeof(tcp_options) / sizeof(tcp_options[0]) && s->type == SOCK_STREAM; i++) {
		getsockopt(s->fd, tcp_options[i].level, tcp_options[i].name, &value, &len);
		subject_check(value == tcp_options[i].value, "%s: option TCP/%d is %d", s->name,
			      tcp_options[i].name, value);
	}
}

/* A client meets the server and both hear each other. */
static void check_traffic(const struct sock *s)
{
	int client = socket(s->family, s->type, 0), server = s->fd;
	char c = 0;

	subject_check(connect(client, (void *)&s->addr, s->len) == 0, "%s: connect: %m", s->name);
	if (s->is_listening)
		server = accept(s->fd, NULL, NULL);
	subject_check(send(client, "xyz", 3, 0) == 3 && recv(server, &c, 1, 0) == 1 && c == 'x',
		      "%s: nothing arrives: %m", s->name);
	close(client);
	if (s->is_listening)
		close(server);
}

static void check(struct sock *s)
{
	struct sockaddr_storage addr = {};
	socklen_t len = sizeof(addr);

	check_options(s);
	subject_check(fcntl(s->fd, F_GETFD) == FD_CLOEXEC, "%s: close-on-exec is lost", s->name);
	if (s->is_bound)
		subject_check(getsockname(s->fd, (void *)&addr, &len) == 0 && len == s->len &&
				      memcmp(&addr, &s->addr, len) == 0,
			      "%s: another address", s->name);
	if (s->is_listening || (s->is_bound && s->type == SOCK_DGRAM)) {
		check_traffic(s);
	} else {
		loopback(s->family, &addr, &len);
		subject_check(s->is_bound || bind(s->fd, (void *)&addr, len) == 0, "%s: bind: %m", s->name);
		subject_check(s->type == SOCK_DGRAM || listen(s->fd, 1) == 0, "%s: listen: %m", s->name);
	}
}

int main(void)
{
	struct sockaddr_storage peer = {};
	socklen_t len = sizeof(peer);
	int connected, twice;
	char c = 0;

	for (int i = 0; i < N; i++)
		make(&socks[i]);
	connected = socket(AF_INET, SOCK_DGRAM, 0);
	subject_need(connect(connected, (void *)&socks[5].addr, socks[5].len) == 0, "connect: %m");
	twice = dup(socks[0].fd);
	subject_ready();
	subject_wait_restored();

	subject_check(getpeername(connected, (void *)&peer, &len) == 0 &&
			      memcmp(&peer, &socks[5].addr, len) == 0,
		      "the connected one lost its peer");
	subject_check(send(connected, "abc", 3, 0) == 3 && recv(socks[5].fd, &c, 1, 0) == 1 && c == 'a',
		      "its datagram does not arrive");
	close(twice);
	for (int i = 0; i < N; i++)
		check(&socks[i]);
	return subject_end();
}
