// SPDX-License-Identifier: GPL-2.0-only
/*
 * inotify: watches come back under the numbers that they had, and events that nobody has
 * read are queued again (restore/inotify.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "bpf/fsnotify.h"
#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "fh.pb-c.h"
#include "fsnotify.h"
#include "fsnotify.pb-c.h"
#include "ghost.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/inotify.h"
#include "restore/restore.h"

#define HANDLE_WORDS 16 /* as many as CRIU writes */

/* FSNOTIFY_MARK_FLAG_* */
#define MARK_EXCL_UNLINK 0x10
#define MARK_ONESHOT     0x20

static bool claims(const struct file *f)
{
	return file_is_anon(f, "inotify");
}

static const struct fsnotify_detail *detail_of(const struct file *f)
{
	return f->rec->detail_type == DETAIL_FSNOTIFY ? f->detail : NULL;
}

/* --- dump --- */

static uint32_t user_mask(const struct watch_record *w)
{
	return (w->mask & IN_ALL_EVENTS) | (w->flags & MARK_EXCL_UNLINK ? IN_EXCL_UNLINK : 0) |
	       (w->flags & MARK_ONESHOT ? IN_ONESHOT : 0);
}

/* What read(2) shows of it. */
static uint32_t event_mask(const struct event_record *e)
{
	return e->mask & (IN_ALL_EVENTS | IN_ISDIR | IN_UNMOUNT | IN_IGNORED | IN_Q_OVERFLOW);
}

static void judge_events(struct judge *j, const struct file *f)
{
	for (size_t i = 0; i < f->n_events; i++) {
		const struct event_record *e = f->events[i];

		if (inotify_can_queue(event_mask(e), e->name_size))
			continue;
		judge_file(
			j, f, "inotify", "let the program read it",
			e->mask & IN_Q_OVERFLOW
				? "its queue has overflowed (%zu events wait to be read, mask %#x)"
				: "event %zu of those that wait to be read cannot be made again "
				  "(mask %#x)",
			e->mask & IN_Q_OVERFLOW ? f->n_events : i, e->mask);
		return;
	}
}

static void judge(struct judge *j, struct file *f)
{
	struct error err = {0};

	judge_fown(j, f);
	if (!detail_of(f)) {
		judge_file(j, f, "inotify", NULL, "its watches cannot be read on this kernel");
		return;
	}
	if (watch_find_places(j->snap, f, &j->arena, &err)) {
		judge_file(j, f, "inotify", NULL, "what it watches cannot be found: %s",
			   err.text ?: "no memory");
		error_deinit(&err);
		return;
	}
	for (size_t i = 0; i < f->n_watches; i++)
		if (!f->places[i].path && !f->places[i].file)
			judge_file(j, f, "inotify", "let the program remove that watch",
				   "no path leads to what watch %u is on (inode %llu of device "
				   "%u:%u)",
				   f->watches[i]->wd, (unsigned long long)f->watches[i]->ino,
				   f->watches[i]->dev >> 20, f->watches[i]->dev & 0xfffff);
	judge_events(j, f);
}

static InotifyWdEntry *describe_watch(struct dump *d, const struct watch_record *w,
				      const struct watch_place *place)
{
	InotifyWdEntry *entry = dump_message(d, &inotify_wd_entry__descriptor);

	if (!entry || !(entry->f_handle = dump_message(d, &fh_entry__descriptor)))
		return NULL;
	entry->wd = w->wd;
	entry->i_ino = w->ino;
	entry->s_dev = w->dev;
	entry->mask = user_mask(w);
	entry->f_handle->path = (char *)place->path;
	entry->f_handle->n_handle = HANDLE_WORDS;
	entry->f_handle->handle = arena_alloc(&d->arena, HANDLE_WORDS * sizeof(uint64_t));
	if (!place->path) {
		entry->has_file_id = true;
		entry->file_id = place->file->id;
	}
	return entry->f_handle->handle ? entry : NULL;
}

static int compare_watches(const void *a, const void *b)
{
	const InotifyWdEntry *x = *(InotifyWdEntry *const *)a, *y = *(InotifyWdEntry *const *)b;

	return x->wd < y->wd ? -1 : x->wd > y->wd;
}

static int describe_watches(struct dump *d, const struct file *f, InotifyFileEntry *ify)
{
	ify->wd = arena_alloc(&d->arena, (f->n_watches + 1) * sizeof(*ify->wd));
	if (!ify->wd)
		return -ENOMEM;
	for (size_t i = 0; i < f->n_watches; i++) {
		ify->wd[i] = describe_watch(d, f->watches[i], &f->places[i]);
		if (!ify->wd[i])
			return -ENOMEM;
		ify->n_wd++;
	}
	qsort(ify->wd, ify->n_wd, sizeof(*ify->wd), compare_watches);
	return 0;
}

static int describe_events(struct dump *d, const struct file *f, InotifyFileEntry *ify)
{
	ify->event = arena_alloc(&d->arena, (f->n_events + 1) * sizeof(*ify->event));
	for (size_t i = 0; ify->event && i < f->n_events; i++) {
		const struct event_record *e = f->events[i];
		InotifyEventEntry *entry = dump_message(d, &inotify_event_entry__descriptor);

		if (!entry)
			return -ENOMEM;
		entry->wd = e->wd;
		entry->mask = event_mask(e);
		entry->cookie = e->cookie;
		entry->has_name = e->name_size;
		entry->name.len = e->name_size;
		entry->name.data = (uint8_t *)e->name;
		ify->event[ify->n_event++] = entry;
	}
	return ify->event ? 0 : -ENOMEM;
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	InotifyFileEntry *ify = dump_message(d, &inotify_file_entry__descriptor);

	if (!ify || !(ify->fown = dump_fown(d, f)) || describe_watches(d, f, ify) ||
	    describe_events(d, f, ify))
		return fail(d->err, ENOMEM, "cannot describe it");
	ify->id = f->id;
	ify->flags = file_flags(f);
	ify->has_next_wd = detail_of(f)->next_wd > 0;
	ify->next_wd = detail_of(f)->next_wd;
	entry->ify = ify;
	return 0;
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	fprintf(out, "watches %zu", f->n_watches);
	for (size_t i = f->n_watches; i--;)
		fprintf(out, " %u:%#x", f->watches[i]->wd, user_mask(f->watches[i]));
	if (f->n_events)
		fprintf(out, " unread %zu", f->n_events);
}

