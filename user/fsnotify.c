// SPDX-License-Identifier: GPL-2.0-only
#include "fsnotify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fh.pb-c.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "mounts.h"
#include "snapshot.h"

/* --- is it the one? --- */

/*
 * The kernel says which inode a watch of ours is on: exact also where stat(2) tells other
 * numbers (overlayfs, btrfs). @own is an inotify file with no watch.
 */
static bool leads_to(int own, const char *path, const struct watch_record *w)
{
	int wd = inotify_add_watch(own, path, IN_UNMOUNT | IN_DONT_FOLLOW);
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	unsigned long long ino;
	bool is_it = false;
	unsigned int dev;
	size_t room = 0;
	char name[64];

	if (wd < 0)
		return false;
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", own);
	f = fopen(name, "re");
	while (f && getline(&line, &room, f) > 0)
		if (sscanf(line, "inotify wd:%*x ino:%llx sdev:%x", &ino, &dev) == 2)
			is_it = ino == w->ino && dev == w->dev;
	inotify_rm_watch(own, wd);
	return is_it;
}

/* --- by name --- */

static const char *find_by_name(int own, const struct watch_record *w, const struct mounts *mounts,
				struct arena *arena)
{
	char inside[PATH_MAX], path[PATH_MAX];

	if (!w->is_named || !mounts_join_names(w, inside))
		return NULL;
	/* From the last: it hides those before it. */
	for (size_t i = mounts->n; i--;) {
		const struct mount_line *m = &mounts->list[i];

		if (m->dev != w->dev || !mounts_path(m, inside, path))
			continue;
		if (leads_to(own, path, w))
			return arena_strdup(arena, path);
	}
	return NULL;
}

/* --- by handle --- */

static int open_handle(const struct file_handle *handle, uint32_t dev, const struct mounts *mounts)
{
	int ret = -ESTALE;

	for (size_t i = 0; i < mounts->n; i++) {
		_cleanup_close_ int mount = -1;
		int fd;

		if (mounts->list[i].dev != dev)
			continue;
		mount = open(mounts->list[i].point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (mount < 0)
			continue;
		fd = open_by_handle_at(mount, (struct file_handle *)handle, O_PATH | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		ret = -errno;
	}
	return ret;
}

/* The handle of watch @w as fdinfo of @f has it. Room for MAX_HANDLE_SZ bytes in @ret. */
static bool read_handle(const struct file *f, const struct watch_record *w, struct file_handle *ret)
{
	_cleanup_fclose_ FILE *info = NULL;
	_cleanup_free_ char *line = NULL;
	unsigned int wd, bytes, type;
	char name[64], *hex;
	size_t room = 0;

	snprintf(name, sizeof(name), "/proc/%d/fdinfo/%u", f->process->pid, f->fd);
	info = fopen(name, "re");
	while (info && getline(&line, &room, info) > 0) {
		hex = strstr(line, "f_handle:");
		if (!hex ||
		    sscanf(line, "inotify wd:%x %*s %*s %*s %*s fhandle-bytes:%x fhandle-type:%x",
			   &wd, &bytes, &type) != 3 ||
		    wd != w->wd || bytes > MAX_HANDLE_SZ)
			continue;
		ret->handle_bytes = bytes;
		ret->handle_type = (int)type;
		hex += strlen("f_handle:");
		for (unsigned int i = 0; i < bytes; i++, hex += 2)
			if (sscanf(hex, "%2hhx", &ret->f_handle[i]) != 1)
				return false;
		return true;
	}
	return false;
}

static const char *find_by_handle(int own, const struct file *f, const struct watch_record *w,
				  const struct mounts *mounts, struct arena *arena)
{
	_Alignas(struct file_handle) char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	struct file_handle *handle = (struct file_handle *)room;
	_cleanup_close_ int fd = -1;
	char link[64], path[PATH_MAX];
	ssize_t n;

	if (!w->wd || !read_handle(f, w, handle))
		return NULL;
	fd = open_handle(handle, w->dev, mounts);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = fd < 0 ? -1 : readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return NULL;
	path[n] = 0;
	return leads_to(own, path, w) ? arena_strdup(arena, path) : NULL;
}

int watch_open_handle(const FhEntry *entry, uint32_t dev)
{
	_Alignas(struct file_handle) char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	struct file_handle *handle = (struct file_handle *)room;
	struct mounts mounts = {0};
	int ret;

	if (!entry->bytes || entry->bytes > MAX_HANDLE_SZ || entry->bytes > entry->n_handle * 8)
		return -ESTALE;
	handle->handle_bytes = entry->bytes;
	handle->handle_type = (int)entry->type;
	memcpy(handle->f_handle, entry->handle, entry->bytes);
	ret = mounts_read(&mounts);
	ret = ret ?: open_handle(handle, dev, &mounts);
	mounts_deinit(&mounts);
	return ret;
}

/* --- all of a file --- */

static const struct file *find_open(const struct snapshot *snap, const struct watch_record *w)
{
	for (size_t i = 0; i < snap->n_files; i++)
		if (snap->files[i]->rec->inode == w->inode)
			return snap->files[i];
	return NULL;
}

/* Of a mount, or of any mount of a file system: one that no other mount hides. */
static const char *find_mount(const struct watch_record *w, const struct mounts *mounts,
			      struct arena *arena)
{
	for (size_t i = mounts->n; i--;) {
		const struct mount_line *m = &mounts->list[i];
		struct statx stx;

		if (w->type == WATCH_MOUNT ? m->id != w->mnt_id : m->dev != w->dev)
			continue;
		if (!statx(AT_FDCWD, m->point, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &stx) &&
		    stx.stx_mask & STATX_MNT_ID && stx.stx_mnt_id == m->id)
			return arena_strdup(arena, m->point);
	}
	return NULL;
}

int watch_find_places(const struct snapshot *snap, struct file *f, struct arena *arena,
		      struct error *err)
{
	_cleanup_close_ int own = inotify_init1(IN_CLOEXEC);
	struct mounts mounts = {0};
	int ret;

	if (own < 0)
		return fail(err, errno, "cannot create an inotify file");
	ret = mounts_read(&mounts);
	f->places = arena_alloc(arena, (f->n_watches + 1) * sizeof(*f->places));
	if (ret || !f->places)
		ret = fail(err, ret ?: ENOMEM, "cannot list the mounts");
	for (size_t i = 0; i < f->n_watches && !ret; i++) {
		const struct watch_record *w = f->watches[i];
		struct watch_place *place = &f->places[i];

		if (w->type == WATCH_MOUNT || w->type == WATCH_SUPERBLOCK)
			place->path = find_mount(w, &mounts, arena);
		if (w->type != WATCH_INODE || !w->inode)
			continue;
		place->path = find_by_name(own, w, &mounts, arena);
		if (!place->path)
			place->file = find_open(snap, w);
		if (!place->path && !place->file)
			place->path = find_by_handle(own, f, w, &mounts, arena);
	}
	mounts_deinit(&mounts);
	return ret;
}
