// SPDX-License-Identifier: GPL-2.0-only
/* What the collector says of sockets is what getsockopt, ioctl and /proc say. */

#include "collected.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "bpf/inet.h"
#include "bpf/socket.h"
#include "bpf/unix.h"

static struct collected collect_self(void)
{
	return collect(getpid(), COLLECT_FILES | COLLECT_RUNNING);
}

static ino_t inode_of(int fd)
{
	struct stat st;

	EXPECT_EQ(fstat(fd, &st), 0);
	return st.st_ino;
}

static __u32 net_ns(void)
{
	struct stat st;

	EXPECT_EQ(stat("/proc/self/ns/net", &st), 0);
	return st.st_ino;
}

static const struct unix_detail *unix_of(const struct collected *c, int fd)
{
	return detail_of(file_of(c, fd), DETAIL_UNIX);
}

static const struct inet_detail *inet_of(const struct collected *c, int fd)
{
	return detail_of(file_of(c, fd), DETAIL_INET);
}

static void send_fds(int socket, const char *text, const int *fds, int n)
{
	char control[CMSG_SPACE(16 * sizeof(int))] = {};
	struct iovec iov = {(void *)text, strlen(text)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
	EXPECT_EQ(sendmsg(socket, &msg, 0), (ssize_t)iov.iov_len);
}

TEST(unix_pair)
{
	int pair[2], fds[3] = {0, 1, 2}, queued;
	const struct unix_detail *a, *b;
	struct ucred cred;
	socklen_t size = sizeof(cred);
	struct collected c;
	char byte;

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	EXPECT_EQ(write(pair[0], "hello", 5), 5);
	send_fds(pair[0], "fds", fds, 3);
	EXPECT_EQ(read(pair[1], &byte, 1), 1);
	EXPECT_EQ(shutdown(pair[1], SHUT_WR), 0);
	c = collect_self();
	a = unix_of(&c, pair[0]);
	b = unix_of(&c, pair[1]);
	EXPECT_EQ(a->peer, b->sk);
	EXPECT_EQ(b->peer, a->sk);
	EXPECT_EQ(a->peer_ino, inode_of(pair[1]));
	EXPECT_EQ(b->peer_ino, inode_of(pair[0]));
	EXPECT_EQ(a->type, SOCK_STREAM);
	EXPECT_EQ(a->state, TCP_ESTABLISHED);
	EXPECT_EQ(ioctl(pair[1], SIOCINQ, &queued), 0);
	EXPECT_EQ(queued, 7);
	EXPECT_EQ(b->receive_bytes, queued);
	EXPECT_EQ(b->receive_skbs, 2);
	EXPECT_EQ(b->n_fds, 3);
	EXPECT_EQ(a->receive_bytes, 0);
	EXPECT_EQ(ioctl(pair[0], SIOCOUTQ, &queued), 0);
	EXPECT_EQ(a->send_bytes, queued);
	EXPECT_EQ(b->shutdown, 2);
	EXPECT_EQ(a->shutdown, 1);
	EXPECT_EQ(a->peer_shutdown, 2);
	EXPECT_EQ(a->address_length, 0);
	EXPECT_EQ(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &cred, &size), 0);
	EXPECT_EQ(a->peer_pid.host, cred.pid);
	EXPECT_EQ(a->peer_uid, cred.uid);
	EXPECT_EQ(a->peer_gid, cred.gid);
	EXPECT_EQ(a->net_ns, net_ns());
}

static struct sockaddr_un address_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	strcpy(address.sun_path, path);
	return address;
}

