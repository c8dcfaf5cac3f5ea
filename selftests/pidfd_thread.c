// SPDX-License-Identifier: GPL-2.0-only
/*
 * pidfds of threads (6.9): of one's own, of another process, of a leader; watched by epoll, which
 * sees the end of the thread and not of its process.
 */
#include "pidfd_test.h"

#include <pthread.h>

struct child {
	volatile pid_t tid;
	volatile int end_thread;
};

static void *run(void *arg)
{
	struct child *c = arg;

	c->tid = (pid_t)syscall(SYS_gettid);
	while (!c->end_thread)
		subject_sleep(1);
	return NULL;
}

static pid_t make_child(struct child *c)
{
	pid_t pid = subject_fork();
	pthread_t t;

	if (!pid) {
		subject_need(pthread_create(&t, NULL, run, c) == 0, "no thread");
		for (;;)
			pause();
	}
	subject_need(subject_await(c->tid), "no thread");
	return pid;
}

static void expect_thread(const char *who, int fd, pid_t tid)
{
	subject_check(pidfd_target(fd) == tid, "%s: points at %d, not %d", who, pidfd_target(fd), tid);
	subject_check(fcntl(fd, F_GETFL) & PIDFD_THREAD, "%s: is no pidfd of a thread", who);
	subject_check(pidfd_events(fd) == 0, "%s: events are %x", who, pidfd_events(fd));
}

int main(void)
{
	struct child *own = subject_shared(4096), *other = own + 1;
	int ep = epoll_create1(0), leader, mine, theirs, process;
	pthread_t t;
	pid_t pid;

	leader = pidfd_open_(getpid(), PIDFD_THREAD);
	if (leader < 0)
		subject_skip("pidfds of threads: %s", strerror(errno));
	pid = make_child(other);
	subject_need(pthread_create(&t, NULL, run, own) == 0 && subject_await(own->tid), "no thread");
	mine = pidfd_open_(own->tid, PIDFD_THREAD | PIDFD_NONBLOCK);
	theirs = pidfd_open_(other->tid, PIDFD_THREAD);
	process = pidfd_open_(pid, 0);
	subject_need(mine >= 0 && theirs >= 0 && process >= 0, "pidfd_open: %m");
	watch(ep, mine, EPOLLIN, 1);
	watch(ep, theirs, EPOLLIN, 2);
	watch(ep, process, EPOLLIN, 3);
	subject_ready();
	subject_wait_restored();

	expect_thread("leader", leader, getpid());
	expect_thread("mine", mine, own->tid);
	expect_thread("theirs", theirs, other->tid);
	subject_check(fcntl(mine, F_GETFL) & O_NONBLOCK, "it is blocking");
	subject_check(watched(ep, 0) == 0, "there is an event");
	other->end_thread = 1;
	subject_check(watched(ep, 10000) == 2, "the end of their thread is not seen");
	subject_need(epoll_ctl(ep, EPOLL_CTL_DEL, theirs, NULL) == 0, "epoll_ctl: %m");
	own->end_thread = 1;
	subject_check(watched(ep, 10000) == 1, "the end of mine is not seen");
	subject_check(pidfd_events(process) == 0, "the process has ended");
	kill(pid, SIGKILL);
	subject_reap(pid);
	pthread_join(t, NULL);
	return subject_end();
}
