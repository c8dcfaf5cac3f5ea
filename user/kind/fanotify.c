// SPDX-License-Identifier: GPL-2.0-only
/*
 * fanotify: marks of inodes, mounts and file systems. Who asks for permissions cannot be carried:
 * while the program stands still crbpf itself might wait for its answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
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
#include "restore/restore.h"

#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x200
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x400
#endif

#define HANDLE_WORDS 16         /* as many as CRIU writes */
#define UNPRIVILEGED (1u << 31) /* FANOTIFY_UNPRIV */
#define PERMISSIONS                                                                                \
	(FAN_OPEN_PERM | FAN_ACCESS_PERM | 0x40000u | 0x100000u) /* exec, before content */
#define USER_MASK 0x7fffffffu /* the kernel's own FS_* bits of marks lie beyond */

/* FSNOTIFY_MARK_FLAG_*, and what asks for them */
static const struct {
	uint32_t kernel, user;
} mark_flags[] = {
	{0x100, FAN_MARK_IGNORED_SURV_MODIFY},
	{0x200, FAN_MARK_EVICTABLE},
	{0x400, FAN_MARK_IGNORE},
};

static bool claims(const struct file *f)
{
	return file_is_anon(f, "fanotify");
}

static const struct fsnotify_detail *detail_of(const struct file *f)
{
	return f->rec->detail_type == DETAIL_FSNOTIFY ? f->detail : NULL;
}

/* --- dump --- */

static void judge_marks(struct judge *j, const struct file *f)
{
	for (size_t i = 0; i < f->n_watches; i++) {
		const struct watch_record *w = f->watches[i];

		if ((w->mask | w->ignore_mask) & PERMISSIONS)
			judge_file(
				j, f, "fanotify", "end the program that answers",
				"it is asked for permissions (mask %#x), and cannot answer while "
				"it stands still",
				w->mask);
		else if (w->type == WATCH_OTHER || (!f->places[i].path && !f->places[i].file))
			judge_file(j, f, "fanotify", "let the program remove that mark",
				   "no path leads to what one of its marks is on (inode %llu of "
				   "device %u:%u)",
				   (unsigned long long)w->ino, w->dev >> 20, w->dev & 0xfffff);
	}
}

static void judge(struct judge *j, struct file *f)
{
	const struct fsnotify_detail *detail = detail_of(f);
	struct error err = {0};

	judge_fown(j, f);
	if (!detail) {
		judge_file(j, f, "fanotify", NULL, "its marks cannot be read on this kernel");
		return;
	}
	if (watch_find_places(j->snap, f, &j->arena, &err)) {
		judge_file(j, f, "fanotify", NULL, "what it marks cannot be found: %s",
			   err.text ?: "no memory");
		error_deinit(&err);
		return;
	}
	if (detail->flags & UNPRIVILEGED)
		judge_file(j, f, "fanotify", "use inotify",
			   "an ordinary user made it, and it would come back with privileges");
	if (detail->n_events || detail->n_permissions)
		judge_file(j, f, "fanotify", "let the program read them",
			   "%u events wait to be read or answered", detail->n_events);
	judge_marks(j, f);
}

static uint32_t user_flags(const struct watch_record *w)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < sizeof(mark_flags) / sizeof(mark_flags[0]); i++)
		if (w->flags & mark_flags[i].kernel)
			flags |= mark_flags[i].user;
	return flags;
}

static int describe_inode(struct dump *d, const struct watch_record *w,
			  const struct watch_place *place, FanotifyMarkEntry *mark)
{
	FhEntry *handle = dump_message(d, &fh_entry__descriptor);

	mark->type = MARK_TYPE__INODE;
	mark->ie = dump_message(d, &fanotify_inode_mark_entry__descriptor);
	if (!handle || !mark->ie)
		return -ENOMEM;
	mark->ie->i_ino = w->ino;
	mark->ie->f_handle = handle;
	handle->path = (char *)place->path;
	handle->n_handle = HANDLE_WORDS;
	handle->handle = arena_alloc(&d->arena, HANDLE_WORDS * sizeof(uint64_t));
	mark->has_file_id = !place->path;
	mark->file_id = place->path ? 0 : place->file->id;
	return handle->handle ? 0 : -ENOMEM;
}

