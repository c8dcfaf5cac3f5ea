/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_PAGE_PUMP_H
#define CRBPF_PAGE_PUMP_H

/*
 * Inside the pump: its state, and the part that says what comes next (page-sink.c).
 * All of it belongs to the holder of the lock, but for a chunk that is being read or
 * written, which belongs to the worker that does it.
 */

#include <pthread.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "dump/page-source.h"
#include "dump/page-store.h"
#include "dump/pages.h"
#include "lib/err.h"

struct image;

/* A chunk should stay in a processor's cache from its being read to its being written. */
#define CHUNK_BYTES (1024 * 1024)
#define CHUNK_RANGES 64
#define WORKERS_MAX 4
/*
 * Chunks under way at once. More than there are workers: one that is held up (by the
 * scheduler, by a slow disk) does not hold up the others until all of these are full.
 */
#define SLOTS 8

/* One pagemap and its pages file. */
struct page_sink {
	struct page_source source;
	struct image *pagemap;
	uint32_t pages_id;
	struct page_store store;	/* the pages file */
	uint64_t start, count;	/* the run not yet in the pagemap: it may grow */
	uint64_t sum;		/* image_pages_sum of what is written */
	size_t users;		/* the search for ranges, and each chunk under way */
	bool is_shared;
};

/* What is left of a chunk without its zero pages. */
struct run {
	uint64_t start, count;
};

enum chunk_state {
	CHUNK_FREE,
	CHUNK_FOR_TRACER,	/* has its ranges and its buffer, and waits for the tracer to read it */
	CHUNK_READING,
	CHUNK_READY,
	CHUNK_WRITING,
};

struct chunk {
	enum chunk_state state;
	struct page_sink *sink;
	struct page_range ranges[CHUNK_RANGES];
	size_t n_ranges;
	size_t pages;
	bool by_tracer;		/* one of the ranges is to be read by the tracer */
	char *buffer;		/* CHUNK_BYTES; NULL while it is free */
	struct run *runs;	/* a run per page at worst, and as many iovecs */
	struct iovec *iovs;
	size_t n_runs, n_iovs;
	struct page_part part;	/* of the pages file, once its turn has come */
	uint64_t sum;
};

/* A large piece of a range that has its place before it is read: page-extent.c */
struct extent {
	struct page_sink *sink;
	struct page_range range;
	uint64_t gap;		/* bytes of it up to where a huge page of the file can begin */
	struct page_part part;
	uint64_t sum;
};

struct page_pump {
	struct dump *d;
	size_t page_size, chunk_pages;
	struct chunk slots[SLOTS];	/* chunk number N is in slot N % SLOTS */
	/* those not in use; taken from the end, where they are still warm */
	char *buffers[SLOTS + WORKERS_MAX];
	size_t n_buffers;
	pthread_t threads[WORKERS_MAX];	/* besides the caller's */
	pthread_t tracer;	/* the caller's */
	size_t n_workers, n_started;
	unsigned int n_slow;	/* of all pages files: page-store.h; atomic */

	pthread_mutex_t lock;	/* all that follows, the sinks, and d->dir */
	pthread_cond_t changed;	/* a chunk's state */
	struct error err;
	size_t next_process, next_shared;
	struct page_sink *sink;	/* whose ranges are handed out */
	struct page_range rest;	/* what did not fit into the last chunk */
	uint64_t looked_until;	/* where extents were looked for */
	bool is_sparse;		/* and none was found */
	enum pump_what what;
	uint64_t first;		/* the first chunk of this run */
	uint64_t next, published;	/* chunks handed out; chunks that have their place */
	bool is_exhausted;	/* there are no more ranges */
};

/* Takes the next ranges into @chunk, and holds their sink for it. Returns 1, 0 at the end of all, or -errno. */
int pump_next_chunk(struct page_pump *pump, struct chunk *chunk);
/* Gives the runs of @chunk, whose turn it is, their place in the pagemap and the pages file. 0 or -errno. */
int pump_publish(struct page_pump *pump, struct chunk *chunk);
/* The same of one run. */
int pump_publish_run(struct page_pump *pump, struct page_sink *sink, const struct run *run);
/* Can an extent be taken once all chunks handed out are published? */
bool pump_has_extent(struct page_pump *pump);
/* Takes it, publishes it, and holds its sink. Returns 0 or -errno. */
int pump_take_extent(struct page_pump *pump, struct extent *ret);
/* Stores it, by way of @buffer if need be; the lock is not held. Returns 0 or -errno. */
int pump_store_extent(const struct page_pump *pump, struct extent *extent, char *buffer,
		      struct error *err);
/*
 * Between two steps, the lock not held: while the tree runs on, whoever of it waits for this
 * processor gets it now, and not with the next tick of the scheduler.
 */
void pump_pause(const struct page_pump *pump);
/* Is a page nothing but zeroes? */
bool page_is_zero(const char *page, size_t size);
/* Lets go of a sink; the last to do so finishes its files. */
void sink_release(struct page_pump *pump, struct page_sink *sink);

#endif
