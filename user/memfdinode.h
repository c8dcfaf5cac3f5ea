/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_MEMFDINODE_H
#define CRBPF_MEMFDINODE_H

/* The object behind memory files: one per inode, however many descriptions and mappings it has. */

#include <stdbool.h>
#include <stdint.h>

typedef struct MemfdInodeEntry MemfdInodeEntry;

struct dump;
struct new_file;
struct restore;

/* --- dump --- */

struct memfd_inode {
	struct memfd_inode *next;
	uint32_t dev;
	uint64_t ino;
	const char *path;	/* "/memfd:NAME (deleted)" */
	uint32_t id;		/* inode_id; its shmid is SHAREDMEM_FIRST_ID + 2^30 + id */
	uint32_t mapped_id;	/* of the file entry for mappings, 0 none yet */
	bool is_written;
};

/* The inode, met before or new. NULL with d->err set. */
struct memfd_inode *memfd_inode_of(struct dump *d, uint32_t dev, uint64_t ino, const char *path);
/* Writes its entry of memfd.img and has its content stored. Takes @fd over, also on failure. */
int memfd_inode_write(struct dump *d, struct memfd_inode *inode, int fd);

/* --- restore --- */

struct memfd_object {
	const MemfdInodeEntry *entry;
	int fd;			/* open for reading and writing; -1 before memfd_object_open */
	int read_fd;		/* open for reading; -1 until needed */
	bool is_sealed;
};

/* The object of a memory file's entry @f, checked. NULL with r->err set. */
struct memfd_object *memfd_object_of(struct restore *r, struct new_file *f);
/* The same, made and filled. */
struct memfd_object *memfd_object_open(struct restore *r, struct new_file *f);
/* Puts its seals on. 0 or -errno with r->err set. */
int memfd_object_seal(struct restore *r, struct new_file *f);

#endif
