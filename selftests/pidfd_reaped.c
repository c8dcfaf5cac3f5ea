// SPDX-License-Identifier: GPL-2.0-only
/*
 * pidfds of tasks that were reaped: they say so to poll, waitid and pidfd_send_signal; those of one
 * task are told from those of another. One is watched by epoll, one is shared with a child.
 */
#include "pidfd_test.h"

static void expect_reaped(const char *who, int fd, int events)
{
	siginfo_t info;

	subject_check(pidfd_target(fd) == -1, "%s: points at %d", who, pidfd_target(fd));
	subject_check(pidfd_events(fd) == events, "%s: events are %x, not %x", who, pidfd_events(fd),
		      events);
	subject_check(waitid(P_PIDFD, fd, &info, WEXITED) < 0 && errno == ECHILD, "%s: waitid: %m",
		      who);
	subject_check(pidfd_signal_(fd, 0) < 0 && errno == ESRCH, "%s: pidfd_send_signal: %m", who);
}

static pid_t make_child(int fd, int events)
{
	pid_t pid = subject_fork();

	if (pid)
		return pid;
	subject_wait_restored();
	expect_reaped("inherited", fd, events);
	_exit(0);
}

int main(void)
{
	int again, first = make_reaped(42, 0, PIDFD_NONBLOCK, &again), copy = dup(again);
	int killed = make_reaped(0, SIGKILL, 0, NULL), ep = epoll_create1(0);
	int events = pidfd_events(first);
	pid_t child;

	watch(ep, again, EPOLLIN, 21);
	subject_need(events & POLLIN, "events are %x", events);
	child = make_child(killed, events);
	subject_ready();
	subject_wait_restored();

	expect_reaped("first", first, events);
	expect_reaped("again", again, events);
	expect_reaped("killed", killed, events);
	subject_check(fcntl(first, F_GETFL) & O_NONBLOCK, "it is blocking");
	subject_check(!(fcntl(again, F_GETFL) & O_NONBLOCK), "another is not blocking");
	subject_check(inode_of(first) == inode_of(again) && inode_of(again) == inode_of(copy),
		      "the same task is two");
	subject_check(!is_pidfs(again) || inode_of(again) != inode_of(killed),
		      "two tasks are the same");
	subject_check(watched(ep, 0) == 21, "its end is not seen");
	subject_check(subject_reap(child) == 0, "the child failed");
	return subject_end();
}