static FanotifyMarkEntry *describe_mark(struct dump *d, const struct watch_record *w,
					const struct watch_place *place)
{
	FanotifyMarkEntry *mark = dump_message(d, &fanotify_mark_entry__descriptor);

	if (!mark)
		return NULL;
	mark->mflags = user_flags(w);
	mark->mask = w->mask & USER_MASK;
	mark->ignored_mask = w->ignore_mask & USER_MASK;
	mark->s_dev = w->dev;
	if (w->type == WATCH_INODE)
		return describe_inode(d, w, place, mark) ? NULL : mark;
	mark->type = MARK_TYPE__MOUNT;
	mark->me = dump_message(d, &fanotify_mount_mark_entry__descriptor);
	if (!mark->me)
		return NULL;
	mark->me->mnt_id = w->mnt_id;
	mark->me->path = (char *)place->path;
	return mark;
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	FanotifyFileEntry *ffy = dump_message(d, &fanotify_file_entry__descriptor);
	size_t size = (f->n_watches + 1) * sizeof(*ffy->mark);

	if (!ffy || !(ffy->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	ffy->id = f->id;
	ffy->flags = file_flags(f);
	ffy->faflags = detail_of(f)->flags;
	ffy->evflags = detail_of(f)->event_flags;
	ffy->mark = arena_alloc(&d->arena, size);
	ffy->filesystem = arena_alloc(&d->arena, size);
	/* From the last: the kernel has the newest one first. */
	for (size_t i = f->n_watches; i-- && ffy->mark && ffy->filesystem;) {
		const struct watch_record *w = f->watches[i];
		FanotifyMarkEntry *mark = describe_mark(d, w, &f->places[i]);

		if (!mark)
			return fail(d->err, ENOMEM, "cannot describe what it marks");
		if (w->type == WATCH_SUPERBLOCK)
			ffy->filesystem[ffy->n_filesystem++] = mark;
		else
			ffy->mark[ffy->n_mark++] = mark;
	}
	entry->ffy = ffy;
	return ffy->mark && ffy->filesystem ? 0 : fail(d->err, ENOMEM, "cannot describe it");
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	static const char *const types[] = {"inode", "mount", "filesystem", "other"};

	fprintf(out, "marks %zu", f->n_watches);
	for (size_t i = f->n_watches; i--;)
		fprintf(out, " %s:%#x", types[f->watches[i]->type & 3], f->watches[i]->mask);
	if (detail_of(f) && detail_of(f)->n_events)
		fprintf(out, " unread %u", detail_of(f)->n_events);
}

/* --- restore --- */

static int check_mark(struct restore *r, const FanotifyMarkEntry *mark, bool is_filesystem)
{
	bool is_inode = !is_filesystem && mark->type == MARK_TYPE__INODE;
	const char *path =
		is_inode   ? (mark->ie && mark->ie->f_handle ? mark->ie->f_handle->path : NULL)
		: mark->me ? mark->me->path
			   : NULL;

	if ((mark->mask | mark->ignored_mask) & PERMISSIONS)
		return fail(r->err, 0, "a mark that asks for permissions cannot be restored");
	if (path && *path && !is_absolute_path(path))
		return fail(r->err, 0, "`%s' is no absolute path", path);
	if (is_inode ? !(mark->has_file_id ? restore_file(r, mark->file_id) != NULL
					   : mark->ie && mark->ie->f_handle)
		     : !path)
		return fail(r->err, 0, "what one of its marks is on is missing");
	return 0;
}

static int check(struct restore *r, struct new_file *f)
{
	const FanotifyFileEntry *ffy = f->entry->ffy;
	int ret = 0;

	if (!ffy || ffy->id != f->id)
		return fail(r->err, 0, "it says nothing of a fanotify file");
	for (size_t i = 0; i < ffy->n_mark && !ret; i++)
		ret = check_mark(r, ffy->mark[i], false);
	for (size_t i = 0; i < ffy->n_filesystem && !ret; i++)
		ret = check_mark(r, ffy->filesystem[i], true);
	return ret;
}

static int open_fanotify(struct restore *r, struct new_file *f)
{
	const FanotifyFileEntry *ffy = f->entry->ffy;

	f->fd = fanotify_init(ffy->faflags, ffy->evflags);
	if (f->fd < 0 || fcntl(f->fd, F_SETFD, FD_CLOEXEC))
		return fail(r->err, errno, "cannot create a fanotify file (flags %#x)",
			    ffy->faflags);
	return 0;
}

static int connect_fanotify(struct restore *r, struct new_file *f)
{
	return connect_fown_flags(r, f, f->entry->ffy->fown, f->entry->ffy->flags);
}

/* One call for each of the two masks. */
static int add_at(struct restore *r, int fd, const char *path, const FanotifyMarkEntry *mark,
		  uint32_t how)
{
	uint32_t kept = mark->mflags & FAN_MARK_EVICTABLE;
	uint32_t ignore = mark->mflags & FAN_MARK_IGNORE ? FAN_MARK_IGNORE : FAN_MARK_IGNORED_MASK;
	int ret = 0;

	if (mark->mask)
		ret = fanotify_mark(fd, FAN_MARK_ADD | how | kept, mark->mask, AT_FDCWD, path);
	if (!ret && mark->ignored_mask)
		ret = fanotify_mark(fd,
				    FAN_MARK_ADD | how | kept | ignore |
					    (mark->mflags & FAN_MARK_IGNORED_SURV_MODIFY),
				    mark->ignored_mask, AT_FDCWD, path);
	return ret ? fail(r->err, errno, "cannot mark %s (mask %#x)", path, mark->mask) : 0;
}

static int add_inode(struct restore *r, int fd, const FanotifyMarkEntry *mark)
{
	const struct new_file *target = mark->has_file_id ? restore_file(r, mark->file_id) : NULL;
	const FhEntry *handle = mark->ie ? mark->ie->f_handle : NULL;
	int found = target ? target->fd : -1, ret;
	char link[64];

	if (!target && handle->path && *handle->path)
		return add_at(r, fd, handle->path, mark, FAN_MARK_DONT_FOLLOW);
	if (!target) {
		found = ghost_dup(r, mark->s_dev, mark->ie->i_ino);
		if (found < 0)
			found = watch_open_handle(handle, mark->s_dev);
	}
	if (found < 0)
		return fail(r->err, target ? 0 : found, "cannot find what one of its marks is on");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", found);
	ret = add_at(r, fd, link, mark, 0);
	if (!target)
		close(found);
	return ret;
}

/* Late, so that little of what the restore does itself is seen. */
static int arm(struct restore *r, struct new_file *f)
{
	const FanotifyFileEntry *ffy = f->entry->ffy;
	int ret = 0;

	for (size_t i = 0; i < ffy->n_mark && !ret; i++)
		ret = ffy->mark[i]->type == MARK_TYPE__INODE
			      ? add_inode(r, f->fd, ffy->mark[i])
			      : add_at(r, f->fd, ffy->mark[i]->me->path, ffy->mark[i],
				       FAN_MARK_MOUNT);
	for (size_t i = 0; i < ffy->n_filesystem && !ret; i++)
		ret = add_at(r, f->fd, ffy->filesystem[i]->me->path, ffy->filesystem[i],
			     FAN_MARK_FILESYSTEM);
	return ret;
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__FANOTIFY,
	.claims = claims,
	.judge = judge,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_fanotify,
	.connect = connect_fanotify,
	.arm = arm,
};

const struct kind kind_fanotify = {.name = "fanotify", .file = &file_ops};
