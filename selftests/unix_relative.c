// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unix sockets with the same relative name, bound in different directories which the process has left
 * since, one of them renamed: each is found where it was, and has its name as it was given.
 */
#include "subject.h"
#include "unix_address.h"

#include <poll.h>

#define NAME "same"

static int bind_in(const char *dir, int type)
{
	struct sockaddr_un addr;
	socklen_t len = unix_address(&addr, NAME);
	int fd = socket(AF_UNIX, type, 0);

	subject_need(mkdir(dir, 0755) == 0 && chdir(dir) == 0, "%s: %m", dir);
	subject_need(fd >= 0 && bind(fd, (void *)&addr, len) == 0, "bind in %s: %m", dir);
	subject_need(type == SOCK_DGRAM || listen(fd, 5) == 0, "listen: %m");
	subject_need(chdir("..") == 0, "chdir: %m");
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

static bool is_waiting(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	return poll(&p, 1, 0) == 1;
}

static void check_name(const char *who, int fd, bool of_peer)
{
	struct sockaddr_un addr, is = {};
	socklen_t len = unix_address(&addr, NAME), n = sizeof(is);
	int rc = of_peer ? getpeername(fd, (void *)&is, &n) : getsockname(fd, (void *)&is, &n);

	subject_check(rc == 0 && n == len && !strcmp(is.sun_path, NAME), "%s: `%s'", who, is.sun_path);
}

int main(void)
{
	int first = bind_in("first", SOCK_STREAM), second = bind_in("second", SOCK_STREAM);
	int receiver = bind_in("third", SOCK_DGRAM), client, conn;
	char c = 0;

	client = reach("first/" NAME, SOCK_STREAM);
	conn = accept(first, NULL, NULL);
	/* A path that is relative to a directory which has another name by now. */
	subject_need(rename("second", "renamed") == 0, "rename: %m");
	subject_need(mkdir("elsewhere", 0755) == 0 && chdir("elsewhere") == 0, "elsewhere: %m");
	subject_ready();
	subject_wait_restored();

	check_name("first", first, false);
	check_name("second", second, false);
	check_name("third", receiver, false);
	check_name("client", client, true);
	check_name("accepted", conn, false);
	subject_check(write(client, "x", 1) == 1 && read(conn, &c, 1) == 1 && c == 'x', "client: %m");
	reach("../first/" NAME, SOCK_STREAM);
	subject_check(is_waiting(first) && !is_waiting(second), "a client of the first");
	subject_check(accept(first, NULL, NULL) >= 0, "accept: %m");
	reach("../renamed/" NAME, SOCK_STREAM);
	subject_check(is_waiting(second) && !is_waiting(first), "a client of the second");
	client = reach("../third/" NAME, SOCK_DGRAM);
	subject_check(write(client, "y", 1) == 1 && recv(receiver, &c, 1, MSG_DONTWAIT) == 1 && c == 'y',
		      "a sender to the third: %m");
	subject_check(access(NAME, F_OK) < 0 && access("../" NAME, F_OK) < 0, "it lies elsewhere, too");
	return subject_end();
}
