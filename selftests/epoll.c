// SPDX-License-Identifier: GPL-2.0-only
/*
 * epoll: events, data and modes of its targets; an epoll in an epoll; two targets with one
 * number, one of which was closed but lives on in a duplicate; a one-shot that has fired.
 */
#include "subject.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

static void add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	subject_need(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl: %m");
}

/* Exactly one event, with @data. */
static void expect(const char *who, int ep, uint32_t events, uint64_t data)
{
	struct epoll_event event[4] = {};
	int n = epoll_wait(ep, event, 4, 0);

	subject_check(n == 1 && event[0].data.u64 == data && event[0].events == events,
		      "%s: %d events; the first is %x of %llx", who, n, event[0].events,
		      (unsigned long long)event[0].data.u64);
}

static void expect_none(const char *who, int ep)
{
	struct epoll_event event;
	int n = epoll_wait(ep, &event, 1, 0);

	subject_check(n == 0, "%s: %d events", who, n);
}

int main(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC), inner = epoll_create1(0), outer = epoll_create1(0);
	int a = eventfd(0, 0), b = eventfd(0, 0), edge = eventfd(1, 0), once = eventfd(1, 0);
	int edge_ep = epoll_create1(0), once_ep = epoll_create1(0), gone_ep = epoll_create1(0);
	int gone = eventfd(0, 0), kept = dup(gone), reused, pair[2];
	struct epoll_event event;
	eventfd_t count;

	add(ep, a, EPOLLIN, 0x1122334455667788);
	add(ep, b, EPOLLIN | EPOLLPRI, 2);
	add(inner, a, EPOLLIN, 3);
	add(outer, inner, EPOLLIN, 4);
	add(edge_ep, edge, EPOLLIN | EPOLLET, 5);
	add(once_ep, once, EPOLLIN | EPOLLONESHOT, 6);
	subject_need(epoll_wait(once_ep, &event, 1, 0) == 1, "the one-shot does not fire");
	/* Its number is closed and used again, but the description lives and is still watched. */
	add(gone_ep, gone, EPOLLIN, 7);
	close(gone);
	subject_need(pipe(pair) == 0 && pair[0] == gone, "pipe: %m");
	reused = pair[0];
	add(gone_ep, reused, EPOLLIN, 8);
	subject_ready();
	subject_wait_restored();

	expect_none("level", ep);
	expect_none("nested", outer);
	eventfd_write(a, 1);
	expect("level", ep, EPOLLIN, 0x1122334455667788);
	expect("level, again", ep, EPOLLIN, 0x1122334455667788);
	expect("nested", outer, EPOLLIN, 4);
	expect("inner", inner, EPOLLIN, 3);
	eventfd_read(a, &count);
	expect_none("level, read", ep);
	eventfd_write(b, 1);
	expect("second target", ep, EPOLLIN, 2);
	eventfd_write(edge, 1);
	expect("edge", edge_ep, EPOLLIN, 5);
	expect_none("edge, again", edge_ep);
	expect_none("one-shot", once_ep);
	eventfd_write(kept, 1);
	expect("closed but alive", gone_ep, EPOLLIN, 7);
	eventfd_read(kept, &count);
	subject_check(write(pair[1], "x", 1) == 1, "write: %m");
	expect("number used again", gone_ep, EPOLLIN, 8);
	subject_check(fcntl(ep, F_GETFD) == FD_CLOEXEC, "close-on-exec is lost");
	return subject_end();
}
