/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_IMAGE_FILE_H
#define CRBPF_IMAGE_FILE_H

/* What the files of this directory know of an image, and nobody else. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"
#include "lib/buf.h"

#define IMAGE_MAGIC_COMMON  0x54564319u
#define IMAGE_MAGIC_SERVICE 0x55105940u

/* The sum of a pages file, from who wrote it. */
struct noted_sum {
	unsigned long long number;
	uint64_t sum, size;
};

struct image_dir {
	int fd;
	pthread_mutex_t lock; /* over made: raw images are made by several threads */
	char **made;          /* names of the files made here, owned */
	size_t n_made;
	size_t n_synced; /* of those, flushed to the disk */
	struct noted_sum *noted; /* owned; under the lock */
	size_t n_noted;
	bool holds;           /* image_dir_hold */
	struct image **held;  /* finished but for their files; owned; under the lock */
	size_t n_held;
	unsigned int n_discards;
};

struct image {
	struct image_dir *dir; /* NULL if opened as a single file */
	enum image_type type;
	const struct image_info *info;
	char *name; /* for messages, and to create it; owned */
	int fd;     /* -1 until the first entry is written to the file */
	/*
	 * Writing: what is not written yet. Reading: a window of the file that begins at
	 * start; size is what it holds, at the place in it that comes next.
	 */
	struct buf buf;
	int failed; /* writing: the first error */
	bool is_begun; /* writing: there is an entry */
	unsigned int n_discards; /* writing: the directory's when it was created */
	size_t at;
	unsigned long long start, file_size;
	unsigned long long n_entries;
};

/* Opens a new file of that name for writing, noted as made here. Returns it, or -errno. */
int image_dir_make(struct image_dir *dir, const char *name, struct error *err);
/* Frees images that wait for their files. */
void image_dir_drop_held(struct image_dir *dir);
/* Removes a file, if there is one. */
int image_dir_remove(struct image_dir *dir, const char *name, struct error *err);

/*
 * Checks that @n bytes are a message of type @desc, with all that it requires, not
 * nested deeper than any of the format is, before protobuf-c (which recurses without
 * limit and does not say what is wrong) unpacks them. Returns 0 or -errno.
 */
int image_check_message(const ProtobufCMessageDescriptor *desc, const void *data, size_t n,
			struct error *err);

#endif
