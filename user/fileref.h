/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_FILEREF_H
#define CRBPF_FILEREF_H

/*
 * How the path that the kernel shows for an open or mapped file leads back to it:
 * images hold paths, so a checkpoint can only keep what its path still finds, or
 * what nobody but the tree holds (a deleted file).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct file;
struct options;
struct stat;

struct fileref {
	const char *path; /* as /proc shows it, " (deleted)" included */
	uint32_t dev;     /* kernel encoding: major << 20 | minor */
	uint64_t ino;
	uint32_t nlink;
	uint32_t s_magic; /* of its file system; 0 if not known */
	const char *proc; /* another way to it ("/proc/PID/fd/N"); NULL if there is none */
};

enum fileref_state {
	FILEREF_PRESENT,   /* the path leads to it */
	FILEREF_DELETED,   /* it has no name any more: its content must be kept */
	FILEREF_UNLINKED,  /* this name is gone, others exist somewhere */
	FILEREF_HIDDEN,    /* something else, or nothing, stands at its path */
	FILEREF_NAMELESS,  /* it never had a path: a pipe seen through /proc, say */
	FILEREF_PROC_DEAD, /* in /proc, of a process that has ended */
};

enum fileref_state fileref_state(const struct fileref *ref);

/* Its path without the " (deleted)" of a name that is gone; in @arena if it differs. NULL: no
 * memory. */
const char *fileref_name(struct arena *arena, const struct fileref *ref, enum fileref_state state);

/*
 * Another name of it in the directory where it was opened, in @arena, or NULL: glibc's sem_open(3)
 * opens a file by a temporary name, links it to the lasting one, and removes the first.
 * Needs ref->proc.
 */
const char *fileref_other_name(struct arena *arena, const struct fileref *ref);

/*
 * Why a file in @state cannot be carried, and what helps (*@ret_hint may become
 * NULL). Returns NULL if it can.
 */
const char *fileref_obstacle(const struct options *opt, enum fileref_state state,
			     const char **ret_hint);

/* The process that a path below /proc belongs to, or 0: "/proc/123/maps" gives 123. */
int proc_path_pid(const char *path);

/* What stat() says of the device that the kernel, and so a record, calls @dev. */
dev_t user_dev(uint32_t dev);
/* Does @st describe the inode (@dev, @ino)? */
bool stat_is(const struct stat *st, uint32_t dev, uint64_t ino);

#endif
