// SPDX-License-Identifier: GPL-2.0-only
#include "restore/inotify-event.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fsnotify.pb-c.h"
#include "lib/buf.h"

#ifndef INOTIFY_IOC_SETNEXTWD
#define INOTIFY_IOC_SETNEXTWD _IOW('I', 0, __s32)
#endif

#define QUIET   IN_UNMOUNT /* a mask that lets nothing of what is done here through */
#define ASIDE   "aside"    /* where things are moved to and from */
#define AT_ROOM (NAME_MAX + 32)
enum { WATCHED = 1, GONE };

/* One event to be caused. */
struct cause {
	struct event_scene *scene;
	InotifyEventEntry *const *events;
	size_t n, i;
	const InotifyEventEntry *event;
	bool is_dir;      /* what it happens to */
	char home[32];    /* what its watch is on */
	char at[AT_ROOM]; /* what it happens to: home, or a name in it */
};

struct event_action {
	uint32_t mask;
	enum { SELF = 1, NAMED = 2, DIR_TOO = 4 } of;
	int (*cause)(struct cause *c);
};

static int check(long result)
{
	return result < 0 ? -errno : 0;
}

/* --- the watches that stand for others --- */

/* A directory has children with names, or is called one. */
static bool stands_for_directory(const struct cause *c, int wd)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->events[i]->wd == wd &&
		    (c->events[i]->has_name || c->events[i]->mask & IN_ISDIR))
			return true;
	return false;
}

static void name_home(const struct cause *c, int wd, char home[static 32])
{
	snprintf(home, 32, "%c%d", stands_for_directory(c, wd) ? 'd' : 'f', wd);
}

static int make(const char *path, bool is_dir)
{
	return check(is_dir ? mkdir(path, 0700) : mknod(path, S_IFREG | 0600, 0));
}

static int set_mask(const struct cause *c, int wd, const char *home, uint32_t mask)
{
	int got = inotify_add_watch(c->scene->fd, home, mask | IN_DONT_FOLLOW);

	return got < 0 ? -errno : got != wd ? -EEXIST : 0;
}

static int watch_home(struct cause *c, int wd, const char *home)
{
	struct event_scene *scene = c->scene;
	int *slot, ret;

	if (ids_get(&scene->watched, (uint64_t)wd) == WATCHED)
		return 0;
	slot = array_add(scene->wds, scene->n_wds);
	if (!slot || ids_set(&scene->watched, (uint64_t)wd, WATCHED))
		return -ENOMEM;
	*slot = wd;
	ret = access(home, F_OK) ? make(home, home[0] == 'd') : 0;
	ret = ret ?: check(ioctl(scene->fd, INOTIFY_IOC_SETNEXTWD, wd));
	return ret ?: set_mask(c, wd, home, QUIET);
}

static int loud(const struct cause *c)
{
	return set_mask(c, c->event->wd, c->home, c->event->mask & IN_ALL_EVENTS);
}

static int quiet(const struct cause *c)
{
	return set_mask(c, c->event->wd, c->home, QUIET);
}

/* --- what happens to a file or directory that is there --- */

static int open_at(const struct cause *c, int flags)
{
	return open(c->at, flags | O_CLOEXEC | O_NOFOLLOW);
}

