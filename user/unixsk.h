/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_UNIXSK_H
#define CRBPF_UNIXSK_H

/*
 * Unix sockets made again. The kernel notes who called socketpair, listen or connect
 * and tells the other side (SO_PEERCRED), so these calls are made by a child with the
 * number and the user that the original caller had: the numbers of the tree are still free.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct UnixSkEntry UnixSkEntry;

struct new_file;
struct restore;

/* Whom a call is to be made as. */
struct identity {
	pid_t pid; /* 0: any */
	uid_t uid; /* -1: this process's */
	gid_t gid;
};

/*
 * Runs @fn in a child process that shares this one's descriptors, but not its
 * working directory, as @who. @data (@n bytes) is handed to it and comes back as it left it.
 * A number that is taken is replaced by any. Returns what @fn returned (0 or -errno), or
 * -errno if there could be no such child.
 */
int run_as(struct restore *r, const struct identity *who, int (*fn)(void *data), void *data,
	   size_t n);

/* For check: enters @f among the sockets of the restore. Returns 0 or -errno. */
int unix_add(struct restore *r, struct new_file *f);
/* Makes all Unix sockets of the restore, in an order in which names do not collide. Once. */
int unix_open_all(struct restore *r);
/* Connects a datagram socket to the named one that it sends to. */
int unix_connect(struct restore *r, struct new_file *f);

#endif
