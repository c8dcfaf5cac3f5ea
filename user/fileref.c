// SPDX-License-Identifier: GPL-2.0-only
#include "fileref.h"

#include <ctype.h>
#include <dirent.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "lib/buf.h"
#include "options.h"

#define DELETED " (deleted)"
#define MEMFD   "/memfd:" /* what the kernel shows for shared memory without a name */

static bool ends_deleted(const char *path)
{
	size_t n = strlen(path), m = strlen(DELETED);

	return n > m && !strcmp(path + n - m, DELETED);
}

dev_t user_dev(uint32_t dev)
{
	return makedev(dev >> 20, dev & 0xfffff);
}

bool stat_is(const struct stat *st, uint32_t dev, uint64_t ino)
{
	return st->st_ino == ino && st->st_dev == user_dev(dev);
}

/*
 * overlayfs and btrfs tell stat(2) other numbers than their inodes bear: there the
 * comparison goes by stat on both sides, if there is another way to the file.
 */
static bool numbers_differ(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) &&
	       (fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC);
}

static bool leads_to(const struct fileref *ref)
{
	struct stat here, there;

	if (lstat(ref->path, &here))
		return false;
	if (stat_is(&here, ref->dev, ref->ino))
		return true;
	if (!numbers_differ(ref->path))
		return false;
	if (!ref->proc || stat(ref->proc, &there))
		return true;
	return here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

enum fileref_state fileref_state(const struct fileref *ref)
{
	if (ref->path[0] != '/' || !strncmp(ref->path, MEMFD, strlen(MEMFD)))
		return FILEREF_NAMELESS;
	if (leads_to(ref))
		return FILEREF_PRESENT;
	if (!ends_deleted(ref->path))
		return FILEREF_HIDDEN;
	if (proc_path_pid(ref->path))
		return FILEREF_PROC_DEAD;
	return ref->nlink ? FILEREF_UNLINKED : FILEREF_DELETED;
}

const char *fileref_name(struct arena *arena, const struct fileref *ref, enum fileref_state state)
{
	if (state == FILEREF_PRESENT || !ends_deleted(ref->path))
		return ref->path;
	return arena_printf(arena, "%.*s", (int)(strlen(ref->path) - strlen(DELETED)), ref->path);
}

static DIR *directory_of(struct arena *arena, const char *path)
{
	size_t n = (size_t)(strrchr(path, '/') - path);
	const char *dir = arena_printf(arena, "%.*s", n ? (int)n : 1, path);

	return dir ? opendir(dir) : NULL;
}

const char *fileref_other_name(struct arena *arena, const struct fileref *ref)
{
	struct fileref other = *ref;
	struct dirent *entry;
	struct stat st;
	DIR *dir;

	/* Not ref->ino, for readdir(3) tells the numbers that stat(2) tells. */
	if (ref->path[0] != '/' || !ref->proc || stat(ref->proc, &st))
		return NULL;
	dir = directory_of(arena, ref->path);
	other.path = NULL;
	while (dir && !other.path && (entry = readdir(dir))) {
		if (entry->d_ino != st.st_ino)
			continue;
		other.path =
			arena_printf(arena, "%.*s/%s", (int)(strrchr(ref->path, '/') - ref->path),
				     ref->path, entry->d_name);
		if (other.path && !leads_to(&other))
			other.path = NULL;
	}
	if (dir)
		closedir(dir);
	return other.path;
}

const char *fileref_obstacle(const struct options *opt, enum fileref_state state,
			     const char **ret_hint)
{
	*ret_hint = NULL;
	switch (state) {
	case FILEREF_PRESENT:
	case FILEREF_DELETED:
		return NULL;
	case FILEREF_UNLINKED:
		if (opt->link_remap)
			return NULL;
		*ret_hint = "--link-remap gives it a temporary name beside the old one";
		return "this name of it was deleted, while it has others";
	case FILEREF_HIDDEN:
		*ret_hint = "unmount what hides it, or run crbpf where the path leads to it";
		return "its path does not lead to it: it was replaced, is hidden by a mount, or "
		       "lies in another mount namespace";
	case FILEREF_NAMELESS:
		return "it has no path by which it could be opened again";
	case FILEREF_PROC_DEAD:
		*ret_hint = "close it before the dump";
		return "it belongs to a process that has ended";
	}
	return NULL;
}

int proc_path_pid(const char *path)
{
	if (strncmp(path, "/proc/", 6) || !isdigit((unsigned char)path[6]))
		return 0;
	return atoi(path + 6);
}
