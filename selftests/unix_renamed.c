// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unix sockets whose files were renamed after bind, as servers do that let nobody in too early: two
 * listeners that were bound to the same name, one with a client that is accepted and one that is not,
 * and a receiver of datagrams, bound to a relative name and moved to another directory. All tell the
 * name that they were given, and are reached by the one that their file has now. Two more have lost
 * theirs: to one that was bound to the same name, and to one that was moved there.
 */
#include "subject.h"
#include "unix_address.h"

#include <sys/stat.h>

#define FIRST "made"

static char first[PATH_MAX];	/* absolute */

static int bind_moved(const char *name, int type, const char *to)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, name);
	int fd = socket(AF_UNIX, type, 0);

	subject_need(fd >= 0 && bind(fd, (void *)&addr, len) == 0, "bind to %s: %m", name);
	subject_need(chmod(name, 0640) == 0 && rename(name, to) == 0, "rename to %s: %m", to);
	subject_need(type == SOCK_DGRAM || listen(fd, 5) == 0, "listen: %m");
	return fd;
}

static int reach(const char *path, int type)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, path);
	int fd = socket(AF_UNIX, type, 0);

	subject_check(connect(fd, (void *)&addr, len) == 0, "connect %s: %m", path);
	return fd;
}

static void check_name(const char *who, int fd, const char *name)
{
	struct sockaddr_un is = {};
	socklen_t n = sizeof(is);

	subject_check(getsockname(fd, (void *)&is, &n) == 0 && !strcmp(is.sun_path, name),
		      "%s: `%s'", who, is.sun_path);
}

static void check_file(const char *path)
{
	struct stat st;

	subject_check(lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0640,
		      "%s: mode %o", path, st.st_mode);
}

static void check_pass(const char *who, int from, int to)
{
	char c = 0;

	subject_check(write(from, "x", 1) == 1 && read(to, &c, 1) == 1 && c == 'x', "%s: %m", who);
}

/* A new client of the listener at @path; what it accepts is that one. */
static void check_listener(int listener, const char *path)
{
	int client = reach(path, SOCK_STREAM), conn = accept(listener, NULL, NULL);

	check_pass(path, client, conn);
	close(client);
	close(conn);
}

/* A listener at @name, and another in its place, bound there or moved there. */
static void bind_twice(const char *name, bool moved, int fds[2])
{
	fds[moved] = bind_moved(name, SOCK_STREAM, "gone");
	subject_need(unlink("gone") == 0, "unlink: %m");
	fds[!moved] = bind_moved(moved ? "new" : name, SOCK_STREAM, moved ? name : "held");
	subject_need(moved || rename("held", name) == 0, "rename: %m");
}

static void check_twice(const char *name, bool moved, const int fds[2])
{
	check_name("replaced", fds[moved], name);
	check_name("in its place", fds[!moved], moved ? "new" : name);
	check_listener(fds[!moved], name);
	check_file(name);
}

int main(void)
{
	int one, two, receiver, sender, client, conn, waiting, bound[2], moved[2];
	char dir[PATH_MAX / 2], at[PATH_MAX], to[PATH_MAX];

	subject_need(getcwd(dir, sizeof(dir)), "getcwd: %m");
	snprintf(first, sizeof(first), "%s/" FIRST, dir);
	snprintf(at, sizeof(at), "%s/at", dir);
	snprintf(to, sizeof(to), "%s/to", dir);
	bind_twice(at, false, bound);
	bind_twice(to, true, moved);
	subject_need(mkdir("elsewhere", 0755) == 0, "mkdir: %m");
	one = bind_moved(first, SOCK_STREAM, "one");
	two = bind_moved(first, SOCK_STREAM, "two");
	receiver = bind_moved("relative", SOCK_DGRAM, "elsewhere/three");
	client = reach("one", SOCK_STREAM);
	conn = accept(one, NULL, NULL);
	waiting = reach("one", SOCK_STREAM);
	sender = reach("elsewhere/three", SOCK_DGRAM);
	subject_need(write(sender, "x", 1) == 1, "send: %m");
	subject_ready();
	subject_wait_restored();

	check_name("one", one, first);
	check_name("two", two, first);
	check_name("receiver", receiver, "relative");
	check_name("accepted", conn, first);
	check_file("one");
	check_file("two");
	check_file("elsewhere/three");
	subject_check(access(FIRST, F_OK) < 0 && access("relative", F_OK) < 0 &&
		      access("elsewhere/relative", F_OK) < 0, "the first names are there again");
	check_pass("client", client, conn);
	conn = accept(one, NULL, NULL);
	check_pass("client that was not accepted", conn, waiting);
	check_listener(one, "one");
	check_listener(two, "two");
	check_pass("what waited", sender, receiver);
	check_pass("after it", sender, receiver);
	check_pass("another sender", reach("elsewhere/three", SOCK_DGRAM), receiver);
	check_twice(at, false, bound);
	check_twice(to, true, moved);
	return subject_end();
}
