// SPDX-License-Identifier: GPL-2.0-only
/*
 * POSIX locks of a descriptor table that two processes share (CLONE_FILES), taken by the second;
 * several ranges of one file, up to its end; a process that inherited the file has none of them.
 * Needs --file-locks.
 */
#include "subject.h"

#include <sched.h>

static int lock(int fd, int cmd, int type, off_t start, off_t len)
{
	struct flock range = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, cmd, &range);
}

/* What a process outside of the table meets at @start: type, and in @owner who holds it. */
static int met(int fd, off_t start, pid_t *owner)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};
	volatile int *seen = subject_shared(4096);
	pid_t child = subject_fork();

	if (child == 0) {
		seen[0] = fcntl(fd, F_GETLK, &range) < 0 ? -1 : range.l_type;
		seen[1] = range.l_pid;
		_exit(0);
	}
	subject_reap(child);
	*owner = seen[1];
	return seen[0];
}

static int sharer(void *arg)
{
	int fd = *(int *)arg;

	if (lock(fd, F_SETLK, F_WRLCK, 10, 5) || lock(fd, F_SETLK, F_RDLCK, 100, 0))
		return 1;
	for (;;)
		pause();
}

int main(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int fd = open("file", O_RDWR | O_CREAT, 0600);
	pid_t child, owner;

	subject_options("--file-locks");
	subject_need(fd >= 0 && lock(fd, F_SETLK, F_WRLCK, 0, 2) == 0, "file: %m");
	child = clone(sharer, stack + sizeof(stack), CLONE_FILES | SIGCHLD, &fd);
	subject_need(child > 0, "clone: %m");
	subject_await(met(fd, 200, &owner) == F_RDLCK);
	subject_ready();
	subject_wait_restored();

	subject_check(met(fd, 1, &owner) == F_WRLCK && owner == getpid(), "0 to 1: held by %d", owner);
	subject_check(met(fd, 2, &owner) == F_UNLCK, "2 is locked by %d", owner);
	subject_check(met(fd, 9, &owner) == F_UNLCK, "9 is locked by %d", owner);
	subject_check(met(fd, 10, &owner) == F_WRLCK && owner == child, "10: held by %d", owner);
	subject_check(met(fd, 14, &owner) == F_WRLCK && owner == child, "14: held by %d", owner);
	subject_check(met(fd, 15, &owner) == F_UNLCK, "15 is locked by %d", owner);
	subject_check(met(fd, 1LL << 40, &owner) == F_RDLCK && owner == child, "end: held by %d", owner);
	subject_check(lock(fd, F_SETLK, F_WRLCK, 12, 1) == 0, "the table does not own its lock: %m");
	kill(child, SIGKILL);
	subject_check(subject_reap(child) == SIGKILL, "no child");
	return subject_end();
}