TEST(unix_listener)
{
	char dir[] = "/tmp/collect-XXXXXX", path[64];
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0), clients[3], accepted;
	const struct unix_detail *d;
	struct sockaddr_un address;
	struct collected c;
	struct stat st;

	EXPECT(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	address = address_at(path);
	EXPECT_EQ(bind(listener, (void *)&address, sizeof(address)), 0);
	EXPECT_EQ(listen(listener, 17), 0);
	for (int i = 0; i < 3; i++) {
		clients[i] = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		EXPECT_EQ(connect(clients[i], (void *)&address, sizeof(address)), 0);
	}
	accepted = accept(listener, NULL, NULL);
	EXPECT_EQ(write(clients[1], "abc", 3), 3);
	c = collect_self();
	d = unix_of(&c, listener);
	EXPECT_EQ(d->state, TCP_LISTEN);
	EXPECT_EQ(d->type, SOCK_SEQPACKET);
	EXPECT_EQ(d->backlog, 2);
	EXPECT_EQ(d->max_backlog, 17);
	EXPECT_EQ(stat(path, &st), 0);
	EXPECT_EQ(d->path_ino, st.st_ino);
	EXPECT_EQ(d->path_dev, major(st.st_dev) << 20 | minor(st.st_dev));
	EXPECT_EQ(d->path_mode, st.st_mode);
	EXPECT_EQ(d->path_nlink, 1);
	EXPECT_STREQ((char *)d->address + offsetof(struct sockaddr_un, sun_path), path);
	d = unix_of(&c, clients[0]);
	EXPECT_EQ(d->peer, unix_of(&c, accepted)->sk);
	EXPECT_EQ(d->peer_ino, inode_of(accepted));
	d = unix_of(&c, clients[1]);
	EXPECT_NE(d->peer, 0);
	EXPECT_EQ(d->peer_ino, 0); /* not accepted: no inode yet */
	unlink(path);
	rmdir(dir);
}

TEST(unix_datagrams_and_abstract_names)
{
	int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0collect\0x"}, got;
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + 10, length = sizeof(got);
	const struct unix_detail *d;
	struct collected c;

	snprintf(address.sun_path + 1, 20, "c%d", getpid());
	EXPECT_EQ(bind(server, (void *)&address, size), 0);
	EXPECT_EQ(connect(client, (void *)&address, size), 0);
	EXPECT_EQ(send(client, "one", 3, 0), 3);
	EXPECT_EQ(send(client, "seven..", 7, 0), 7);
	c = collect_self();
	d = unix_of(&c, server);
	EXPECT_EQ(getsockname(server, (void *)&got, &length), 0);
	EXPECT_EQ(d->address_length, length);
	EXPECT_MEMEQ(d->address, &got, length);
	EXPECT_EQ(d->receive_skbs, 2);
	EXPECT_EQ(d->receive_bytes, 10);
	EXPECT_EQ(d->path_ino, 0);
	EXPECT_EQ(unix_of(&c, client)->state, TCP_ESTABLISHED);
	EXPECT_EQ(unix_of(&c, client)->peer, d->sk);
	EXPECT_EQ(unix_of(&c, client)->peer_ino, inode_of(server));
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

TEST(tcp)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	int waiting = socket(AF_INET, SOCK_STREAM, 0), server, queued, one = 1;
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
			   got;
	const struct inet_detail *d, *e;
	socklen_t size = sizeof(address);
	struct collected c;

	loopback_up();
	EXPECT_EQ(bind(listener, (void *)&address, size), 0);
	EXPECT_EQ(listen(listener, 33), 0);
	EXPECT_EQ(getsockname(listener, (void *)&address, &size), 0);
	EXPECT_EQ(setsockopt(client, SOL_SOCKET, SO_MARK, &one, sizeof(one)), 0);
	EXPECT_EQ(connect(client, (void *)&address, size), 0);
	server = accept(listener, (void *)&got, &size);
	EXPECT_EQ(connect(waiting, (void *)&address, size), 0);
	EXPECT_EQ(write(client, "some bytes", 10), 10);
	usleep(20000);
	c = collect_self();
	d = inet_of(&c, listener);
	EXPECT_EQ(d->state, TCP_LISTEN);
	EXPECT_EQ(d->family, AF_INET);
	EXPECT_EQ(d->type, SOCK_STREAM);
	EXPECT_EQ(d->protocol, IPPROTO_TCP);
	EXPECT_EQ(d->local_port, ntohs(address.sin_port));
	EXPECT_MEMEQ(d->local, &address.sin_addr, 4);
	EXPECT_EQ(d->backlog, 1);
	EXPECT_EQ(d->max_backlog, 33);
	EXPECT_EQ(d->net_ns, net_ns());
	d = inet_of(&c, client);
	e = inet_of(&c, server);
	EXPECT_EQ(d->state, TCP_ESTABLISHED);
	EXPECT_EQ(d->remote_port, ntohs(address.sin_port));
	EXPECT_EQ(d->local_port, ntohs(got.sin_port));
	EXPECT_EQ(e->remote_port, ntohs(got.sin_port));
	EXPECT_MEMEQ(e->remote, &got.sin_addr, 4);
	EXPECT_EQ(ioctl(server, SIOCINQ, &queued), 0);
	EXPECT_EQ(e->receive_bytes, queued);
	EXPECT_EQ(queued, 10);
	EXPECT_EQ(ioctl(client, SIOCOUTQ, &queued), 0);
	EXPECT_EQ(d->send_bytes, queued);
	EXPECT_EQ(d->mark, 1);
	EXPECT_EQ(d->repair, 0);
	EXPECT_EQ(setsockopt(client, IPPROTO_TCP, TCP_REPAIR, &one, sizeof(one)), 0);
	c = collect_self();
	EXPECT_EQ(inet_of(&c, client)->repair, 1);
	EXPECT_EQ(inet_of(&c, server)->repair, 0);
}

