/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_IMAGE_H
#define CRBPF_IMAGE_H

/*
 * Image files in CRIU's format: framing, magics, names; what is inside belongs to
 * the kinds. A directory is written as a whole or not at all: files made by
 * image_create are removed again by image_dir_discard.
 *
 *	ordinary image	head magic, type magic, entries
 *	entry		u32 size, protobuf message, bytes that the message counts
 */

#include <linux/types.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct error;
struct image_dir;
struct image;

/* One row per kind of image; names and magics are CRIU's. */
enum image_type {
	IMAGE_INVENTORY,
	IMAGE_PSTREE,
	IMAGE_CORE,
	IMAGE_IDS,
	IMAGE_MM,
	IMAGE_FS,
	IMAGE_FDINFO,
	IMAGE_FILES,
	IMAGE_PAGEMAP,
	IMAGE_PAGEMAP_SHMEM,
	IMAGE_PAGES,		/* raw */
	IMAGE_PIPES_DATA,
	IMAGE_FIFO_DATA,
	IMAGE_SK_QUEUES,
	IMAGE_TCP_STREAM,
	IMAGE_REMAP_FPATH,
	IMAGE_GHOST_FILE,
	IMAGE_MEMFD,
	IMAGE_TTY_INFO,
	IMAGE_TTY_DATA,
	IMAGE_FILELOCKS,
	IMAGE_SECCOMP,
	IMAGE_CGROUP,
	IMAGE_CPUINFO,
	IMAGE_UTSNS,
	IMAGE_IPCNS_SHM,
	IMAGE_TIMENS,
	IMAGE_STATS_DUMP,
	IMAGE_STATS_RESTORE,
	IMAGE_TYPES
};

/*
 * What is known of a type of image. `crbpf show` prints any image from this table
 * alone; to add a type, add a row in names.c.
 */
struct image_info {
	const char *format;	/* file name; %llu or %llx where a number belongs */
	__u32 head_magic;	/* 0: none (inventory) */
	__u32 magic;		/* 0: raw */
	const ProtobufCMessageDescriptor *first;	/* of the first entry, if it differs */
	const ProtobufCMessageDescriptor *entry;
	/* Bytes that follow entry @msg; -1: the rest of the file. NULL: none. */
	long long (*extra)(const ProtobufCMessage *msg);
};
const struct image_info *image_info(enum image_type type);
/* The type and number of file @name. Returns false if it is no image that we know. */
bool image_parse_name(const char *name, enum image_type *ret_type, unsigned long long *ret_number);

/* Opens a directory of images. Creates nothing. */
int image_dir_open(struct image_dir **ret, const char *path, struct error *err);
/* The directory's descriptor (borrowed). */
int image_dir_fd(const struct image_dir *dir);
/* Does it hold a finished checkpoint (an inventory)? */
bool image_dir_is_complete(struct image_dir *dir);
/* Flushes every file made here, and the directory, to the disk. */
int image_dir_sync(struct image_dir *dir, struct error *err);
/* Removes every file made here. */
void image_dir_discard(struct image_dir *dir);
void image_dir_close(struct image_dir *dir);

/* --- writing: buffered; a full disk is an error of add or close, never silent --- */

/* The file appears with its first entry, mode 0600; an old one of that name is replaced. */
int image_create(struct image_dir *dir, enum image_type type, unsigned long long number,
		 struct image **ret, struct error *err);
/* Appends one message with its size before it. */
int image_add(struct image *image, const ProtobufCMessage *msg, struct error *err);
/* Appends bytes that belong to the entry before. */
int image_add_bytes(struct image *image, const void *data, size_t n, struct error *err);
/* Writes what is buffered and closes; frees @image in every case. NULL is fine. */
int image_finish(struct image *image, struct error *err);
/* One message, one file. */
int image_write(struct image_dir *dir, enum image_type type, unsigned long long number,
		const ProtobufCMessage *msg, struct error *err);
/* A raw image for the caller to write: the descriptor is the caller's. */
int image_create_raw(struct image_dir *dir, enum image_type type, unsigned long long number,
		     struct error *err);

/* --- reading: nothing is trusted; sizes are checked against the file --- */

/* *@ret is NULL, and 0 returned, if there is no such file: an empty image. */
int image_open(struct image_dir *dir, enum image_type type, unsigned long long number,
	       struct image **ret, struct error *err);
/*
 * Unpacks the next entry as @desc (NULL: the type's own). Returns 1; 0 at the end;
 * -errno with the file's name and offset in @err. *@ret is the caller's
 * (protobuf_c_message_free_unpacked).
 */
int image_next(struct image *image, const ProtobufCMessageDescriptor *desc,
	       ProtobufCMessage **ret, struct error *err);
/* Reads exactly @n bytes that belong to the entry before. */
int image_next_bytes(struct image *image, void *data, size_t n, struct error *err);
/* Bytes left in the file. */
size_t image_left(const struct image *image);
/* Descriptor of the file with its position after the entry before (borrowed). */
int image_fd(struct image *image);
/* One message, one file; a missing or empty file is an error. */
int image_read(struct image_dir *dir, enum image_type type, unsigned long long number,
	       ProtobufCMessage **ret, struct error *err);
/* A raw image opened for reading: the descriptor is the caller's. -ENOENT (no error set) if missing. */
int image_open_raw(struct image_dir *dir, enum image_type type, unsigned long long number,
		   struct error *err);

#endif
