/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_PIPEBUF_H
#define CRBPF_PIPEBUF_H

/*
 * What pipes and FIFOs share: their content, read without taking it out, and who
 * has their ends.
 */

#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"

struct dump;
struct file;
struct judge;
struct new_file;
struct restore;
struct snapshot;

/* Notes what cannot be carried of the pipe or FIFO that @f is an end of. */
void judge_pipe(struct judge *j, const struct file *f, const char *kind);

/* The first file of the snapshot that is an end of the same pipe as @f; @reading: of those that can
 * read. NULL if none. */
const struct file *pipe_first(const struct snapshot *snap, const struct file *f, bool reading);

/* Writes size and content of the pipe behind @f, which may be read through it, into image @type. */
int dump_pipe_data(struct dump *d, struct file *f, enum image_type type, uint32_t pipe_id);

/* All files of a restore that are ends of one pipe: linked by their check. */
struct pipe_end {
	struct new_file *next;
};

/* For check: puts @f among the ends of @pipe_id of its kind. Returns 0 or -errno. */
int pipe_add_end(struct restore *r, struct new_file *f, uint32_t pipe_id);
/* The first end, or NULL. */
struct new_file *pipe_ends(const struct restore *r, int file_type, uint32_t pipe_id);

/*
 * For each pipe that image @type has content of, calls @make, which opens all its
 * ends and sets *@ret_fd to a descriptor to write through, for this function to close;
 * then writes the content. A second call for the same image does nothing.
 */
int restore_pipe_data(struct restore *r, enum image_type type, int file_type,
		      int (*make)(struct restore *r, struct new_file *first, int *ret_fd));

#endif
