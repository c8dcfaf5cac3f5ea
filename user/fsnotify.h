/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_FSNOTIFY_H
#define CRBPF_FSNOTIFY_H

/*
 * What inotify and fanotify files watch is an inode; images hold paths. The names of an
 * inode come from the kernel's cache of names, or its file system finds it by its handle.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct FhEntry FhEntry;

struct arena;
struct file;
struct error;
struct snapshot;
struct watch_record;

/*
 * Where a watched inode can be found again: at a path, or as an open file of the tree. Mounts, and
 * file systems, at a mount point.
 */
struct watch_place {
	const char *path;        /* NULL if none leads to it */
	const struct file *file; /* then; NULL if there is no such file either */
};

/*
 * Finds the places of all inodes that @f watches: f->places, from @arena; neither a path nor a
 * file where there is none. Tasks may be running. Returns 0 or -errno.
 */
int watch_find_places(const struct snapshot *snap, struct file *f, struct arena *arena,
		      struct error *err);

/*
 * Opens (O_PATH) the inode of a file handle, on a mount of file system @dev (kernel encoding).
 * Returns a descriptor or -errno.
 */
int watch_open_handle(const FhEntry *handle, uint32_t dev);

#endif
