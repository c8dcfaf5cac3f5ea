/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SCAN_FDS_H
#define CRBPF_SCAN_FDS_H

/* What scan --fds tells of each descriptor. */

struct file;
struct json;
struct scan_tree;
struct snapshot;

/* A table for people: process, number, kind, access, position, path, state. */
void scan_print_fds(const struct scan_tree *tree);
/* The member "descriptors", an array. */
void scan_print_fds_json(const struct scan_tree *tree, struct json *json);

#endif
