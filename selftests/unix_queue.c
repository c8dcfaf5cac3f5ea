// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits in Unix sockets: messages of all three types with their borders, empty ones,
 * large ones; peek offsets; credentials of processes that live and that are gone; the names of
 * senders; out-of-band data; both directions of a closed or half-closed connection.
 */
#include "subject.h"
#include "unix_address.h"

#include <linux/filter.h>
#include <poll.h>

#define LARGE 60000

static char large[LARGE], got[LARGE + 1];

static int named(const char *name)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, name);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	subject_need(fd >= 0 && bind(fd, (void *)&addr, len) == 0, "bind %s: %m", name);
	return fd;
}

static void pair_of(int type, int pair[2])
{
	subject_need(socketpair(AF_UNIX, type, 0, pair) == 0, "socketpair: %m");
}

static void put(int fd, const void *data, size_t n)
{
	subject_need(send(fd, data, n, MSG_DONTWAIT) == (ssize_t)n, "send %zu: %m", n);
}

static void put_to(int fd, const char *name, const char *text)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, name);

	subject_need(sendto(fd, text, strlen(text), 0, (void *)&addr, len) == (ssize_t)strlen(text),
		     "sendto %s: %m", name);
}

/* The next message is these bytes and no more. */
static void take(const char *who, int fd, const void *data, size_t n)
{
	ssize_t r = recv(fd, got, sizeof(got), MSG_DONTWAIT);

	subject_check(r == (ssize_t)n && memcmp(got, data, n) == 0, "%s: %zd bytes '%.20s', not %zu (%m)",
		      who, r, got, n);
}

static void take_from(const char *who, int fd, const char *text, const char *name)
{
	struct sockaddr_un addr, is = {};
	socklen_t want = *name ? unix_address(&addr, name) : 0, n = sizeof(is);
	ssize_t r = recvfrom(fd, got, sizeof(got), MSG_DONTWAIT, (void *)&is, &n);

	subject_check(r == (ssize_t)strlen(text) && memcmp(got, text, r) == 0, "%s: %zd bytes (%m)", who, r);
	subject_check(n == want && (!want || memcmp(is.sun_path, addr.sun_path, n - 2) == 0),
		      "%s: from '%s' (%d bytes)", who, is.sun_path + !is.sun_path[0], (int)n);
}

static void nothing(const char *who, int fd)
{
	subject_check(recv(fd, got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN, "%s: more is there", who);
}

/* Receives with credentials; none at all is -1. */
static struct ucred take_cred(const char *who, int fd, const char *text)
{
	_Alignas(struct cmsghdr) char control[256];
	struct iovec iov = {got, sizeof(got)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct ucred cred = {-1, -1, -1};
	ssize_t r = recvmsg(fd, &msg, MSG_DONTWAIT);

	subject_check(r == (ssize_t)strlen(text) && memcmp(got, text, r) == 0, "%s: %zd bytes (%m)", who, r);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
	return cred;
}

static void check_cred(const char *who, struct ucred cred, pid_t pid, uid_t uid, gid_t gid)
{
	subject_check(cred.pid == pid && cred.uid == uid && cred.gid == gid,
		      "%s: sent by %d, %d, %d, not %d, %d, %d", who, cred.pid, cred.uid, cred.gid, pid, uid,
		      gid);
}

static int value_of(int fd, int name)
{
	socklen_t n = sizeof(int);
	int value = -1;

	getsockopt(fd, SOL_SOCKET, name, &value, &n);
	return value;
}

static void set(int fd, int name, int value)
{
	subject_need(setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)) == 0, "option %d: %m", name);
}