static int cause_open(struct cause *c)
{
	int ret = loud(c), fd = ret ? -1 : open_at(c, O_RDONLY);

	ret = ret ?: check(fd) ?: quiet(c);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int cause_close(struct cause *c)
{
	int fd = open_at(c, c->event->mask & IN_CLOSE_WRITE ? O_WRONLY : O_RDONLY);
	int ret = check(fd) ?: loud(c);

	if (fd >= 0)
		close(fd);
	return ret ?: quiet(c);
}

static int cause_access(struct cause *c)
{
	int fd = open_at(c, c->is_dir ? O_RDONLY | O_DIRECTORY : O_RDWR), ret = check(fd);
	char room[512] = "x";

	if (!ret && !c->is_dir)
		ret = check(pwrite(fd, room, 1, 0));
	ret = ret ?: loud(c);
	if (!ret)
		ret = check(c->is_dir ? syscall(SYS_getdents64, fd, room, sizeof(room))
				      : pread(fd, room, 1, 0));
	ret = ret ?: quiet(c);
	if (fd >= 0)
		close(fd);
	return ret;
}

static int cause_modify(struct cause *c)
{
	int fd = open_at(c, O_WRONLY);
	int ret = check(fd) ?: loud(c) ?: check(pwrite(fd, "x", 1, 0)) ?: quiet(c);

	if (fd >= 0)
		close(fd);
	return ret;
}

static int cause_attributes(struct cause *c)
{
	return loud(c) ?: check(chmod(c->at, 0700)) ?: quiet(c);
}

/* --- names that come and go --- */

static int remove_at(const struct cause *c)
{
	return check(c->is_dir ? rmdir(c->at) : unlink(c->at));
}

static int cause_create(struct cause *c)
{
	return loud(c) ?: make(c->at, c->is_dir) ?: quiet(c) ?: remove_at(c);
}

static int cause_delete(struct cause *c)
{
	return make(c->at, c->is_dir) ?: loud(c) ?: remove_at(c) ?: quiet(c);
}

/* The other side of a move, if it is to be seen, too. */
static const InotifyEventEntry *find_target(const struct cause *c, size_t *ret)
{
	for (size_t i = c->i + 1; i < c->n; i++) {
		const InotifyEventEntry *e = c->events[i];

		if (e->mask & IN_MOVED_TO && e->cookie == c->event->cookie && e->has_name &&
		    !c->scene->is_done[i]) {
			*ret = i;
			return e;
		}
	}
	return NULL;
}

static void name_at(char at[static AT_ROOM], const char *home, const InotifyEventEntry *event)
{
	snprintf(at, AT_ROOM, "%s/%.*s", home, (int)event->name.len, (char *)event->name.data);
}

/*
 * One move is two events, which share a cookie. Another's event that had come between them comes
 * behind: only by one rename do they get the same.
 */
static int cause_move(struct cause *c, const InotifyEventEntry *to)
{
	bool same = to->wd == c->event->wd;
	char home[32], at[AT_ROOM];
	int ret;

	name_home(c, to->wd, home);
	name_at(at, home, to);
	ret = watch_home(c, to->wd, home) ?: make(c->at, c->is_dir);
	if (!ret)
		ret = same ? set_mask(c, to->wd, home, IN_MOVED_FROM | IN_MOVED_TO) :
			     loud(c) ?: set_mask(c, to->wd, home, IN_MOVED_TO);
	ret = ret ?: check(rename(c->at, at)) ?: quiet(c) ?: set_mask(c, to->wd, home, QUIET);
	return ret ?: check(c->is_dir ? rmdir(at) : unlink(at));
}

static int cause_moved_from(struct cause *c)
{
	size_t i;
	const InotifyEventEntry *to = find_target(c, &i);
	int ret;

	if (to) {
		c->scene->is_done[i] = true;
		return cause_move(c, to);
	}
	ret = make(c->at, c->is_dir) ?: loud(c) ?: check(rename(c->at, ASIDE)) ?: quiet(c);
	return ret ?: check(c->is_dir ? rmdir(ASIDE) : unlink(ASIDE));
}

static int cause_moved_to(struct cause *c)
{
	return make(ASIDE, c->is_dir) ?: loud(c) ?: check(rename(ASIDE, c->at)) ?: quiet(c) ?:
	       remove_at(c);
}

/* --- what happens to the watch --- */

static int cause_move_self(struct cause *c)
{
	return loud(c) ?: check(rename(c->home, ASIDE)) ?:
	       set_mask(c, c->event->wd, ASIDE, QUIET) ?: check(rename(ASIDE, c->home));
}

/* That it ends comes with it. */
static int cause_delete_self(struct cause *c)
{
	size_t i = c->i + 1;
	int ret;

	while (i < c->n && (c->events[i]->wd != c->event->wd || !(c->events[i]->mask & IN_IGNORED)))
		i++;
	if (i == c->n)
		return -EINVAL;
	c->scene->is_done[i] = true;
	ret = loud(c) ?: check(c->home[0] == 'd' ? rmdir(c->home) : unlink(c->home));
	return ret ?: ids_set(&c->scene->watched, (uint64_t)c->event->wd, GONE);
}

static int cause_ignored(struct cause *c)
{
	return check(inotify_rm_watch(c->scene->fd, c->event->wd))
		       ?: ids_set(&c->scene->watched, (uint64_t)c->event->wd, GONE);
}

/* --- --- */

static const struct event_action actions[] = {
	{IN_OPEN, SELF | NAMED | DIR_TOO, cause_open},
	{IN_CLOSE_NOWRITE, SELF | NAMED | DIR_TOO, cause_close},
	{IN_CLOSE_WRITE, SELF | NAMED, cause_close},
	{IN_ACCESS, SELF | NAMED | DIR_TOO, cause_access},
	{IN_MODIFY, SELF | NAMED, cause_modify},
	{IN_ATTRIB, SELF | NAMED | DIR_TOO, cause_attributes},
	{IN_CREATE, NAMED | DIR_TOO, cause_create},
	{IN_DELETE, NAMED | DIR_TOO, cause_delete},
	{IN_MOVED_FROM, NAMED | DIR_TOO, cause_moved_from},
	{IN_MOVED_TO, NAMED | DIR_TOO, cause_moved_to},
	{IN_MOVE_SELF, SELF, cause_move_self},
	{IN_DELETE_SELF, SELF, cause_delete_self},
	{IN_IGNORED, SELF, cause_ignored},
};

const struct event_action *event_action(uint32_t mask, size_t name_size)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (actions[i].mask == (mask & ~IN_ISDIR) &&
		    actions[i].of & (name_size ? NAMED : SELF) &&
		    (!(mask & IN_ISDIR) || actions[i].of & DIR_TOO))
			return &actions[i];
	return NULL;
}

