/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CMD_SUMMARY_H
#define CRBPF_CMD_SUMMARY_H

#include <stdio.h>

struct error;
struct image_dir;
struct log;

/*
 * A checkpoint on one page: when and where it was taken, the tree with what each
 * process has, its descriptors. Images that cannot be read are warned of and left
 * out; a directory without a process tree is an error.
 */
int print_summary(FILE *out, struct image_dir *dir, const char *path, struct log *log,
		  struct error *err);

#endif
