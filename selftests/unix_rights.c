// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files in flight: sent by SCM_RIGHTS and not received yet. Many that no process has open any
 * more, one that is open too and shares its offset; in streams and packets, before and behind
 * plain bytes; a socket inside a socket, an epoll file, a socket in its own queue.
 */
#include "subject.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define MANY 50

static void pair_of(int type, int pair[2])
{
	subject_need(socketpair(AF_UNIX, type, 0, pair) == 0, "socketpair: %m");
}

static void send_files(int to, const char *text, const int *fds, int n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(MANY * sizeof(int))] = {0};
	struct iovec iov = {(void *)text, strlen(text)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	*c = (struct cmsghdr){CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	subject_need(sendmsg(to, &msg, MSG_DONTWAIT) == (ssize_t)strlen(text), "sendmsg: %m");
}

/* Sends it, and keeps it no longer. */
static void send_away(int to, const char *text, int fd)
{
	send_files(to, text, &fd, 1);
	close(fd);
}

/* Receives a message of @text with @n files into @fds (-1 where there are fewer). */
static void receive(const char *who, int from, const char *text, int *fds, int n)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(MANY * sizeof(int))], got[64];
	struct iovec iov = {got, sizeof(got)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t r = recvmsg(from, &msg, MSG_DONTWAIT);
	struct cmsghdr *c = r >= 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	int found = c && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

	for (int i = 0; i < n; i++)
		fds[i] = -1;
	subject_check(r == (ssize_t)strlen(text) && memcmp(got, text, r) == 0, "%s: %zd bytes (%m)", who, r);
	subject_check(found == n, "%s: %d files, not %d", who, found, n);
	if (found == n && n)
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
}

static int receive_one(const char *who, int from, const char *text)
{
	int fd;

	receive(who, from, text, &fd, 1);
	return fd;
}

static void check_event(const char *who, int fd, uint64_t want)
{
	uint64_t count = 0;

	subject_check(read(fd, &count, 8) == 8 && count == want, "%s: count %lu, not %lu (%m)", who,
		      (long)count, (long)want);
}

/* A socket that is in flight itself and has one in its queue, with a file in that. CRIU cannot. */
static void nest(int to)
{
	int inner[2], outer[2];

	pair_of(SOCK_STREAM, inner);
	pair_of(SOCK_STREAM, outer);
	send_away(inner[0], "innermost", eventfd(9, 0));
	send_away(outer[0], "inner", inner[1]);
	send_away(to, "outer", outer[1]);
	subject_need(write(inner[0], "more", 4) == 4, "write: %m");
	close(inner[0]);
	close(outer[0]);
}

static void check_nested(int from)
{
	int fd = receive_one("outer", from, "outer");
	char buf[16];

	fd = receive_one("inner", fd, "inner");
	check_event("innermost", receive_one("innermost", fd, "innermost"), 9);
	subject_check(read(fd, buf, 16) == 4 && memcmp(buf, "more", 4) == 0, "inner: '%.4s'", buf);
	subject_check(read(fd, buf, 16) == 0, "inner: no end of file");
}