int event_cause(struct event_scene *scene, InotifyEventEntry *const *events, size_t n, size_t i)
{
	struct cause c = {.scene = scene, .events = events, .n = n, .i = i, .event = events[i]};
	const struct event_action *action =
		event_action(c.event->mask, c.event->has_name ? c.event->name.len : 0);
	bool is_child = c.event->has_name, makes = action && !(action->of & SELF);
	int ret;

	if (!scene->is_done)
		scene->is_done = calloc(n, sizeof(*scene->is_done));
	if (!scene->is_done || !action)
		return scene->is_done ? -EINVAL : -ENOMEM;
	if (scene->is_done[i])
		return 0;
	c.is_dir = c.event->mask & IN_ISDIR;
	name_home(&c, c.event->wd, c.home);
	ret = watch_home(&c, c.event->wd, c.home);
	if (is_child)
		name_at(c.at, c.home, c.event);
	else
		snprintf(c.at, sizeof(c.at), "%s", c.home);
	/* What it happens to is there before, and not for longer. */
	if (!ret && is_child && !makes)
		ret = make(c.at, c.is_dir);
	ret = ret ?: action->cause(&c);
	return !ret && is_child && !makes ? remove_at(&c) : ret;
}

void event_scene_end(struct event_scene *scene)
{
	for (size_t i = 0; i < scene->n_wds; i++)
		if (ids_get(&scene->watched, (uint64_t)scene->wds[i]) == WATCHED) {
			inotify_rm_watch(scene->fd, scene->wds[i]);
			(void)ids_set(&scene->watched, (uint64_t)scene->wds[i], GONE);
		}
	free(scene->wds);
	free(scene->is_done);
	ids_deinit(&scene->watched);
}
