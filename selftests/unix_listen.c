// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections that nobody has accepted yet: their order, what the clients have sent meanwhile,
 * who they are; clients that are gone again, that are bound, that have shut down; listeners with
 * a path, without a path any more, with an abstract name; a listener without any but the kernel's.
 */
#include "subject.h"
#include "unix_address.h"

#include <poll.h>

static int listener(int type, const char *name)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, name);
	int fd = socket(AF_UNIX, type, 0);

	/* No name at all: the kernel chooses an abstract one. */
	subject_need(fd >= 0 && bind(fd, (void *)&addr, *name ? len : sizeof(addr.sun_family)) == 0 &&
			     listen(fd, 20) == 0,
		     "listen at %s: %m", name);
	return fd;
}

/* Connects with @to, and sends @text unless it is NULL. */
static int reach(int type, int to, const char *text, const char *own)
{
	struct sockaddr_un addr;
	socklen_t n = sizeof(addr), len;
	int fd = socket(AF_UNIX, type, 0);

	if (own) {
		len = unix_address(&addr, own);
		subject_need(bind(fd, (void *)&addr, len) == 0, "bind %s: %m", own);
	}
	subject_need(getsockname(to, (void *)&addr, &n) == 0 && connect(fd, (void *)&addr, n) == 0,
		     "connect: %m");
	if (text)
		subject_need(send(fd, text, strlen(text), 0) == (ssize_t)strlen(text), "send: %m");
	return fd;
}

static int take(const char *who, int fd, pid_t pid, uid_t uid)
{
	struct pollfd p = {fd, POLLIN, 0};
	int conn = poll(&p, 1, 0) == 1 ? accept(fd, NULL, NULL) : -1;
	struct ucred cred = {};
	socklen_t n = sizeof(cred);

	subject_check(conn >= 0, "%s: accept: %m", who);
	getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &cred, &n);
	subject_check(cred.pid == pid && cred.uid == uid, "%s: connected by %d, %d, not %d, %d", who, cred.pid,
		      cred.uid, pid, uid);
	return conn;
}

static void hears(const char *who, int fd, const char *text)
{
	char buf[64] = "";
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	subject_check(n == (ssize_t)strlen(text) && memcmp(buf, text, n) == 0, "%s: %zd bytes '%.20s' (%m)", who,
		      n, buf);
}

static void talk(const char *who, int client, int conn)
{
	subject_check(send(client, "to", 2, 0) == 2, "%s: %m", who);
	hears(who, conn, "to");
	subject_check(send(conn, "fro", 3, 0) == 3, "%s: %m", who);
	hears(who, client, "fro");
}

int main(void)
{
	int path, removed, abstract, automatic, packets, first, second, bound, silent, by_packet, shut;
	int conn, old, lost, full;
	struct sockaddr_un addr, name = {}, name_now = {};
	socklen_t n = sizeof(name), n_now = sizeof(name_now);
	struct pollfd p;
	pid_t child;
	char c;

	path = listener(SOCK_STREAM, "path");
	removed = listener(SOCK_STREAM, "removed");
	abstract = listener(SOCK_STREAM, "@abstract");
	automatic = listener(SOCK_STREAM, "");
	packets = listener(SOCK_SEQPACKET, "packets");
	subject_need(getsockname(automatic, (void *)&name, &n) == 0 && n == 8, "autobind: %d bytes", (int)n);
	old = reach(SOCK_STREAM, path, NULL, NULL);
	conn = accept(path, NULL, NULL);
	first = reach(SOCK_STREAM, path, "first", NULL);
	subject_need(send(first, " more", 5, 0) == 5, "send: %m");
	lost = reach(SOCK_STREAM, path, "lost", NULL);
	close(lost);
	child = subject_fork();
	if (!child) {
		subject_need(setgid(4321) == 0 && setuid(1234) == 0, "setuid: %m");
		second = reach(SOCK_STREAM, abstract, "child", NULL);
		subject_say("connected", "yes");
		subject_wait_restored();
		subject_check(read(second, &c, 1) == 1 && c == 'x', "child: %m");
		_exit(0);
	}
	subject_need(subject_await(subject_told("connected")), "the child does not connect");
	second = reach(SOCK_STREAM, path, "second", NULL);
	bound = reach(SOCK_STREAM, abstract, "bound", "client");
	silent = reach(SOCK_STREAM, removed, NULL, NULL);
	unlink("removed");
	by_packet = reach(SOCK_SEQPACKET, packets, "p1", NULL);
	subject_need(send(by_packet, "p22", 3, 0) == 3, "send: %m");
	shut = reach(SOCK_STREAM, automatic, "bye", NULL);
	shutdown(shut, SHUT_WR);
	full = listener(SOCK_STREAM, "@full");
	subject_need(listen(full, 0) == 0, "listen: %m");
	reach(SOCK_STREAM, full, NULL, NULL);
	subject_ready();
	subject_wait_restored();

	talk("accepted before", old, conn);
	p = (struct pollfd){path, POLLIN, 0};
	subject_check(poll(&p, 1, 0) == 1, "nobody waits");
	conn = take("first", path, getpid(), getuid());
	hears("first", conn, "first more");
	talk("first", first, conn);
	conn = take("lost", path, getpid(), getuid());
	hears("lost", conn, "lost");
	subject_check(recv(conn, &c, 1, MSG_DONTWAIT) == 0, "lost: no end of file");
	conn = take("second", path, getpid(), getuid());
	hears("second", conn, "second");
	talk("second", second, conn);
	subject_check(poll(&p, 1, 0) == 0, "more wait");
	conn = take("child", abstract, child, 1234);
	hears("child", conn, "child");
	subject_check(write(conn, "x", 1) == 1, "child: %m");
	conn = take("bound", abstract, getpid(), getuid());
	hears("bound", conn, "bound");
	subject_check(getpeername(conn, (void *)&name_now, &n_now) == 0 && n_now == unix_address(&addr, "client") &&
			      !strcmp(name_now.sun_path, "client"),
		      "bound: the client is called '%s'", name_now.sun_path);
	talk("bound", bound, conn);
	conn = take("silent", removed, getpid(), getuid());
	talk("silent", silent, conn);
	subject_check(access("removed", F_OK) < 0, "a removed name is back");
	conn = take("packet", packets, getpid(), getuid());
	hears("packet", conn, "p1");
	hears("packet", conn, "p22");
	talk("packet", by_packet, conn);
	conn = take("shut", automatic, getpid(), getuid());
	hears("shut", conn, "bye");
	subject_check(recv(conn, &c, 1, MSG_DONTWAIT) == 0, "shut: no end of file");
	subject_check(write(conn, "back", 4) == 4, "shut: %m");
	hears("shut", shut, "back");
	n_now = sizeof(name_now);
	subject_check(getsockname(automatic, (void *)&name_now, &n_now) == 0 && n_now == n &&
			      memcmp(&name, &name_now, n) == 0,
		      "the kernel's name has changed");
	/* One waits where one may: the next has to be refused. */
	conn = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	subject_check(connect(conn, (void *)&addr, unix_address(&addr, "@full")) < 0 && errno == EAGAIN, "full: %m");
	subject_check(subject_reap(child) == 0, "the child failed");
	return subject_end();
}
