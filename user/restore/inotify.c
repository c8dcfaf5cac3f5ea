// SPDX-License-Identifier: GPL-2.0-only
#include "restore/inotify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fsnotify.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "restore/inotify-event.h"
#include "restore/restore.h"
#include "unixsk.h"

#ifndef INOTIFY_IOC_SETNEXTWD
#define INOTIFY_IOC_SETNEXTWD _IOW('I', 0, __s32)
#endif

#define FILLER_WD INT_MAX /* no event bears it */
#define FILLER    "filler"
#define QUEUE_MAX (1 << 22) /* a longer queue would take too long to fill */
#define EVENT     sizeof(struct inotify_event)
#define READ_MAX  4096 /* events without a name at a time */

/* What the child is to do, and what came of it. */
struct refill {
	int fd;
	const InotifyFileEntry *ify;
	char text[160]; /* what failed */
};

static int failed(struct refill *job, const char *what)
{
	int code = errno ? -errno : -EIO;

	snprintf(job->text, sizeof(job->text), "%s", what);
	return code;
}

/* Enters a file system that only this process has. */
static int enter_scratch(struct refill *job)
{
	int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), mount = -1, ret = 0;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		ret = failed(job, "cannot make a file system for its events");
	if (!ret)
		mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (!ret && (mount < 0 || fchdir(mount)))
		ret = failed(job, "cannot mount a file system for its events");
	/* Descriptors are shared with the parent: leave none. */
	if (mount >= 0)
		close(mount);
	if (fs >= 0)
		close(fs);
	return ret;
}

static int queued(const struct refill *job)
{
	int bytes = -1;

	return ioctl(job->fd, FIONREAD, &bytes) ? -1 : bytes;
}

/* Two events, unlike each other: of two that are equal the second one is dropped. */
static int add_filler(struct refill *job)
{
	int fd = open(FILLER, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return failed(job, "cannot open a file to fill its queue");
	close(fd);
	return 0;
}

static int read_capacity(struct refill *job, int *ret)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");

	if (!f || fscanf(f, "%d", ret) != 1)
		return failed(job, "cannot read fs.inotify.max_queued_events");
	errno = EFBIG;
	return *ret > QUEUE_MAX ? failed(job, "fs.inotify.max_queued_events is too large") : 0;
}

/* Until no event is taken any more: the last one says so. (FIONREAD counts them one by one.) */
static int fill(struct refill *job, int *ret_capacity)
{
	int ret = read_capacity(job, ret_capacity);

	if (ret)
		return ret;
	if (mknod(FILLER, S_IFREG | 0600, 0) || ioctl(job->fd, INOTIFY_IOC_SETNEXTWD, FILLER_WD) ||
	    inotify_add_watch(job->fd, FILLER, IN_OPEN | IN_CLOSE_NOWRITE) < 0)
		return failed(job, "cannot watch a file to fill its queue");
	for (int i = 0; i < *ret_capacity / 2 + 2 && !ret; i++)
		ret = add_filler(job);
	if (ret)
		return ret;
	errno = EAGAIN;
	if (queued(job) != (*ret_capacity + 1) * (int)EVENT)
		return failed(job, "its queue has another size than fs.inotify.max_queued_events");
	/* Its end is an event that finds no room. */
	if (inotify_rm_watch(job->fd, FILLER_WD))
		return failed(job, "cannot end the filling of its queue");
	return 0;
}

/* Reads @n events, which have no names. *@ret_last is the last of them. */
static int discard(struct refill *job, int n, struct inotify_event *ret_last)
{
	struct inotify_event *events = malloc(READ_MAX * EVENT);
	int ret = 0;

	if (!events)
		return -ENOMEM;
	while (n > 0 && !ret) {
		size_t want = n < READ_MAX ? (size_t)n : READ_MAX;
		ssize_t got = read(job->fd, events, want * EVENT);

		if (got <= 0 || got % (ssize_t)EVENT) {
			ret = failed(job, "cannot empty its queue");
		} else {
			n -= (int)(got / (ssize_t)EVENT);
			*ret_last = events[got / (ssize_t)EVENT - 1];
		}
	}
	free(events);
	return ret;
}