TEST(ipv6_and_udp)
{
	int six = socket(AF_INET6, SOCK_DGRAM, 0), four = socket(AF_INET, SOCK_DGRAM, 0), one = 1;
	struct sockaddr_in6 address6 = {.sin6_family = AF_INET6,
					.sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address6);
	const struct inet_detail *d;
	struct collected c;

	loopback_up();
	if (six < 0)
		SKIP("no IPv6");
	EXPECT_EQ(setsockopt(six, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), 0);
	if (bind(six, (void *)&address6, sizeof(address6)))
		SKIP("no IPv6 on the loopback");
	EXPECT_EQ(getsockname(six, (void *)&address6, &size), 0);
	EXPECT_EQ(connect(six, (void *)&address6, sizeof(address6)), 0);
	EXPECT_EQ(send(six, "x", 1, 0), 1);
	EXPECT_EQ(bind(four, (void *)&address, sizeof(address)), 0);
	c = collect_self();
	d = inet_of(&c, six);
	EXPECT_EQ(d->family, AF_INET6);
	EXPECT_EQ(d->type, SOCK_DGRAM);
	EXPECT_EQ(d->protocol, IPPROTO_UDP);
	EXPECT_EQ(d->v6only, 1);
	EXPECT_EQ(d->state, TCP_ESTABLISHED);
	EXPECT_EQ(d->local_port, ntohs(address6.sin6_port));
	EXPECT_EQ(d->remote_port, ntohs(address6.sin6_port));
	EXPECT_MEMEQ(d->local, &address6.sin6_addr, 16);
	EXPECT_MEMEQ(d->remote, &address6.sin6_addr, 16);
	EXPECT_EQ(d->receive_skbs, 1);
	EXPECT_GT(d->receive_bytes, 0);
	EXPECT_EQ(inet_of(&c, four)->state, TCP_CLOSE);
	EXPECT_NE(inet_of(&c, four)->local_port, 0);
	EXPECT_EQ(inet_of(&c, four)->v6only, 0);
}

