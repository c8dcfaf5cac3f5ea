// SPDX-License-Identifier: GPL-2.0-only
/*
 * epoll, what an item has told already: edges that were seen are not told again, those that were
 * not are; a one-shot that has fired stays silent also when its target hangs up, and can be armed
 * again; exclusive and wake-up modes; two epolls in one another; targets that become ready last at
 * restore (a timer with unread expiries, inotify with unread events).
 */
#include "subject.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

static int add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	subject_need(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl: %m");
	return fd;
}

/* One bit for the data of each event. */
static uint64_t told(int ep)
{
	struct epoll_event event[16] = {};
	int n = epoll_wait(ep, event, 16, 0);
	uint64_t all = 0;

	for (int i = 0; i < n; i++)
		all |= 1ull << event[i].data.u64;
	return all;
}

static void expect(const char *who, int ep, uint64_t want)
{
	uint64_t got = told(ep);

	subject_check(got == want, "%s: events of %llx, not %llx", who, (unsigned long long)got,
		      (unsigned long long)want);
}

static int make_timer(void)
{
	struct itimerspec soon = {.it_value.tv_nsec = 1000000};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	subject_need(fd >= 0 && timerfd_settime(fd, 0, &soon, NULL) == 0, "timerfd: %m");
	subject_need(poll(&p, 1, 10000) == 1, "the timer does not expire");
	return fd;
}

static int make_inotify(void)
{
	int fd = inotify_init1(IN_CLOEXEC);

	mkdir("dir", 0700);
	subject_need(fd >= 0 && inotify_add_watch(fd, "dir", IN_CREATE) == 1, "inotify: %m");
	mkdir("dir/seen", 0700);
	return fd;
}

int main(void)
{
	int seen = epoll_create1(0), unseen = epoll_create1(0), once = epoll_create1(0);
	int outer = epoll_create1(0), modes = epoll_create1(0), a, b, hup[2], alarm;
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 1};
	uint64_t count;

	/* Told, and not told yet. */
	a = add(seen, eventfd(1, 0), EPOLLIN | EPOLLET, 1);
	add(seen, make_timer(), EPOLLIN | EPOLLET, 2);
	add(seen, make_inotify(), EPOLLIN | EPOLLET, 3);
	add(seen, eventfd(0, 0), EPOLLIN | EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE, 4);
	subject_need(told(seen) == 0x1e, "no edges");
	add(seen, a = dup(a), EPOLLIN | EPOLLET, 5);
	b = add(unseen, eventfd(1, 0), EPOLLIN | EPOLLET, 1);
	add(unseen, eventfd(0, 0), EPOLLIN | EPOLLET, 2);
	/* An epoll that has something to tell, in one to which that was told. */
	add(outer, unseen, EPOLLIN | EPOLLET, 1);
	subject_need(told(outer) == 2, "no edge of the inner one");
	/* Fired: one has hung up since. */
	subject_need(pipe(hup) == 0 && write(hup[1], "x", 1) == 1, "pipe: %m");
	add(once, hup[0], EPOLLIN | EPOLLONESHOT, 1);
	add(once, eventfd(1, 0), EPOLLIN | EPOLLONESHOT | EPOLLET, 2);
	subject_need(told(once) == 6, "no shots");
	add(once, eventfd(1, 0), EPOLLIN | EPOLLONESHOT, 3);
	close(hup[1]);
	alarm = eventfd(0, 0);
	add(modes, alarm, EPOLLIN | EPOLLEXCLUSIVE, 1);
	add(modes, dup(alarm), EPOLLIN | EPOLLWAKEUP, 2);
	subject_ready();
	subject_wait_restored();

	expect("outer", outer, 0);
	expect("seen", seen, 1 << 5);
	expect("seen, again", seen, 0);
	expect("unseen", unseen, 1 << 1);
	expect("unseen, again", unseen, 0);
	eventfd_write(a, 1);
	expect("a new edge", seen, 1 << 1 | 1 << 5);
	eventfd_write(b, 1);
	expect("a new edge of the inner one", outer, 1 << 1);
	expect("one-shots", once, 1 << 3);
	expect("one-shots, again", once, 0);
	subject_check(epoll_ctl(once, EPOLL_CTL_MOD, hup[0], &event) == 0, "epoll_ctl: %m");
	expect("armed again", once, 1 << 1);
	expect("modes", modes, 0);
	eventfd_write(alarm, 1);
	expect("modes, ready", modes, 1 << 1 | 1 << 2);
	eventfd_read(alarm, &count);
	expect("modes, read", modes, 0);
	return subject_end();
}
