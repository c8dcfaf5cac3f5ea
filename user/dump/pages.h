/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_PAGES_H
#define CRBPF_PAGES_H

/*
 * The pump that brings pages from frozen tasks into images. Chunks are read and
 * searched for zero pages by several threads at once; the order in which they lie in
 * a pages file is settled one after the other, as a pagemap demands; they are then
 * written in parallel again. Its memory is one buffer per thread, whatever the size of the tree.
 */

#include <stddef.h>
#include <stdint.h>

struct dump;
struct error;
struct page_pump;

/* Allocates the buffers, so that nothing of it is left for the frozen time. Returns 0 or -errno. */
int page_pump_create(struct page_pump **ret, struct error *err);
void page_pump_destroy(struct page_pump *pump);

enum pump_what {
	PUMP_STOPPED,	/* what is read while the tree stands still: d->shared, and processes without a clone */
	PUMP_CLONES,	/* processes that have one, whose memory is read from it */
};

/* Stores the pages of processes of d->snap. Returns 0 or -errno. */
int page_pump_run(struct page_pump *pump, struct dump *d, enum pump_what what, struct error *err);

#endif
