/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_BORROW_H
#define CRBPF_RESTORE_BORROW_H

#include <stdint.h>

struct batch;
struct error;
struct new_task;
struct restore;

/*
 * What file entry @id (a path) names, opened in this process with @flags: once for all who want the
 * same. Stays open until the restore ends. Returns a descriptor or -errno.
 */
int restore_lend(struct restore *r, uint32_t id, int flags, struct error *err);

/*
 * Gives task @t, which still has all privileges, a descriptor for what @fd of this process, which
 * stays open until the batch has run, is open on: number *@ret, close-on-exec, for the task to
 * close again before it borrows another. Its table of descriptors is in its final state, and only
 * what is in the batch changes that. The batch may be run. 0 or -errno.
 */
int restore_borrow(struct restore *r, struct new_task *t, struct batch *batch, int fd, int *ret);

#endif
