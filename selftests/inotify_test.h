/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_INOTIFY_TEST_H
#define CRBPF_SELFTESTS_INOTIFY_TEST_H

/* What the subjects with inotify share. */

#include "subject.h"

#include <sys/inotify.h>
#include <sys/ioctl.h>

static inline int watch_path(int fd, const char *path, uint32_t mask)
{
	int wd = inotify_add_watch(fd, path, mask);

	subject_need(wd > 0, "inotify_add_watch %s: %m", path);
	return wd;
}

/* Uses up the number that the next watch would have had, and leaves no event of that. */
static inline void skip_number(int fd)
{
	char room[4096];

	mkdir("used", 0700);
	subject_need(inotify_rm_watch(fd, watch_path(fd, "used", IN_CREATE)) == 0 &&
			     read(fd, room, sizeof(room)) == sizeof(struct inotify_event),
		     "inotify_rm_watch: %m");
}

static inline int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	subject_need(fd >= 0, "open %s: %m", path);
	return fd;
}

static inline void touch(const char *path)
{
	close(make_file(path));
}

/* The next event is this one. */
static inline void expect(int fd, int wd, uint32_t mask, const char *name)
{
	_Alignas(struct inotify_event) char room[4096] = "";
	struct inotify_event *e = (void *)room;
	size_t size = sizeof(*e) + (name ? (strlen(name) + 16) / 16 * 16 : 0);
	ssize_t n = read(fd, room, size);

	subject_check(n == (ssize_t)size && e->wd == wd && e->mask == mask &&
			      (!name || !strcmp(e->name, name)),
		      "%zd bytes, watch %d, mask %x, name %s; not %zu, %d, %x, %s", n, e->wd,
		      e->mask, n > (ssize_t)sizeof(*e) ? e->name : "", size, wd, mask,
		      name ? name : "");
}

static inline void expect_none(int fd)
{
	char room[4096];

	subject_check(read(fd, room, sizeof(room)) < 0 && errno == EAGAIN, "an event is left");
}

#endif
