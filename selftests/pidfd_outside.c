// SPDX-License-Identifier: GPL-2.0-only
/* A pidfd of a process that is not part of the tree, as --external allows it: it is still the same. */
#include "pidfd_test.h"

int main(void)
{
	pid_t parent = getppid();
	int fd = pidfd_open_(parent, PIDFD_NONBLOCK), ep = epoll_create1(0);
	char options[64];
	ino_t ino;

	if (fd < 0)
		subject_skip("pidfd_open: %s", strerror(errno));
	ino = inode_of(fd);
	watch(ep, fd, EPOLLIN, 1);
	snprintf(options, sizeof(options), "--external pidfd[%d]", parent);
	subject_options(options);
	subject_ready();
	subject_wait_restored();

	subject_check(pidfd_target(fd) == parent, "it points at %d", pidfd_target(fd));
	subject_check(inode_of(fd) == ino, "it is another process");
	subject_check(pidfd_signal_(fd, 0) == 0 && pidfd_events(fd) == 0, "it has ended");
	subject_check(fcntl(fd, F_GETFL) & O_NONBLOCK, "it is blocking");
	subject_check(watched(ep, 0) == 0, "there is an event");
	return subject_end();
}
