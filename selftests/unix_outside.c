// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets whose other side is not part of the tree. Run by cases/unix_outside.py, with the type,
 * "dgram" or "stream", and the names to connect with; "@" stands for an abstract one.
 */
#include "subject.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char **argv)
{
	int type = strcmp(argv[1], "dgram") ? SOCK_STREAM : SOCK_DGRAM, n = argc - 2, fds[8];

	for (int i = 0; i < n; i++) {
		const char *name = argv[i + 2];
		struct sockaddr_un addr = {.sun_family = AF_UNIX};
		socklen_t len = offsetof(struct sockaddr_un, sun_path) + strlen(name) + (*name != '@');

		strcpy(addr.sun_path, name);
		if (*name == '@')
			addr.sun_path[0] = 0;
		fds[i] = socket(AF_UNIX, type, 0);
		subject_need(connect(fds[i], (void *)&addr, len) == 0, "connect %s: %m", name);
		subject_need(send(fds[i], "before", 6, 0) == 6, "send: %m");
	}
	subject_ready();
	subject_wait_restored();
	for (int i = 0; i < n; i++)
		subject_check(send(fds[i], "after", 5, MSG_NOSIGNAL) == 5, "send to %s: %m", argv[i + 2]);
	return subject_end();
}
