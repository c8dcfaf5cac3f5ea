/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_BORROW_H
#define CRBPF_RESTORE_BORROW_H

struct batch;
struct new_task;
struct restore;

/*
 * Gives task @t, which still has all privileges, a descriptor for what @fd of
 * this process is open on: number *@ret, close-on-exec, for the task to close again. Runs
 * the batch. The table of descriptors of the task may be in its final state already. 0 or -errno.
 */
int restore_borrow(struct restore *r, struct new_task *t, struct batch *batch, int fd, int *ret);

#endif