static int cause_events(struct refill *job, struct event_scene *scene)
{
	const InotifyFileEntry *ify = job->ify;

	for (size_t i = 0; i < ify->n_event; i++) {
		int ret = event_cause(scene, ify->event, ify->n_event, i);

		if (ret) {
			errno = -ret;
			snprintf(job->text, sizeof(job->text),
				 "cannot cause event %zu (watch %d, mask %#x)", i,
				 ify->event[i]->wd, ify->event[i]->mask);
			return ret;
		}
	}
	return 0;
}

/* Bytes that the events take in the queue. */
static size_t queue_size(const InotifyFileEntry *ify)
{
	size_t size = 0;

	for (size_t i = 0; i < ify->n_event; i++) {
		size_t name = ify->event[i]->has_name ? ify->event[i]->name.len : 0;

		size += EVENT + (name ? (name + 1 + EVENT - 1) / EVENT * EVENT : 0);
	}
	return size;
}

static int refill(void *data)
{
	struct refill *job = data;
	int wanted = (int)job->ify->n_event, capacity = 0, ret;
	struct event_scene scene = {.fd = job->fd};
	struct inotify_event last = {0};

	ret = enter_scratch(job) ?: fill(job, &capacity);
	if (!ret && wanted >= capacity) {
		errno = ENOSPC;
		ret = failed(job, "fs.inotify.max_queued_events is too small for its events");
	}
	/* Room for those wanted; the overflow takes one place. */
	ret = ret ?: discard(job, wanted + 1, &last);
	ret = ret ?: cause_events(job, &scene);
	/* It is full again. */
	event_scene_end(&scene);
	ret = ret ?: discard(job, capacity - wanted, &last);
	errno = 0;
	if (!ret && (!(last.mask & IN_Q_OVERFLOW) || queued(job) != (int)queue_size(job->ify)))
		ret = failed(job, "its events were not queued as they were");
	return ret;
}

int inotify_queue_events(struct restore *r, int fd, const InotifyFileEntry *ify, uint32_t *ret_next)
{
	const struct identity myself = {.uid = (uid_t)-1};
	struct refill job = {.fd = fd, .ify = ify};
	int flags, ret;

	if (!ify->n_event)
		return 0;
	/* Reading what is not there must not hang. */
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return fail(r->err, errno, "cannot set its flags");
	ret = run_as(r, &myself, refill, &job, sizeof(job));
	if (fcntl(fd, F_SETFL, flags) && !ret)
		return fail(r->err, errno, "cannot set its flags");
	*ret_next = 0;
	return ret ? fail(r->err, ret, "%s", *job.text ? job.text : "cannot queue its events") : 0;
}

int inotify_set_next(int fd, uint32_t wd, struct error *err)
{
	if (!ioctl(fd, INOTIFY_IOC_SETNEXTWD, (int)wd))
		return 0;
	fail(err, errno, "cannot choose %u as the number of a watch", wd);
	if (err->code == -ENOTTY)
		fail_hint(err, "the kernel needs CONFIG_CHECKPOINT_RESTORE");
	return err->code;
}

bool inotify_can_queue(uint32_t mask, size_t name_size)
{
	return event_action(mask, name_size) != NULL;
}

int inotify_check_event(const InotifyEventEntry *event, struct error *err)
{
	size_t n = event->has_name ? event->name.len : 0;
	const char *name = (const char *)event->name.data;

	if (event->wd < 1 || event->wd == FILLER_WD || !inotify_can_queue(event->mask, n))
		return fail(err, 0, "no event of watch %d has mask %#x", event->wd, event->mask);
	if (n > NAME_MAX || (n && (memchr(name, 0, n) || memchr(name, '/', n))) ||
	    (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
		return fail(err, 0, "an event of watch %d names no file", event->wd);
	return 0;
}