TEST(other_families)
{
	int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), packet;
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 5};
	struct sockaddr_ll link = {
		.sll_family = AF_PACKET, .sll_protocol = htons(0x88cc), .sll_ifindex = 1};
	const struct socket_detail *d;
	socklen_t size = sizeof(address);
	struct collected c;

	EXPECT_EQ(bind(netlink, (void *)&address, sizeof(address)), 0);
	EXPECT_EQ(getsockname(netlink, (void *)&address, &size), 0);
	packet = socket(AF_PACKET, SOCK_DGRAM, htons(0x88cc));
	if (packet >= 0)
		EXPECT_EQ(bind(packet, (void *)&link, sizeof(link)), 0);
	c = collect_self();
	d = detail_of(file_of(&c, netlink), DETAIL_SOCKET);
	EXPECT_EQ(d->family, AF_NETLINK);
	EXPECT_EQ(d->protocol, NETLINK_ROUTE);
	EXPECT_EQ(d->netlink_portid, address.nl_pid);
	EXPECT_EQ(d->netlink_groups, 5);
	EXPECT_EQ(d->net_ns, net_ns());
	if (packet < 0)
		return;
	d = detail_of(file_of(&c, packet), DETAIL_SOCKET);
	EXPECT_EQ(d->family, AF_PACKET);
	EXPECT_EQ(d->packet_ifindex, 1);
	EXPECT_EQ(d->packet_protocol, 0x88cc);
}

TEST(what_is_in_flight)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int pair[2], fds[2] = {eventfd(1, 0), open("/etc/passwd", O_RDONLY)}, on = 1;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), clients[2];
	const struct watch_record *w;
	const struct queue_record *q;
	struct collected c;
	socklen_t size;

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	EXPECT_EQ(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	EXPECT_EQ(write(pair[0], "plain", 5), 5);
	send_fds(pair[0], "with two", fds, 2);
	size = offsetof(struct sockaddr_un, sun_path) + 1 +
	       sprintf(address.sun_path + 1, "in-flight-%d", getpid());
	EXPECT_EQ(bind(listener, (void *)&address, size), 0);
	EXPECT_EQ(listen(listener, 5), 0);
	for (int i = 0; i < 2; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		EXPECT_EQ(connect(clients[i], (void *)&address, size), 0);
	}
	c = collect_self();
	EXPECT_EQ(file_of(&c, pair[1])->head.part, 2);
	c = collect(getpid(), COLLECT_ALL | COLLECT_FLIGHTS);
	EXPECT_EQ(file_of(&c, pair[1])->head.part, 5);
	EXPECT_EQ(file_of(&c, pair[0])->head.part, 0);
	q = part_of(&c, file_of(&c, pair[1]), 0);
	EXPECT_EQ(q->head.type, RECORD_QUEUE_PART);
	EXPECT_EQ(q->bytes, 5);
	EXPECT_EQ(q->n_files, 0);
	EXPECT_EQ(q->sender.host, getpid());
	EXPECT_EQ(q->uid, geteuid());
	q = part_of(&c, file_of(&c, pair[1]), 1);
	EXPECT_EQ(q->message, 1);
	EXPECT_EQ(q->bytes, 8);
	EXPECT_EQ(q->n_files, 2);
	EXPECT_EQ(q->files[0], file_of(&c, fds[0])->head.owner);
	EXPECT_EQ(q->files[1], file_of(&c, fds[1])->head.owner);
	for (int i = 0; i < 2; i++) {
		const struct file_record *f = part_of(&c, file_of(&c, pair[1]), 2 + i);

		EXPECT_EQ(f->head.type, RECORD_FLIGHT_PART);
		EXPECT_EQ(f->files, file_of(&c, fds[i])->head.owner);
		EXPECT_EQ(f->ino, file_of(&c, fds[i])->ino);
		EXPECT_EQ(f->detail_type, i ? DETAIL_NONE : DETAIL_EVENTFD);
	}
	w = part_of(&c, file_of(&c, pair[1]), 4);
	EXPECT_EQ(w->head.type, RECORD_WATCH_PART);
	EXPECT_EQ(w->type, WATCH_NOT);
	EXPECT_EQ(w->is_named, 1);
	EXPECT_EQ(w->mnt_id, file_of(&c, fds[1])->mnt_id);
	EXPECT_GT(w->n_names, 1);
	EXPECT_MEMEQ(w + 1, "passwd\0etc", sizeof("passwd\0etc"));
	for (int i = 0; i < 2; i++) {
		q = part_of(&c, file_of(&c, listener), i);
		EXPECT_EQ(q->peer, unix_of(&c, clients[i])->sk);
		EXPECT_EQ(q->n_files, 0);
	}
}