int main(void)
{
	int stream[2], large_stream[2], packets[2], dgrams[2], full[2], peeked[2], creds[2], oob[2];
	int closed[2], reset[2], half[2], gone_packets[2], shut[2], receiver, sender, nameless, former;
	int full_bytes = 0, sndbuf, shrunk[2], shrunk_stream[2], filtered[2];
	/* Lets nothing through. */
	struct sock_filter none[] = {{0x06, 0, 0, 0}};
	struct sock_fprog filter = {1, none};
	struct pollfd p;
	pid_t dead, child;
	char c;

	for (int i = 0; i < LARGE; i++)
		large[i] = i * 7 + i / 251;
	pair_of(SOCK_STREAM, stream);
	put(stream[0], "one", 3);
	put(stream[0], "two", 3);
	subject_need(read(stream[1], &c, 1) == 1, "read: %m");
	put(stream[1], "back", 4);
	pair_of(SOCK_STREAM, large_stream);
	put(large_stream[0], large, LARGE);
	pair_of(SOCK_SEQPACKET, packets);
	put(packets[0], "first", 5);
	put(packets[0], "", 0);
	put(packets[0], large, LARGE);
	put(packets[0], "last", 4);
	pair_of(SOCK_DGRAM, dgrams);
	put(dgrams[0], "", 0);
	put(dgrams[0], "d1", 2);
	put(dgrams[0], "d22", 3);
	put(dgrams[1], "e", 1);
	pair_of(SOCK_STREAM, full);
	set(full[0], SO_SNDBUF, 8000);
	sndbuf = value_of(full[0], SO_SNDBUF);
	while (send(full[0], "x", 1, MSG_DONTWAIT) == 1)
		full_bytes++;
	/* What would not go in any more: a buffer made smaller, a filter attached since. */
	pair_of(SOCK_DGRAM, shrunk);
	put(shrunk[0], large, LARGE);
	put(shrunk[0], large, LARGE);
	set(shrunk[0], SO_SNDBUF, 5000);
	pair_of(SOCK_DGRAM, filtered);
	put(filtered[0], "passed", 6);
	subject_need(setsockopt(filtered[1], SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0,
		     "filter: %m");
	pair_of(SOCK_STREAM, shrunk_stream);
	put(shrunk_stream[0], large, LARGE);
	set(shrunk_stream[0], SO_SNDBUF, 5000);
	pair_of(SOCK_DGRAM, peeked);
	put(peeked[0], "abc", 3);
	put(peeked[0], "def", 3);
	set(peeked[1], SO_PEEK_OFF, 0);
	subject_need(recv(peeked[1], got, 3, MSG_PEEK) == 3, "peek: %m");

	/* Credentials: of the subject, of a child that is gone, and none. */
	pair_of(SOCK_DGRAM, creds);
	put(creds[0], "none", 4);
	set(creds[1], SO_PASSCRED, 1);
	put(creds[0], "mine", 4);
	dead = subject_fork();
	if (!dead) {
		subject_need(setgid(4321) == 0 && setuid(1234) == 0, "setuid: %m");
		put(creds[0], "dead", 4);
		_exit(0);
	}
	subject_need(subject_reap(dead) == 0, "the child that sends failed");
	child = subject_fork();
	if (!child) {
		put(creds[0], "child", 5);
		subject_wait_restored();
		_exit(0);
	}
	subject_need(subject_await(value_of(creds[1], SO_PASSCRED) == 1 && recv(creds[1], got, 0, MSG_PEEK | MSG_DONTWAIT) >= 0), "peek: %m");

	pair_of(SOCK_STREAM, oob);
	put(oob[0], "before", 6);
	subject_need(send(oob[0], "!", 1, MSG_OOB) == 1 || errno == EOPNOTSUPP, "MSG_OOB: %m");
	if (errno == EOPNOTSUPP)
		put(oob[0], "!", 1), set(oob[1], SO_OOBINLINE, 1);

	/* Names of senders: one that lives, one without a name, one that was closed. */
	receiver = named("receiver");
	sender = named("sender");
	nameless = socket(AF_UNIX, SOCK_DGRAM, 0);
	former = named("@former");
	put_to(sender, "receiver", "from sender");
	put_to(nameless, "receiver", "from nobody");
	put_to(former, "receiver", "from former");
	close(former);

	/* The other side is closed: with data left, with data left unread in it, half. */
	pair_of(SOCK_STREAM, closed);
	put(closed[0], "left", 4);
	close(closed[0]);
	pair_of(SOCK_STREAM, reset);
	put(reset[1], "unread", 6);
	put(reset[0], "read me", 7);
	close(reset[0]);
	pair_of(SOCK_SEQPACKET, gone_packets);
	put(gone_packets[0], "p1", 2);
	put(gone_packets[0], "p2", 2);
	close(gone_packets[0]);
	pair_of(SOCK_STREAM, half);
	put(half[0], "the end", 7);
	shutdown(half[0], SHUT_WR);
	pair_of(SOCK_STREAM, shut);
	put(shut[0], "shut", 4);
	shutdown(shut[1], SHUT_RD);
	subject_ready();
	subject_wait_restored();

	take("stream", stream[1], "netwo", 5);
	take("stream, back", stream[0], "back", 4);
	nothing("stream", stream[1]);
	take("large stream", large_stream[1], large, LARGE);
	take("packets", packets[1], "first", 5);
	take("packets, empty", packets[1], "", 0);
	take("packets, large", packets[1], large, LARGE);
	take("packets", packets[1], "last", 4);
	nothing("packets", packets[1]);
	take("dgrams, empty", dgrams[1], "", 0);
	take("dgrams", dgrams[1], "d1", 2);
	take("dgrams", dgrams[1], "d22", 3);
	take("dgrams, back", dgrams[0], "e", 1);
	nothing("dgrams", dgrams[1]);
	subject_check(value_of(full[0], SO_SNDBUF) == sndbuf, "SO_SNDBUF %d, was %d",
		      value_of(full[0], SO_SNDBUF), sndbuf);
	subject_check(recv(full[1], got, sizeof(got), MSG_DONTWAIT) == full_bytes, "full: other than %d bytes",
		      full_bytes);
	subject_check(value_of(shrunk[0], SO_SNDBUF) == 10000, "SO_SNDBUF %d", value_of(shrunk[0], SO_SNDBUF));
	take("shrunk", shrunk[1], large, LARGE);
	take("shrunk", shrunk[1], large, LARGE);
	take("shrunk stream", shrunk_stream[1], large, LARGE);
	take("filtered", filtered[1], "passed", 6);
	put(filtered[0], "x", 1);
	nothing("filtered", filtered[1]);
	subject_check(value_of(peeked[1], SO_PEEK_OFF) == 3, "SO_PEEK_OFF %d", value_of(peeked[1], SO_PEEK_OFF));
	subject_check(recv(peeked[1], got, 10, MSG_PEEK) == 3 && memcmp(got, "def", 3) == 0,
		      "the peek goes on at '%.3s'", got);
	take("peeked", peeked[1], "abc", 3);

	check_cred("none", take_cred("none", creds[1], "none"), 0, 65534, 65534);
	check_cred("mine", take_cred("mine", creds[1], "mine"), getpid(), getuid(), getgid());
	check_cred("dead", take_cred("dead", creds[1], "dead"), dead, 1234, 4321);
	check_cred("child", take_cred("child", creds[1], "child"), child, getuid(), getgid());

	take("oob, before", oob[1], value_of(oob[1], SO_OOBINLINE) ? "before!" : "before",
	     value_of(oob[1], SO_OOBINLINE) ? 7 : 6);
	if (!value_of(oob[1], SO_OOBINLINE))
		subject_check(recv(oob[1], &c, 1, MSG_OOB | MSG_DONTWAIT) == 1 && c == '!', "no byte out of band");

	take_from("receiver", receiver, "from sender", "sender");
	take_from("receiver", receiver, "from nobody", "");
	take_from("receiver", receiver, "from former", "@former");
	nothing("receiver", receiver);

	p = (struct pollfd){closed[1], POLLIN, 0};
	subject_check(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLHUP), "closed: events %#x", p.revents);
	take("closed", closed[1], "left", 4);
	subject_check(recv(closed[1], got, 1, MSG_DONTWAIT) == 0, "closed: no end of file");
	subject_check(send(closed[1], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "closed: %m");
	take("reset", reset[1], "read me", 7);
	subject_check(recv(reset[1], got, 1, MSG_DONTWAIT) < 0 && errno == ECONNRESET, "reset: %m");
	subject_check(recv(reset[1], got, 1, MSG_DONTWAIT) == 0, "reset: no end of file");
	take("gone", gone_packets[1], "p1", 2);
	take("gone", gone_packets[1], "p2", 2);
	subject_check(recv(gone_packets[1], got, 1, MSG_DONTWAIT) == 0, "gone: no end of file");
	take("half", half[1], "the end", 7);
	subject_check(recv(half[1], got, 1, MSG_DONTWAIT) == 0, "half: no end of file");
	subject_check(send(half[1], "x", 1, MSG_NOSIGNAL) == 1, "half: the way back is shut: %m");
	take("shut", shut[1], "shut", 4);
	subject_check(recv(shut[1], got, 1, MSG_DONTWAIT) == 0, "shut: no end of file");
	subject_check(subject_reap(child) == 0, "the child failed");
	return subject_end();
}
