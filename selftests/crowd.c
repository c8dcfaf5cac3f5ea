// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine's load: `crowd N` makes N processes, each with 21 descriptors of the usual kinds.
 * Run by tools/bench-scan.
 */
#include "subject.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/* Three are open already. */
static void open_some(void)
{
	int ends[2];

	for (int i = 0; i < 8; i++)
		subject_need(open("/etc/passwd", O_RDONLY) >= 0, "open: %m");
	for (int i = 0; i < 2; i++)
		subject_need(pipe(ends) == 0, "pipe: %m");
	subject_need(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair: %m");
	subject_need(eventfd(1, 0) >= 0, "eventfd: %m");
	subject_need(timerfd_create(CLOCK_MONOTONIC, 0) >= 0, "timerfd: %m");
	subject_need(epoll_create1(0) >= 0, "epoll: %m");
	subject_need(open("/dev/zero", O_RDONLY) >= 0, "open: %m");
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1, ready[2];
	char byte;

	subject_need(pipe(ready) == 0, "pipe: %m");
	for (int i = 0; i < n; i++) {
		pid_t pid = subject_fork();

		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		open_some();
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	subject_need(read(ready[0], &byte, 1) == 0, "read: %m");	/* all have closed theirs */
	subject_ready();
	subject_wait_restored();
	return subject_end();
}
