/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CMD_VERIFY_H
#define CRBPF_CMD_VERIFY_H

/* The checks of `crbpf verify`, by subject. Each prints a line for every problem. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "image/set.h"

struct verify {
	FILE *out;
	struct image_dir *dir;
	struct image_set set;
	struct ids pids;       /* every pid of the tree to 1 */
	struct ids file_users; /* ids of files that a descriptor or a queue has, to 1 */
	struct ids pages;      /* pages_id to 1: each belongs to one pagemap */
	size_t n_images, n_problems;
	bool has_sums;
};

/* One line; counted. */
void verify_problem(struct verify *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Loads a list for a check; what cannot be read was told by verify_images and counts as empty. */
struct image_entries verify_load(struct verify *v, enum image_type type, unsigned long long number);

/* Returns 0, or -ENOMEM: problems of the images are no errors here. */
int verify_tasks(struct verify *v, struct error *err);
int verify_files(struct verify *v, struct error *err);
int verify_mappings(struct verify *v, struct error *err);
/* A pagemap of either kind against its pages file and, if it is a process's, its mappings. */
int verify_pagemap(struct verify *v, enum image_type type, unsigned long long number,
		   struct error *err);

#endif
