// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unix sockets: pairs of each type within a process and between two, half closed ones,
 * listeners with a name, a bound datagram socket, abstract names, options.
 */
#include "subject.h"
#include "unix_address.h"

#define SO_PASSPIDFD_ 76

static int bound(int type, const char *path)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, path);
	int fd = socket(AF_UNIX, type, 0);

	subject_need(fd >= 0 && bind(fd, (void *)&addr, len) == 0, "bind %s: %m", path);
	subject_need(type == SOCK_DGRAM || listen(fd, 5) == 0, "listen: %m");
	return fd;
}

static void say(const char *who, int from, int to)
{
	char buf[8] = {};

	subject_check(send(from, "hello", 5, MSG_NOSIGNAL | MSG_DONTWAIT) == 5, "%s: send: %m", who);
	subject_check(recv(to, buf, 8, MSG_DONTWAIT) == 5 && memcmp(buf, "hello", 5) == 0,
		      "%s: received '%s'", who, buf);
}

static void meet(const char *who, int type, const char *path, int server)
{
	struct sockaddr_un addr, own;
	socklen_t len = unix_address(&addr, path), own_len = sizeof(own);
	int client = socket(AF_UNIX, type, 0), conn = server;

	subject_check(getsockname(server, (void *)&own, &own_len) == 0 &&
			      memcmp(own.sun_path, addr.sun_path, own_len - 2) == 0,
		      "%s: its name changed", who);
	subject_check(connect(client, (void *)&addr, len) == 0, "%s: connect: %m", who);
	if (type != SOCK_DGRAM)
		conn = accept(server, NULL, NULL);
	say(who, client, conn);
	close(client);
}

int main(void)
{
	bool has_pidfds;
	int stream[2], dgram[2], packet[2], half[2], child[2], type = 0, buf_size;
	int listener, seq, receiver, abstract, unconnected;
	socklen_t len = sizeof(int);
	struct ucred peer = {};
	char c;
	pid_t pid;

	subject_need(socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0 &&
			     socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, dgram) == 0 &&
			     socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packet) == 0 &&
			     socketpair(AF_UNIX, SOCK_STREAM, 0, half) == 0 &&
			     socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, child) == 0,
		     "socketpair: %m");
	shutdown(half[0], SHUT_WR);
	setsockopt(stream[0], SOL_SOCKET, SO_SNDBUF, &(int){50000}, sizeof(int));
	setsockopt(stream[1], SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int));
	/* CRIU does not know it, nor do kernels before 6.5. */
	has_pidfds = !subject_through_criu() &&
		     setsockopt(dgram[1], SOL_SOCKET, SO_PASSPIDFD_, &(int){1}, sizeof(int)) == 0;
	getsockopt(stream[0], SOL_SOCKET, SO_SNDBUF, &buf_size, &len);
	listener = bound(SOCK_STREAM, "listener");
	seq = bound(SOCK_SEQPACKET, "seqpacket");
	receiver = bound(SOCK_DGRAM, "receiver");
	abstract = bound(SOCK_STREAM, "@abstract");
	unconnected = socket(AF_UNIX, SOCK_STREAM, 0);
	pid = subject_fork();
	if (pid == 0) {
		close(child[0]);
		subject_check(read(child[1], &c, 1) == 1 && c == 'q', "the child read '%c'", c);
		_exit(write(child[1], "r", 1) != 1);
	}
	close(child[1]);
	subject_ready();
	subject_wait_restored();

	say("stream", stream[0], stream[1]);
	say("stream, back", stream[1], stream[0]);
	say("dgram", dgram[1], dgram[0]);
	say("seqpacket", packet[0], packet[1]);
	say("half, open side", half[1], half[0]);
	subject_check(recv(half[1], &c, 1, MSG_DONTWAIT) == 0, "half: no end of file");
	subject_check(send(half[0], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "half: it is open");
	subject_check(getsockopt(stream[0], SOL_SOCKET, SO_SNDBUF, &type, &len) == 0 && type == buf_size,
		      "SO_SNDBUF is %d, was %d", type, buf_size);
	subject_check(getsockopt(stream[1], SOL_SOCKET, SO_PASSCRED, &type, &len) == 0 && type == 1,
		      "SO_PASSCRED is lost");
	subject_check(!has_pidfds ||
			      (getsockopt(dgram[1], SOL_SOCKET, SO_PASSPIDFD_, &type, &len) == 0 && type == 1),
		      "SO_PASSPIDFD is lost");
	len = sizeof(peer);
	getsockopt(stream[0], SOL_SOCKET, SO_PEERCRED, &peer, &len);
	subject_check(fcntl(dgram[0], F_GETFL) & O_NONBLOCK, "O_NONBLOCK is lost");
	meet("listener", SOCK_STREAM, "listener", listener);
	meet("seqpacket listener", SOCK_SEQPACKET, "seqpacket", seq);
	meet("bound dgram", SOCK_DGRAM, "receiver", receiver);
	meet("abstract", SOCK_STREAM, "@abstract", abstract);
	subject_check(send(unconnected, "x", 1, MSG_NOSIGNAL) < 0 && errno == ENOTCONN, "unconnected: %m");
	subject_check(write(child[0], "q", 1) == 1 && read(child[0], &c, 1) == 1 && c == 'r',
		      "the child does not answer");
	subject_check(subject_reap(pid) == 0, "the child failed");
	return subject_end();
}
