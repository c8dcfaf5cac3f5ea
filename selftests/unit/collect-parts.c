// SPDX-License-Identifier: GPL-2.0-only
/* Parts of descriptors: what an epoll watches, and locks. */

#include "collected.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>

static struct collected collect_self(void)
{
	return collect(getpid(), COLLECT_FILES | COLLECT_TASKS | COLLECT_RUNNING);
}

TEST(epoll_items)
{
	int ep = epoll_create1(0), fds[300], target;
	struct epoll_event event;
	const struct file_record *f;
	struct collected c;
	bool seen[300] = {};

	for (int i = 0; i < 300; i++) {
		fds[i] = eventfd(i, 0);
		event = (struct epoll_event){.events = EPOLLIN | (i % 2 ? EPOLLET : 0),
					     .data.u64 = 0x1234567800000000 + i};
		EXPECT_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &event), 0);
	}
	target = dup(fds[7]);
	close(fds[7]); /* stays watched, under a number that nobody has */
	c = collect_self();
	f = file_of(&c, ep);
	EXPECT_EQ(f->n_epoll, 300);
	EXPECT_EQ(f->head.part, 300);
	EXPECT_STREQ(f->anon_name, "eventpoll");
	for (int i = 0; i < 300; i++) {
		const struct epoll_record *e = part_of(&c, f, i);
		int n = (int)(e->data - 0x1234567800000000);

		EXPECT_EQ(e->head.type, RECORD_EPOLL_PART);
		EXPECT(n >= 0 && n < 300 && !seen[n]);
		seen[n] = true;
		EXPECT_EQ(e->fd, fds[n]);
		EXPECT_EQ(e->file, file_of(&c, n == 7 ? target : fds[n])->head.owner);
		EXPECT_EQ(e->events & ~(EPOLLERR | EPOLLHUP), EPOLLIN | (n % 2 ? EPOLLET : 0));
	}
}

TEST(locks)
{
	char path[] = "/tmp/collect-XXXXXX";
	int posix = mkstemp(path), ofd = open(path, O_RDWR), lease = open(path, O_RDONLY);
	int whole = open(path, O_RDWR), other = open(path, O_RDWR);
	struct flock region = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
	const struct lock_record *l;
	struct collected c;

	close(lease);
	unlink(path);
	EXPECT_EQ(fcntl(posix, F_SETLK, &region), 0);
	region = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 100};
	EXPECT_EQ(fcntl(ofd, F_OFD_SETLK, &region), 0);
	EXPECT_EQ(flock(whole, LOCK_SH), 0);
	c = collect_self();
	EXPECT_EQ(file_of(&c, other)->n_locks, 0);
	EXPECT_EQ(file_of(&c, posix)->n_locks, 1);
	l = part_of(&c, file_of(&c, posix), 0);
	EXPECT_EQ(l->class, LOCK_POSIX);
	EXPECT_EQ(l->type, F_WRLCK);
	EXPECT_EQ(l->start, 10);
	EXPECT_EQ(l->end, 14);
	EXPECT_EQ(l->pid, getpid());
	l = part_of(&c, file_of(&c, ofd), 0);
	EXPECT_EQ(l->class, LOCK_OFD);
	EXPECT_EQ(l->type, F_RDLCK);
	EXPECT_EQ(l->start, 100);
	EXPECT_EQ(l->end, LLONG_MAX);
	l = part_of(&c, file_of(&c, whole), 0);
	EXPECT_EQ(l->class, LOCK_FLOCK);
	EXPECT_EQ(l->type, F_RDLCK);
}

TEST(lease)
{
	char path[] = "/tmp/collect-XXXXXX";
	int fd = mkstemp(path);
	const struct lock_record *l;
	struct collected c;

	unlink(path);
	if (fcntl(fd, F_SETLEASE, F_WRLCK))
		SKIP("no leases on this file system");
	c = collect_self();
	EXPECT_EQ(file_of(&c, fd)->n_locks, 1);
	l = part_of(&c, file_of(&c, fd), 0);
	EXPECT_EQ(l->class, LOCK_LEASE);
	EXPECT_EQ(l->type, F_WRLCK);
}