int main(void)
{
	int stream[2], packets[2], dgrams[2], loop[2], pipe_ends[2], many[MANY];
	int event, file, deleted, fd, ep, watched, held[2];
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 77};
	char buf[16] = "";
	pid_t child;

	/* A stream: bytes, files, bytes, files. */
	pair_of(SOCK_STREAM, stream);
	subject_need(write(stream[0], "plain", 5) == 5, "write: %m");
	send_away(stream[0], "event", eventfd(5, EFD_NONBLOCK));
	subject_need(write(stream[0], "again", 5) == 5, "write: %m");
	subject_need(pipe(pipe_ends) == 0 && write(pipe_ends[1], "in the pipe", 11) == 11, "pipe: %m");
	send_away(stream[0], "reader", pipe_ends[0]);
	send_away(stream[0], "writer", pipe_ends[1]);
	subject_need(write(stream[0], "end", 3) == 3, "write: %m");

	/* Packets: an open file, a deleted one, many at once. */
	pair_of(SOCK_SEQPACKET, packets);
	file = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	subject_need(file >= 0 && write(file, "0123456789", 10) == 10 && lseek(file, 3, SEEK_SET) == 3, "file: %m");
	send_files(packets[0], "shared", &file, 1);
	deleted = open("deleted", O_RDWR | O_CREAT, 0644);
	subject_need(write(deleted, "ghost", 5) == 5 && lseek(deleted, 0, SEEK_SET) == 0 &&
			     unlink("deleted") == 0,
		     "deleted: %m");
	send_away(packets[0], "deleted", deleted);
	for (int i = 0; i < MANY; i++)
		many[i] = eventfd(i + 1, EFD_NONBLOCK);
	send_files(packets[0], "many", many, MANY);
	for (int i = 0; i < MANY; i++)
		close(many[i]);

	pair_of(SOCK_DGRAM, dgrams);
	if (!subject_through_criu())
		nest(dgrams[0]);

	/* An epoll file that watches what is open, and what is in flight with it. */
	ep = epoll_create1(0);
	watched = eventfd(0, EFD_NONBLOCK);
	event = eventfd(1, EFD_NONBLOCK);
	subject_need(epoll_ctl(ep, EPOLL_CTL_ADD, event, &ev) == 0, "epoll: %m");
	ev.data.u64 = 78;
	subject_need(epoll_ctl(ep, EPOLL_CTL_ADD, watched, &ev) == 0, "epoll: %m");
	held[0] = ep;
	held[1] = watched;
	send_files(dgrams[0], "epoll", held, 2);
	close(ep);
	/* CRIU takes whatever has its number then for what is watched. */
	if (!subject_through_criu())
		close(watched);

	/* A socket in its own queue. */
	pair_of(SOCK_STREAM, loop);
	send_files(loop[0], "myself", &loop[1], 1);

	child = subject_fork();
	if (!child) {
		/* Shares all queues, and takes one message. */
		subject_wait_restored();
		check_event("child", receive_one("child", stream[1], "plainevent"), 5);
		_exit(0);
	}
	subject_ready();
	subject_wait_restored();

	subject_check(subject_reap(child) == 0, "the child failed");
	fd = receive_one("reader", stream[1], "againreader");
	subject_check(read(fd, buf, 16) == 11 && memcmp(buf, "in the pipe", 11) == 0, "pipe: '%.11s'", buf);
	held[0] = receive_one("writer", stream[1], "writer");
	subject_check(write(held[0], "new", 3) == 3 && read(fd, buf, 16) == 3, "the pipe is torn: %m");
	receive("end", stream[1], "end", NULL, 0);

	fd = receive_one("shared", packets[1], "shared");
	subject_check(read(fd, buf, 2) == 2 && memcmp(buf, "34", 2) == 0 && lseek(file, 0, SEEK_CUR) == 5,
		      "shared: '%.2s', the other at %ld", buf, (long)lseek(file, 0, SEEK_CUR));
	fd = receive_one("deleted", packets[1], "deleted");
	subject_check(read(fd, buf, 16) == 5 && memcmp(buf, "ghost", 5) == 0, "deleted: '%.5s'", buf);
	receive("many", packets[1], "many", many, MANY);
	for (int i = 0; i < MANY; i++)
		check_event("many", many[i], i + 1);

	if (!subject_through_criu())
		check_nested(dgrams[1]);
	receive("epoll", dgrams[1], "epoll", held, 2);
	subject_check(epoll_wait(held[0], &ev, 1, 0) == 1 && ev.data.u64 == 77, "epoll: event %lu", (long)ev.data.u64);
	check_event("epoll", event, 1);
	subject_check(write(held[1], "\1\0\0\0\0\0\0\0", 8) == 8 && epoll_wait(held[0], &ev, 1, 0) == 1 &&
			      ev.data.u64 == 78,
		      "epoll: event %lu of what was in flight", (long)ev.data.u64);

	fd = receive_one("myself", loop[1], "myself");
	subject_check(write(loop[0], "x", 1) == 1 && read(fd, buf, 1) == 1, "myself: %m");
	return subject_end();
}
