/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_IMAGE_SET_H
#define CRBPF_IMAGE_SET_H

/*
 * The images of one checkpoint in memory, as they are, for those who look at it as
 * a whole (show, verify). What is missing is NULL or empty; what cannot be read is
 * told to the caller and then missing. Contents (pages, queues) stay in their files.
 */

#include <linux/types.h>
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "image/image.h"
#include "lib/ids.h"

typedef struct CoreEntry CoreEntry;
typedef struct FdinfoEntry FdinfoEntry;
typedef struct FileEntry FileEntry;
typedef struct FsEntry FsEntry;
typedef struct InventoryEntry InventoryEntry;
typedef struct MmEntry MmEntry;
typedef struct PstreeEntry PstreeEntry;
typedef struct StatsEntry StatsEntry;
typedef struct TaskKobjIdsEntry TaskKobjIdsEntry;

struct error;

/* All entries of one image. */
struct image_entries {
	ProtobufCMessage **msgs;
	size_t n;
};

struct set_process {
	PstreeEntry *pstree; /* never NULL; borrowed from image_set */
	CoreEntry **cores;   /* one per thread of pstree, the leader's first; each may be NULL */
	TaskKobjIdsEntry *ids;
	MmEntry *mm;
	FsEntry *fs;
	struct image_entries fds;     /* FdinfoEntry */
	struct image_entries pagemap; /* a head, then PagemapEntry */
};

struct image_set {
	struct image_dir *dir; /* borrowed */
	InventoryEntry *inventory;
	StatsEntry *stats;
	struct image_entries pstree;
	struct set_process *processes;
	size_t n_processes;
	struct image_entries files; /* FileEntry */
	struct ids file_by_id;      /* id to index + 1; the last of those that share one */
	__u64 page_size;
};

/* Told of each image that cannot be read; @err is empty again afterwards. */
typedef void (*image_set_problem)(void *context, struct error *err);

/*
 * Reads a checkpoint. Returns 0 although images are missing or bad (see above), and
 * -errno if memory ran out. image_set_deinit frees in every case.
 */
int image_set_load(struct image_set *set, struct image_dir *dir, image_set_problem problem,
		   void *context, struct error *err);
void image_set_deinit(struct image_set *set);

/* The entry of files.img with that id, or NULL. */
FileEntry *image_set_file(const struct image_set *set, __u32 id);

/* Reads all entries of an image that are there; a missing file has none. Returns 0 or -errno. */
int image_entries_load(struct image_entries *entries, struct image_dir *dir, enum image_type type,
		       unsigned long long number, struct error *err);
void image_entries_deinit(struct image_entries *entries);

#endif
