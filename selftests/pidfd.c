// SPDX-License-Identifier: GPL-2.0-only
/*
 * pidfds of running tasks of the tree: itself, a child, the parent's, a grandchild, one that is
 * ended; shared by fork, by dup and by CLONE_FILES; non-blocking; watched by epoll.
 */
#include "pidfd_test.h"

#include <sched.h>

struct shared {
	volatile int grandchild;
	volatile int is_ready, is_done, end_child;
};

static void expect_alive(const char *who, int fd, pid_t pid)
{
	subject_check(pidfd_target(fd) == pid, "%s: points at %d, not %d", who, pidfd_target(fd), pid);
	subject_check(pidfd_events(fd) == 0, "%s: events are %x", who, pidfd_events(fd));
	subject_check(pidfd_signal_(fd, 0) == 0, "%s: pidfd_send_signal: %m", who);
}

/* Has a pidfd of its parent and, by inheritance, one of itself. */
static pid_t make_child(struct shared *s, int *self)
{
	pid_t pid = subject_fork(), parent, grandchild;
	int of_parent;

	if (pid) {
		*self = pidfd_open_(pid, 0);
		return pid;
	}
	parent = getppid();
	of_parent = pidfd_open_(parent, PIDFD_NONBLOCK);
	grandchild = subject_fork();
	if (!grandchild)
		for (;;)
			pause();
	s->grandchild = grandchild;
	s->is_ready = 1;
	subject_wait_restored();
	expect_alive("parent", of_parent, parent);
	subject_check(fcntl(of_parent, F_GETFL) & O_NONBLOCK, "it is blocking");
	kill(s->grandchild, SIGKILL);
	subject_reap(s->grandchild);
	s->is_done = 1;
	while (!s->end_child)
		subject_sleep(1);
	_exit(3);
}

static int idle(void *arg)
{
	int fd = *(int *)arg;

	subject_wait_restored();
	expect_alive("the one that shares descriptors", fd, getppid());
	_exit(pidfd_target(fd) != getppid());
}

/* One with the same descriptors. */
static pid_t make_sharer(int *fd)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid = clone(idle, stack + sizeof(stack), CLONE_FILES | SIGCHLD, fd);

	subject_need(pid > 0, "clone: %m");
	return pid;
}

static pid_t make_zombie(int *fd)
{
	pid_t pid = subject_fork();

	if (!pid)
		_exit(5);
	*fd = pidfd_open_(pid, 0);
	subject_need(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT) == 0, "waitid: %m");
	return pid;
}

static void check_zombie(int fd, pid_t pid)
{
	siginfo_t info = {};

	subject_check(pidfd_target(fd) == pid, "zombie: points at %d, not %d", pidfd_target(fd), pid);
	subject_check(pidfd_events(fd) & POLLIN, "zombie: events are %x", pidfd_events(fd));
	subject_check(pidfd_signal_(fd, 0) == 0, "zombie: pidfd_send_signal: %m");
	subject_check(waitid(P_PIDFD, fd, &info, WEXITED) == 0 && info.si_pid == pid &&
			      info.si_status == 5,
		      "zombie: waitid: %m, %d of %d", info.si_status, info.si_pid);
	subject_check(pidfd_signal_(fd, 0) < 0 && errno == ESRCH, "reaped: pidfd_send_signal: %m");
}

static void check_end(struct shared *s, int ep, int child, int block, pid_t pid)
{
	siginfo_t info = {};

	subject_check(watched(ep, 0) == 0, "there is an event");
	subject_check(waitid(P_PIDFD, block, &info, WEXITED) < 0 && errno == EAGAIN,
		      "non-blocking: waitid: %m");
	s->end_child = 1;
	subject_check(watched(ep, 10000) == 11, "its end is not seen");
	subject_check(waitid(P_PIDFD, child, &info, WEXITED) == 0 && info.si_pid == pid &&
			      info.si_status == 3,
		      "waitid: %m, %d of %d", info.si_status, info.si_pid);
	subject_check(pidfd_events(child) & POLLIN, "reaped: events are %x", pidfd_events(child));
}

int main(void)
{
	struct shared *s = subject_shared(4096);
	int self = pidfd_open_(getpid(), 0), ep, child, grandchild, again, zombie, nonblock;
	pid_t pid, dead, sharer;

	if (self < 0)
		subject_skip("pidfd_open: %s", strerror(errno));
	/* Made before what it watches: lower numbers come first at restore. */
	ep = epoll_create1(0);
	pid = make_child(s, &child);
	subject_need(subject_await(s->is_ready), "no child");
	grandchild = pidfd_open_(s->grandchild, 0);
	again = dup(grandchild);
	nonblock = pidfd_open_(pid, PIDFD_NONBLOCK);
	dead = make_zombie(&zombie);
	sharer = make_sharer(&self);
	watch(ep, child, EPOLLIN, 11);
	subject_ready();
	subject_wait_restored();

	expect_alive("itself", self, getpid());
	expect_alive("child", child, pid);
	subject_check(fcntl(child, F_GETFD) == FD_CLOEXEC, "close-on-exec is lost");
	check_zombie(zombie, dead);
	subject_check(subject_await(s->is_done), "the child is not ready");
	subject_check(pidfd_target(again) == -1 && pidfd_events(grandchild) & POLLIN,
		      "the grandchild's end: %d, %x", pidfd_target(again), pidfd_events(grandchild));
	check_end(s, ep, child, nonblock, pid);
	subject_check(subject_reap(sharer) == 0, "the one that shares descriptors failed");
	return subject_end();
}
