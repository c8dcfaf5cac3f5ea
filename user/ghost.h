/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_GHOST_H
#define CRBPF_GHOST_H

/*
 * Files that are open or mapped but have no name any more: their content is part
 * of the checkpoint (ghost-file-ID.img). At restore the inode is made again beside
 * its old name, gets that name for the moment in which descriptors are opened, and
 * loses it again.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct dump;
struct new_file;
struct restore;

/* What remap-fpath says of a REG entry: new_file.data of the kind regfile. */
struct remap {
	enum remap_how {
		REMAP_NONE,   /* its path is its path */
		REMAP_LINKED, /* @id is the REG entry of another name of the same file */
		REMAP_GHOST,  /* @id is the number of the ghost */
		REMAP_PROCFS, /* in /proc, of a process that had ended */
	} how;
	uint32_t id;
	bool is_checked; /* size, mode and build id were found right */
	uint32_t dev;    /* where a ghost that was made again had been: as images have it */
	uint64_t ino;
};

/* Writes the inode that @fd stands for (any open mode, O_PATH too) as ghost @id. Returns 0 or
 * -errno. */
int ghost_dump(struct dump *d, uint32_t id, int fd);
/* Bytes on disk that ghost_dump would have to copy for the file at @proc ("/proc/PID/fd/N"); 0 if
 * unknown. */
uint64_t ghost_bytes(const char *proc);

/*
 * Makes ghost @id and opens every REG entry of the restore that stands for it into
 * its fd: with its flags if a process has it, else with O_PATH. No name stays.
 */
int ghost_open(struct restore *r, uint32_t id);
/* A descriptor, the caller's, of the ghost that was this inode; -ENOENT if there is none. */
int ghost_dup(const struct restore *r, uint32_t dev, uint64_t ino);

#endif
