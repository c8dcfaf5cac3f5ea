// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event descriptors that wait in a Unix socket, and that nobody has open: pidfds of a child and of
 * one that was reaped, inotify with an unread event, a semaphore, an expired timer, a signalfd, and
 * an epoll file that watches one of them.
 */
#include "inotify_test.h"
#include "pidfd_test.h"

#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

enum { CHILD, REAPED, SEMAPHORE, SIGNALS, INOTIFY, TIMER, EPOLL, FDS };

/* CRIU does not find the others, nor what epoll watches, by numbers that nobody has. */
static int sent(void)
{
	return subject_through_criu() ? INOTIFY : FDS;
}

static void send_away(int to, const int fds[FDS])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS * sizeof(int))] = {0};
	struct iovec iov = {(char[]){"x"}, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = CMSG_SPACE(sent() * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	*c = (struct cmsghdr){CMSG_LEN(sent() * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(c), fds, sent() * sizeof(int));
	subject_need(sendmsg(to, &msg, MSG_DONTWAIT) == 1, "sendmsg: %m");
	for (int i = 0; i < FDS; i++)
		close(fds[i]);
}

static bool receive(int from, int fds[FDS])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS * sizeof(int))] = {0}, text;
	struct iovec iov = {&text, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c;

	if (recvmsg(from, &msg, MSG_DONTWAIT) != 1)
		return false;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_len != CMSG_LEN(sent() * sizeof(int)))
		return false;
	memcpy(fds, CMSG_DATA(c), sent() * sizeof(int));
	return true;
}

static int make_timer(void)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1000000};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	subject_need(fd >= 0 && timerfd_settime(fd, 0, &soon, NULL) == 0, "timerfd: %m");
	subject_need(poll(&p, 1, 10000) == 1, "the timer does not expire");
	return fd;
}

static int make_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK);
}

static void check(const int fds[FDS], pid_t child)
{
	struct signalfd_siginfo info = {};
	bool all = sent() == FDS;
	uint64_t count = 0;

	subject_check(pidfd_target(fds[CHILD]) == child, "pidfd of %d", pidfd_target(fds[CHILD]));
	subject_check(!all || watched(fds[EPOLL], 0) == 0, "epoll tells something");
	subject_check(pidfd_signal_(fds[CHILD], SIGKILL) == 0, "pidfd_send_signal: %m");
	subject_check(!all || watched(fds[EPOLL], 10000) == 9, "epoll does not tell its end");
	subject_reap(child);
	subject_check(pidfd_target(fds[REAPED]) == -1, "pidfd of %d", pidfd_target(fds[REAPED]));
	if (all) {
		expect(fds[INOTIFY], 1, IN_CREATE | IN_ISDIR, "first");
		expect_none(fds[INOTIFY]);
		mkdir("dir/second", 0700);
		expect(fds[INOTIFY], 1, IN_CREATE | IN_ISDIR, "second");
	}
	subject_check(read(fds[SEMAPHORE], &count, 8) == 8 && count == 1, "semaphore: %d", (int)count);
	subject_check(read(fds[SEMAPHORE], &count, 8) == 8 && count == 1, "semaphore: %d", (int)count);
	subject_check(read(fds[SEMAPHORE], &count, 8) < 0, "it was more than 2");
	subject_check(!all || (read(fds[TIMER], &count, 8) == 8 && count == 1), "timer: %d", (int)count);
	kill(getpid(), SIGUSR2);
	subject_check(read(fds[SIGNALS], &info, sizeof(info)) == sizeof(info) &&
			      info.ssi_signo == SIGUSR2,
		      "signal %u", info.ssi_signo);
}

int main(void)
{
	int fds[FDS], pair[2], self = pidfd_open_(getpid(), 0);
	pid_t child;

	if (self < 0)
		subject_skip("pidfd_open: %s", strerror(errno));
	close(self);
	subject_need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "socketpair: %m");
	child = subject_fork();
	if (!child)
		for (;;)
			pause();
	mkdir("dir", 0700);
	fds[CHILD] = pidfd_open_(child, 0);
	fds[REAPED] = make_reaped(1, 0, 0, NULL);
	fds[INOTIFY] = inotify_init1(IN_NONBLOCK);
	watch_path(fds[INOTIFY], "dir", IN_CREATE);
	mkdir("dir/first", 0700);
	fds[SEMAPHORE] = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
	fds[TIMER] = make_timer();
	fds[SIGNALS] = make_signals();
	fds[EPOLL] = epoll_create1(0);
	watch(fds[EPOLL], fds[CHILD], EPOLLIN, 9);
	send_away(pair[0], fds);
	subject_ready();
	subject_wait_restored();

	if (receive(pair[1], fds))
		check(fds, child);
	else
		subject_check(false, "there is no such message");
	return subject_end();
}
