/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_MOUNTS_H
#define CRBPF_MOUNTS_H

/*
 * The mounts that this process sees, and the way from names in the kernel's cache, which know no
 * mounts, to paths.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watch_record;

/* A line of /proc/self/mountinfo. */
struct mount_line {
	uint32_t id, dev;	/* dev in the kernel's encoding: major << 20 | minor */
	char *root, *point; /* owned */
};

struct mounts {
	struct mount_line *list; /* owned; the last hides those before it */
	size_t n;
};

/* Returns 0 or -errno; @mounts is to be freed in either case. */
int mounts_read(struct mounts *mounts);
/* Is mount @id in this file (/proc/PID/mountinfo)? */
bool mounts_have(const char *file, uint32_t id);
void mounts_deinit(struct mounts *mounts);

/* The path from the root of its file system that the names of @w make. False: they are cut short. */
bool mounts_join_names(const struct watch_record *w, char path[static PATH_MAX]);
/* What is at @inside of a file system as path through mount @m. False: it lies outside of that. */
bool mounts_path(const struct mount_line *m, const char *inside, char path[static PATH_MAX]);

#endif
