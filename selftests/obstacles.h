/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_OBSTACLES_H
#define CRBPF_OBSTACLES_H

/*
 * Programs that make what cannot be carried, so that it is refused: run with names of obstacles,
 * with "flying_" before one in a queue; without, they list them. Beyond what it was asked for such
 * a program has nothing.
 */

#include "subject.h"

#include <sys/socket.h>

struct obstacle {
	const char *name;
	int (*make)(void); /* returns a descriptor, or 0 if it is none; -1 if this kernel lacks it */
};

#define FLYING "flying_"

/* Leaves @fd in a queue, where nobody has it open any more. Returns who could receive it. */
static int send_away(int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {"x", 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int pair[2];

	*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(int));
	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
	    write(pair[0], "plain", 5) != 5 || sendmsg(pair[0], &msg, 0) != 1)
		return -1;
	close(fd);
	return pair[1];
}

static __attribute__((unused)) int obstacles_main(const struct obstacle *obstacles, size_t n,
						   int argc, char **argv)
{
	for (size_t i = 0; i < n && argc == 1; i++)
		puts(obstacles[i].name);
	if (argc == 1)
		return 0;
	for (int a = 1; a < argc; a++) {
		bool is_flying = !strncmp(argv[a], FLYING, strlen(FLYING));

		for (size_t i = 0; i < n; i++) {
			int fd;

			if (strcmp(argv[a] + (is_flying ? strlen(FLYING) : 0), obstacles[i].name) != 0)
				continue;
			fd = obstacles[i].make();
			if (is_flying && fd > 0)
				fd = send_away(fd);
			if (fd < 0 && argc == 2)
				subject_skip("needs %s: %m", obstacles[i].name);
			if (fd >= 0)
				subject_say("made", "%s %d", obstacles[i].name, fd);
		}
	}
	subject_need(subject_told("made"), "none of them could be made");
	subject_ready();
	subject_wait_restored();
	return subject_end();
}

#endif
