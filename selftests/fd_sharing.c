// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who shares what: descriptions by dup and fork (one position), whole tables by CLONE_FILES,
 * and two opens of one file that share nothing.
 */
#include "subject.h"

#include <sched.h>

#define STACK (64 << 10)

struct shared {
	volatile int up, step, answer[8];
	volatile int new_fd;
};

static struct shared *shared;
static int fd, other_fd;

/* Shares all descriptors: what one opens, the other has. */
static int share_files(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&shared->up, 1, __ATOMIC_SEQ_CST);
	while (shared->step < 1)
		subject_sleep(1);
	shared->answer[0] = fcntl(shared->new_fd, F_GETFD) >= 0;
	shared->answer[1] = open("by-clone", O_RDWR | O_CREAT, 0600);
	_exit(0);
}

static void share_description(void)
{
	char buf[4];

	__atomic_add_fetch(&shared->up, 1, __ATOMIC_SEQ_CST);
	while (shared->step < 1)
		subject_sleep(1);
	shared->answer[2] = read(fd, buf, 4);
	/* It has closed this one, the parent has not. */
	shared->answer[3] = fcntl(other_fd, F_GETFD);
	_exit(0);
}

static pid_t cloned(int (*run)(void *), int flags)
{
	char *stack = malloc(STACK);
	pid_t pid;

	subject_need(stack, "malloc");
	pid = clone(run, stack + STACK, flags | SIGCHLD, NULL);
	subject_need(pid > 0, "clone: %m");
	return pid;
}

int main(void)
{
	int dup_fd, again_fd, status;
	pid_t pids[2];

	shared = subject_shared(sizeof(*shared));
	fd = open("file", O_RDWR | O_CREAT, 0644);
	subject_need(fd >= 0 && write(fd, "0123456789abcdef", 16) == 16, "write: %m");
	lseek(fd, 2, SEEK_SET);
	dup_fd = fcntl(fd, F_DUPFD_CLOEXEC, 20);
	again_fd = open("file", O_RDWR);
	other_fd = open("/dev/null", O_RDONLY);
	pids[0] = cloned(share_files, CLONE_FILES);
	pids[1] = subject_fork();
	if (pids[1] == 0) {
		close(other_fd);
		share_description();
	}
	subject_need(subject_await(shared->up == 2), "children do not come up");
	subject_ready();
	subject_wait_restored();

	shared->new_fd = open("by-parent", O_RDWR | O_CREAT, 0600);
	shared->step = 1;
	for (int i = 0; i < 2; i++) {
		status = subject_reap(pids[i]);
		subject_check(status == 0, "child %d ended with %x", i, status);
	}
	subject_check(shared->answer[0], "CLONE_FILES: the parent's new descriptor is not there");
	subject_check(fcntl(shared->answer[1], F_GETFD) >= 0, "CLONE_FILES: the child's is not here");
	subject_check(shared->answer[2] == 4, "fork: read returned %d", shared->answer[2]);
	subject_check(lseek(fd, 0, SEEK_CUR) == 6, "fork: position %ld, not 6", lseek(fd, 0, SEEK_CUR));
	subject_check(lseek(dup_fd, 0, SEEK_CUR) == 6, "dup: position %ld", lseek(dup_fd, 0, SEEK_CUR));
	subject_check(fcntl(dup_fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFD) == 0, "close-on-exec");
	subject_check(lseek(again_fd, 0, SEEK_CUR) == 0, "a second open shares the position");
	subject_check(shared->answer[3] < 0, "a descriptor that the child closed is back");
	subject_check(fcntl(other_fd, F_GETFD) == 0, "a descriptor of the parent is lost");
	return subject_end();
}
