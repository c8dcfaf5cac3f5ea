/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SNAPSHOT_BUILD_H
#define CRBPF_SNAPSHOT_BUILD_H

/*
 * Inside the snapshot: records as they came, and the three steps that turn them
 * into tables, in this order. Kernel addresses live here and no longer than the
 * builder.
 */

#include "snapshot.h"

/* A record and the parts that came before it. */
struct item {
	const void *rec;
	const struct record_head **parts;
	size_t n_parts;
};

struct items {
	struct item *list;
	size_t n;
};

struct builder_parts {
	uint64_t owner;			/* whose these are; 0 nobody's */
	const struct record_head **list;
	size_t n;
};

struct snapshot_builder {
	struct builder_parts parts;	/* of the owner that comes next */
	struct items tasks, processes, files;
	const struct record_head **vmas;	/* or twins */
	size_t n_vmas;
	/* addresses to small ids */
	struct ids groups;		/* signal_struct: position + 1 in processes.list */
	struct ids mms, tables, fs, sighands;
	struct ids inos, devs;		/* halves of a key in snapshot.inodes */
};

/* The record behind a mapping or file, a twin's being that of its shape; NULL if there is none. */
const struct vma_record *snapshot_vma_record(const struct snapshot *snap,
					     const struct record_head *rec);
const struct file_record *snapshot_file_record(const struct snapshot *snap,
					       const struct record_head *rec);

int snapshot_build_processes(struct snapshot *snap, pid_t root, const pid_t *pids, size_t n,
			     struct error *err);
int snapshot_build_mms(struct snapshot *snap, struct error *err);
int snapshot_build_files(struct snapshot *snap, struct error *err);

/* Fills what parts and detail say of @f, whose record is set. Returns 0 or -ENOMEM. */
int snapshot_file_parts(struct snapshot *snap, const struct item *item, struct file *f);

/* Small id of an inode, from 1; 0 if memory ran out. */
uint32_t snapshot_inode(struct snapshot *snap, uint32_t dev, uint64_t ino);
/* The text of @path in the record @head; "" if there is none. NULL if it does not lie inside. */
const char *record_path_text(const struct record_head *head, struct record_path path);
/* Processes by ascending vpid: a NULL-terminated array in snap->arena, or NULL. */
struct process **snapshot_by_vpid(struct snapshot *snap);
/* Keeps those of an item's parts that are of @type: an array in the arena; *@ret_n of them. */
int snapshot_parts(struct snapshot *snap, const struct item *item, uint32_t type,
		   const void ***ret, size_t *ret_n);

#endif
