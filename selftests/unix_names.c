// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names and makers of Unix sockets: both sides of accepted connections, relative names,
 * files that were removed, owners and modes, SO_PEERCRED of pairs, connections and listeners;
 * datagram sockets that send to one without sending back; a peer that was closed.
 */
#include "subject.h"
#include "unix_address.h"

#include <grp.h>

static int make(int type, const char *name, bool listening)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, name);
	int fd = socket(AF_UNIX, type, 0);

	subject_need(fd >= 0 && bind(fd, (void *)&addr, len) == 0, "bind %s: %m", name);
	subject_need(!listening || listen(fd, 5) == 0, "listen: %m");
	return fd;
}

static int reach(int type, const char *name)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, name);
	int fd = socket(AF_UNIX, type, 0);

	subject_need(fd >= 0 && connect(fd, (void *)&addr, len) == 0, "connect %s: %m", name);
	return fd;
}

static void check_name(const char *who, int fd, bool of_peer, const char *name)
{
	struct sockaddr_un addr, is = {};
	socklen_t len = *name ? unix_address(&addr, name) : 2, n = sizeof(is);
	int rc = of_peer ? getpeername(fd, (void *)&is, &n) : getsockname(fd, (void *)&is, &n);

	subject_check(rc == 0 && n == len && (!*name || memcmp(is.sun_path, addr.sun_path, n - 2) == 0),
		      "%s: %s name of %d bytes '%s'", who, of_peer ? "peer's" : "own", (int)n, is.sun_path);
}

struct maker {
	const char *who;
	int fd;
	struct ucred cred;
	gid_t groups[4];
	int n_groups;
};

static struct ucred cred_of(int fd)
{
	struct ucred cred = {};
	socklen_t n = sizeof(cred);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n);
	return cred;
}

static struct maker maker_of(const char *who, int fd)
{
	struct maker m = {who, fd, cred_of(fd), {}, -1};
	socklen_t n = sizeof(m.groups);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, m.groups, &n) == 0)
		m.n_groups = n / sizeof(gid_t);
	return m;
}

static void check_maker(const struct maker *m)
{
	struct ucred now = cred_of(m->fd);
	struct maker again = maker_of(m->who, m->fd);

	subject_check(again.n_groups == m->n_groups && !memcmp(again.groups, m->groups, sizeof(m->groups)),
		      "%s: %d groups, were %d", m->who, again.n_groups, m->n_groups);

	subject_check(memcmp(&now, &m->cred, sizeof(now)) == 0, "%s: made by %d, %d, %d; was %d, %d, %d",
		      m->who, now.pid, now.uid, now.gid, m->cred.pid, m->cred.uid, m->cred.gid);
}

/* A child of another user connects, and stays. */
static pid_t client_of(const char *name, int server, int *ret_conn)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, name);
	pid_t pid = subject_fork();
	char c;

	if (pid == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		struct maker before;

		subject_need(setgroups(2, (gid_t[]){77, 88}) == 0, "setgroups: %m");
		subject_need(setgid(4321) == 0 && setuid(1234) == 0, "setuid: %m");
		subject_need(connect(fd, (void *)&addr, len) == 0, "connect: %m");
		before = maker_of("client", fd);
		subject_wait_restored();
		check_maker(&before);
		_exit(read(fd, &c, 1) != 1 || c != 'x' || write(fd, "y", 1) != 1);
	}
	*ret_conn = accept(server, NULL, NULL);
	return pid;
}

int main(void)
{
	int path, abstract, removed, bound, sender, lone, pair[2], dead[2], out[2], conn, c;
	int path_client, path_conn, abs_client, abs_conn, named_client;
	struct maker makers[6];
	struct sockaddr_un addr;
	struct stat st, st_after;
	pid_t child;
	char byte;

	path = make(SOCK_STREAM, "relative", true);
	subject_need(chmod("relative", 0666) == 0 && chown("relative", 11, 22) == 0 &&
			     stat("relative", &st) == 0,
		     "relative: %m");
	abstract = make(SOCK_STREAM, "@abstract", true);
	removed = make(SOCK_STREAM, "removed", true);
	path_client = reach(SOCK_STREAM, "relative");
	path_conn = accept(path, NULL, NULL);
	abs_client = reach(SOCK_STREAM, "@abstract");
	abs_conn = accept(abstract, NULL, NULL);
	named_client = make(SOCK_STREAM, "client", false);
	subject_need(connect(named_client, (void *)&addr, unix_address(&addr, "removed")) == 0, "connect: %m");
	c = accept(removed, NULL, NULL);
	unlink("removed");
	bound = make(SOCK_DGRAM, "bound", false);
	sender = reach(SOCK_DGRAM, "bound");
	lone = make(SOCK_DGRAM, "@lone", false);
	subject_need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 &&
			     socketpair(AF_UNIX, SOCK_SEQPACKET, 0, dead) == 0 &&
			     socketpair(AF_UNIX, SOCK_DGRAM, 0, out) == 0,
		     "socketpair: %m");
	close(dead[1]);
	close(out[1]);
	child = client_of("@abstract", abstract, &conn);
	makers[0] = maker_of("pair", pair[0]);
	makers[1] = maker_of("accepted", conn);
	makers[2] = maker_of("path client", path_client);
	makers[3] = maker_of("listener", path);
	makers[4] = maker_of("path accepted", path_conn);
	makers[5] = maker_of("dead", dead[0]);
	subject_need(makers[1].n_groups == 2 && makers[1].groups[1] == 88, "SO_PEERGROUPS: %m");
	subject_need(makers[1].cred.uid == 1234 && makers[1].cred.pid == child, "SO_PEERCRED: %m");
	subject_ready();
	subject_wait_restored();

	check_name("listener", path, false, "relative");
	check_name("path client", path_client, false, "");
	check_name("path client", path_client, true, "relative");
	check_name("path accepted", path_conn, false, "relative");
	check_name("abstract accepted", abs_conn, false, "@abstract");
	check_name("abstract client", abs_client, true, "@abstract");
	check_name("named client", named_client, false, "client");
	check_name("named client", named_client, true, "removed");
	check_name("removed", c, true, "client");
	check_name("sender", sender, true, "bound");
	check_name("lone", lone, false, "@lone");
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		check_maker(&makers[i]);
	subject_check(stat("relative", &st_after) == 0 && st_after.st_mode == st.st_mode &&
			      st_after.st_uid == 11 && st_after.st_gid == 22,
		      "relative: mode %o, owner %d", st_after.st_mode, st_after.st_uid);
	subject_check(access("removed", F_OK) < 0, "a removed name is back");
	subject_check(write(sender, "m", 1) == 1 && read(bound, &byte, 1) == 1, "sender: %m");
	subject_check(read(dead[0], &byte, 1) == 0, "dead: no end of file");
	subject_check(send(dead[0], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "dead: %m");
	subject_check(send(out[0], "x", 1, MSG_NOSIGNAL) < 0 && errno == ECONNREFUSED, "out: %m");
	subject_check(write(conn, "x", 1) == 1 && read(conn, &byte, 1) == 1 && byte == 'y', "conn: %m");
	subject_check(subject_reap(child) == 0, "the child failed");
	c = reach(SOCK_STREAM, "relative");
	subject_check(cred_of(c).pid == getpid(), "a new client sees process %d listen", cred_of(c).pid);
	return subject_end();
}
