/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_FILL_H
#define CRBPF_RESTORE_FILL_H

/*
 * Large ranges of anonymous memory, filled from here by all processors at once: their
 * tasks would fill them one page fault after the other. UFFDIO_COPY puts pages in place
 * without zeroing them first; where the kernel would make huge pages, or has no
 * userfaultfd for us, process_vm_writev has them made.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct batch;
struct error;
struct fill;
struct new_process;
struct new_vma;
struct restore;

/* Queues the userfaultfd of @p, if it has much memory: p->userfault once the batch has run. */
int fill_queue_open(const struct restore *r, struct new_process *p, struct batch *batch);
/* Queues its end, after fill_destroy. */
int fill_queue_close(const struct new_process *p, struct batch *batch);

/* Is it worth it for @bytes of @v? */
bool fill_is_worth(const struct new_process *p, const struct new_vma *v, uint64_t bytes);

/* @n: the number of processes that ranges may be of. Returns 0 or -errno. */
int fill_create(struct fill **ret, const struct restore *r, size_t n, struct error *err);
/*
 * @bytes of @p, the process number @i, from @start on, all in @v. They stand at @offset in
 * its pages file. Returns 0 or -errno.
 */
int fill_add(struct fill *fill, size_t i, const struct new_process *p, const struct new_vma *v,
	     uint64_t start, uint64_t bytes, uint64_t offset, struct error *err);
/* Has other threads begin. That they cannot be had is no failure. */
void fill_start(struct fill *fill);
/* Helps them, until all is filled; stops them if @err is set. Returns 0 or -errno. */
int fill_finish(struct fill *fill, struct error *err);
/* Nothing may be under way. NULL is fine. */
void fill_destroy(struct fill *fill);

#endif