/* --- restore --- */

static int check_watch(struct restore *r, const InotifyWdEntry *wd)
{
	const FhEntry *handle = wd->f_handle;

	if (!wd->wd || wd->wd > INT32_MAX)
		return fail(r->err, 0, "%u is no number of a watch", wd->wd);
	if (wd->has_file_id ? !restore_file(r, wd->file_id) : !handle)
		return fail(r->err, 0, "what watch %u is on is missing", wd->wd);
	if (!wd->has_file_id && handle->path && *handle->path && !is_absolute_path(handle->path))
		return fail(r->err, 0, "`%s' is no absolute path", handle->path);
	return 0;
}

static int check(struct restore *r, struct new_file *f)
{
	const InotifyFileEntry *ify = f->entry->ify;

	if (!ify || ify->id != f->id)
		return fail(r->err, 0, "it says nothing of an inotify file");
	for (size_t i = 0; i < ify->n_wd; i++)
		if (check_watch(r, ify->wd[i]))
			return r->err->code;
	if (ify->has_next_wd && ify->next_wd > INT32_MAX)
		return fail(r->err, 0, "%u is no number of a watch", ify->next_wd);
	for (size_t i = 0; i < ify->n_event; i++)
		if (inotify_check_event(ify->event[i], r->err))
			return r->err->code;
	return 0;
}

static int open_inotify(struct restore *r, struct new_file *f)
{
	f->fd = inotify_init1(IN_CLOEXEC);
	if (f->fd >= 0)
		return 0;
	if (fail(r->err, errno, "cannot create an inotify file") == -EMFILE)
		fail_hint(r->err, "raise fs.inotify.max_user_instances");
	return r->err->code;
}

static int connect_inotify(struct restore *r, struct new_file *f)
{
	const InotifyFileEntry *ify = f->entry->ify;

	return connect_fown_flags(r, f, ify->fown, ify->flags);
}

/* Adds a watch at @path, which is to have number @wd. */
static int add_watch(struct restore *r, int fd, const char *path, const InotifyWdEntry *wd,
		     uint32_t flags)
{
	uint32_t mask = wd->mask & (IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT);
	int got = inotify_add_watch(fd, path, mask | flags);

	if (got < 0 && errno == ENOSPC) {
		fail(r->err, ENOSPC, "cannot watch %s", path);
		return fail_hint(r->err, "raise fs.inotify.max_user_watches");
	}
	if (got < 0)
		return fail(r->err, errno, "cannot watch %s", path);
	if ((uint32_t)got != wd->wd)
		return fail(r->err, 0, "watch %u became number %d", wd->wd, got);
	return 0;
}

/* An inode that is open in this process. */
static int add_open(struct restore *r, int fd, int target, const InotifyWdEntry *wd)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", target);
	return add_watch(r, fd, link, wd, 0);
}

static int add_entry(struct restore *r, int fd, const InotifyWdEntry *wd)
{
	const struct new_file *target = wd->has_file_id ? restore_file(r, wd->file_id) : NULL;
	int found, ret;

	if (wd->has_file_id && (!target || target->fd < 0))
		return fail(r->err, 0, "the file that watch %u is on was not opened", wd->wd);
	if (target)
		return add_open(r, fd, target->fd, wd);
	if (wd->f_handle->path && *wd->f_handle->path)
		return add_watch(r, fd, wd->f_handle->path, wd, IN_DONT_FOLLOW);
	/* CRIU tells of a deleted file by its number alone. */
	found = ghost_dup(r, wd->s_dev, wd->i_ino);
	if (found < 0)
		found = watch_open_handle(wd->f_handle, wd->s_dev);
	if (found < 0)
		return fail(r->err, found, "cannot find inode %llu, which watch %u is on",
			    (unsigned long long)wd->i_ino, wd->wd);
	ret = add_open(r, fd, found, wd);
	close(found);
	return ret;
}

/* Last, so that no event of what the restore does itself is seen. */
static int arm(struct restore *r, struct new_file *f)
{
	const InotifyFileEntry *ify = f->entry->ify;
	uint32_t next = 1;
	int ret = inotify_queue_events(r, f->fd, ify, &next);

	for (size_t i = 0; i < ify->n_wd && !ret; i++) {
		if (ify->wd[i]->wd != next)
			ret = inotify_set_next(f->fd, ify->wd[i]->wd, r->err);
		ret = ret ?: add_entry(r, f->fd, ify->wd[i]);
		next = ify->wd[i]->wd + 1;
	}
	if (!ret && ify->has_next_wd && ify->next_wd && ify->next_wd != next)
		ret = inotify_set_next(f->fd, ify->next_wd, r->err);
	return ret;
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__INOTIFY,
	.claims = claims,
	.judge = judge,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_inotify,
	.connect = connect_inotify,
	.arm = arm,
};

const struct kind kind_inotify = {.name = "inotify", .file = &file_ops};
