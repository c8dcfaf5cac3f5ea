/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CMD_DESCRIBE_H
#define CRBPF_CMD_DESCRIBE_H

/* Images in a person's words. */

#include <linux/types.h>
#include <stdio.h>

typedef struct FileEntry FileEntry;

/* One open file description, without a line end: `/var/log/x, writing, at 4096`. */
void describe_file(FILE *out, const FileEntry *file);

/* Bytes as `12 KiB`, in a buffer of the caller. Returns @text. */
#define SIZE_TEXT 24
const char *size_text(char text[static SIZE_TEXT], __u64 bytes);

#endif
