/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_DUMP_UNIXOPTIONS_H
#define CRBPF_DUMP_UNIXOPTIONS_H

/*
 * What getsockopt says of Unix sockets. Thousands of them mostly have the same options, and to
 * ask each takes the time in which the tree stands still: so one is asked of those for which
 * all is equal that the answers are made of.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct SkOptsEntry SkOptsEntry;

struct dump;
struct file;

struct unix_options {
	SkOptsEntry *opts;
	uint32_t *peer_groups; /* SO_PEERGROUPS */
	size_t n_peer_groups;
};

/* Those of @f, a Unix socket; in d->arena, and not to be changed. NULL with the error set. */
const struct unix_options *dump_unix_options(struct dump *d, struct file *f);

#endif
