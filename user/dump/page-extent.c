// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extents: pieces of large ranges, which have their place in the pages file before they are
 * read. So their readers wait for nobody, and in tmpfs pages are copied once, straight into
 * huge pages of the file (of a tree that stands still).
 */
#include <errno.h>
#include <sys/mman.h>

#include "dump/dump.h"
#include "dump/page-pump.h"
#include "image/image.h"

#define EXTENT_MAX  (16ull << 20)
#define EXTENT_MIN  (4ull << 20)
#define EXTENT_UNIT (2ull << 20) /* a huge page, mostly */
#define STEP	CHUNK_BYTES	/* stays in a processor's cache until it is summed up */
#define SAMPLES 32

/* What can be had of the range, beyond the gap before it; 0: too little. */
static uint64_t extent_bytes(const struct page_pump *pump, uint64_t gap)
{
	uint64_t left = pump->rest.end - pump->rest.start;

	if (left < gap + EXTENT_MIN)
		return 0;
	left -= gap;
	return left > EXTENT_MAX ? EXTENT_MAX : left / EXTENT_UNIT * EXTENT_UNIT;
}

/*
 * Are there pages of zeroes in the @bytes that come next? They are not to be stored, but what
 * has its place before it is read is stored as a whole. Few zeroes that no sample hits do no harm.
 */
static bool is_sparse(struct page_pump *pump, uint64_t bytes, struct error *err)
{
	char *buffer = pump->buffers[pump->n_buffers - 1];
	struct page_range samples[SAMPLES];
	const size_t page = pump->page_size;
	/* an odd distance, or all might be pages of one sort */
	const uint64_t distance = (bytes / page / SAMPLES - 1) | 1;

	if (pump->rest.keep_zeroes)
		return false;
	for (size_t i = 0; i < SAMPLES; i++) {
		samples[i] = pump->rest;
		samples[i].start = pump->rest.start + distance * page * i;
		samples[i].end = samples[i].start + page;
	}
	if (page_source_read(&pump->sink->source, samples, SAMPLES, buffer, err))
		return true;
	for (size_t i = 0; i < SAMPLES; i++)
		if (page_is_zero(buffer + i * page, page))
			return true;
	return false;
}

bool pump_has_extent(struct page_pump *pump)
{
	struct error err = { 0 };
	uint64_t bytes;

	if (!pump->sink || !pump->sink->source.process || pump->rest.is_saved ||
	    pump->rest.by_tracer || pump->rest.end - pump->rest.start < EXTENT_MIN ||
	    EXTENT_UNIT % pump->page_size ||
	    SAMPLES * pump->page_size > CHUNK_BYTES || !pump->n_buffers)
		return false;
	bytes = extent_bytes(pump, page_store_gap(&pump->sink->store));
	if (!bytes)
		return false;
	if (pump->rest.start < pump->looked_until)
		return !pump->is_sparse;
	pump->looked_until = pump->rest.start + bytes;
	pump->is_sparse = is_sparse(pump, bytes, &err);
	error_deinit(&err);
	return !pump->is_sparse;
}

int pump_take_extent(struct page_pump *pump, struct extent *ret)
{
	struct page_sink *sink = pump->sink;
	uint64_t gap = page_store_gap(&sink->store);
	uint64_t bytes = extent_bytes(pump, gap) + gap;
	struct run run = { pump->rest.start, bytes / pump->page_size };
	int code = pump_publish_run(pump, sink, &run);

	if (code)
		return code;
	ret->sink = sink;
	ret->range = pump->rest;
	ret->range.end = pump->rest.start += bytes;
	ret->gap = gap;
	ret->part = page_store_assign(&sink->store, bytes, true);
	sink->users++;
	pump->d->stats.pages_scanned += run.count;
	pump->d->stats.pages_written += run.count;
	return 0;
}

/* Reads the @bytes of @extent from @done on: into a buffer, or the file itself. */
static int read_step(struct extent *extent, uint64_t done, uint64_t bytes, char *to,
		     struct error *err)
{
	const struct page_source *src = &extent->sink->source;
	struct page_range range = extent->range;

	range.start += done;
	range.end = range.start + bytes;
	if (page_source_read(src, &range, 1, to, err))
		return fail_in(err, "process %d", src->process->pid);
	extent->sum += image_pages_sum(to, bytes, extent->part.offset + done);
	return 0;
}

/* By way of a buffer. */
static int store_step(struct extent *extent, uint64_t done, uint64_t bytes, char *buffer,
		      struct error *err)
{
	struct page_part part = { extent->part.offset + done, extent->part.may_map };
	struct iovec iov = { buffer, bytes };
	int ret = read_step(extent, done, bytes, buffer, err);

	if (ret)
		return ret;
	ret = page_store_put(&extent->sink->store, &part, &iov, 1);
	return ret ? fail(err, ret, "pages-%u.img: cannot write it", extent->sink->pages_id) : 0;
}

int pump_store_extent(const struct page_pump *pump, struct extent *extent, char *buffer,
		      struct error *err)
{
	uint64_t size = extent->range.end - extent->range.start, gap = extent->gap, bytes;
	char *at = NULL;
	int ret = 0;

	/*
	 * While the tree runs on, small pages do: a huge one is made in one go, for which its
	 * processor lets nobody else run. That takes half a millisecond, and many if memory is
	 * fragmented.
	 */
	if (extent->part.may_map && pump->what != PUMP_CLONES)
		at = page_store_map_huge(&extent->sink->store, extent->part.offset + gap,
					size - gap);
	for (uint64_t done = 0; done < size && !ret; done += bytes) {
		bytes = done < gap ? gap - done : size - done;
		if (bytes > STEP)
			bytes = STEP;
		pump_pause(pump);
		if (at && done >= gap)
			ret = read_step(extent, done, bytes, at + (done - gap), err);
		else
			ret = store_step(extent, done, bytes, buffer, err);
	}
	if (at)
		munmap(at, size - gap);
	return ret;
}
