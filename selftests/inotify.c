// SPDX-License-Identifier: GPL-2.0-only
/*
 * inotify: watches keep their numbers (with gaps) and masks, on files and directories, on what was
 * renamed since, on a mount point, on tmpfs; shared with a child; watched by epoll.
 */
#include "inotify_test.h"

#include <sys/epoll.h>

static pid_t make_child(int fd, int file)
{
	pid_t pid = subject_fork();

	if (pid)
		return pid;
	subject_wait_restored();
	_exit(inotify_add_watch(fd, "renamed", IN_MODIFY | IN_MOVE_SELF) != file);
}

int main(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), ep = epoll_create1(0), file, dir, in_shm;
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 5};
	char shm[64];
	pid_t child;

	if (fd < 0)
		subject_skip("inotify_init1: %s", strerror(errno));
	mkdir("dir", 0700);
	mkdir("dir/a b", 0700);
	touch("file");
	snprintf(shm, sizeof(shm), "/dev/shm/crbpf-inotify-%d", getpid());
	subject_say("elsewhere", "%s", shm);
	mkdir(shm, 0700);
	file = watch_path(fd, "file", IN_MODIFY | IN_ATTRIB);
	skip_number(fd);
	dir = watch_path(fd, "dir/a b", IN_CREATE | IN_DELETE | IN_MOVED_FROM);
	in_shm = watch_path(fd, shm, IN_CREATE);
	skip_number(fd);
	watch_path(fd, "/", IN_MOVE_SELF);
	/* Both are known by other names later. */
	rename("file", "renamed");
	rename("dir/a b", "dir/ä");
	subject_need(file == 1 && dir == 3 && in_shm == 4, "watches %d %d %d", file, dir, in_shm);
	expect_none(fd);
	subject_need(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl: %m");
	child = make_child(fd, file);
	subject_ready();
	subject_wait_restored();

	subject_check(subject_reap(child) == 0, "the child does not have the same one");
	expect_none(fd);
	subject_check(epoll_wait(ep, &event, 1, 0) == 0, "there is an event");
	touch("dir/ä/new");
	subject_check(epoll_wait(ep, &event, 1, 0) == 1 && event.data.u64 == 5, "no event");
	rename("dir/ä/new", "dir/old");
	expect(fd, dir, IN_CREATE, "new");
	expect(fd, dir, IN_MOVED_FROM, "new");
	subject_check(truncate("renamed", 3) == 0, "truncate: %m");
	expect(fd, file, IN_MODIFY, NULL);
	rename("renamed", "again");
	expect(fd, file, IN_MOVE_SELF, NULL);
	snprintf(shm, sizeof(shm), "/dev/shm/crbpf-inotify-%d/x", getpid());
	touch(shm);
	expect(fd, in_shm, IN_CREATE, "x");
	unlink(shm);
	*strrchr(shm, '/') = 0;
	rmdir(shm);
	expect(fd, in_shm, IN_IGNORED, NULL);
	expect_none(fd);
	return subject_end();
}
