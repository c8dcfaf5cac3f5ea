// SPDX-License-Identifier: GPL-2.0-only
/*
 * Extents: pieces of large ranges, which have their place in the pages file before they are
 * read. So their readers wait for nobody, and in tmpfs pages are copied once, straight into
 * huge pages of the file.
 */
#include <errno.h>
#include <sys/mman.h>

#include "dump/dump.h"
#include "dump/page-pump.h"
#include "image/image.h"

#define EXTENT	(16ull << 20)
#define STEP	CHUNK_BYTES	/* stays in a processor's cache until it is summed up */
#define SAMPLES 32

/*
 * Are there pages of zeroes in what comes next? They are not to be stored, but what has its
 * place before it is read is stored as a whole. Few zeroes that no sample hits do no harm.
 */
static bool is_sparse(struct page_pump *pump, struct error *err)
{
	char *buffer = pump->buffers[pump->n_buffers - 1];
	struct page_range samples[SAMPLES];
	const size_t page = pump->page_size;

	if (pump->rest.keep_zeroes)
		return false;
	for (size_t i = 0; i < SAMPLES; i++) {
		/* an odd distance, or all might be pages of one sort */
		uint64_t at = pump->rest.start + (EXTENT / SAMPLES / page + 1) * page * i;

		samples[i] = pump->rest;
		samples[i].start = at;
		samples[i].end = at + page;
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

	if (!pump->sink || !pump->sink->source.process || pump->rest.is_saved ||
	    pump->rest.end - pump->rest.start < 3 * EXTENT || EXTENT % pump->page_size ||
	    SAMPLES * pump->page_size > CHUNK_BYTES || !pump->n_buffers)
		return false;
	if (pump->rest.start < pump->looked_until)
		return !pump->is_sparse;
	pump->looked_until = pump->rest.start + EXTENT;
	pump->is_sparse = is_sparse(pump, &err);
	error_deinit(&err);
	return !pump->is_sparse;
}

int pump_take_extent(struct page_pump *pump, struct extent *ret)
{
	struct page_sink *sink = pump->sink;
	uint64_t bytes = EXTENT + page_store_gap(&sink->store);
	struct run run = { pump->rest.start, bytes / pump->page_size };
	int code = pump_publish_run(pump, sink, &run);

	if (code)
		return code;
	ret->sink = sink;
	ret->range = pump->rest;
	ret->range.end = pump->rest.start += bytes;
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

int pump_store_extent(struct extent *extent, char *buffer, struct error *err)
{
	uint64_t size = extent->range.end - extent->range.start, gap = size - EXTENT, bytes;
	char *at = NULL;
	int ret = 0;

	if (extent->part.may_map)
		at = page_store_map_huge(&extent->sink->store, extent->part.offset + gap, EXTENT);
	for (uint64_t done = 0; done < size && !ret; done += bytes) {
		bytes = done < gap ? gap - done : size - done;
		if (bytes > STEP)
			bytes = STEP;
		if (at && done >= gap)
			ret = read_step(extent, done, bytes, at + (done - gap), err);
		else
			ret = store_step(extent, done, bytes, buffer, err);
	}
	if (at)
		munmap(at, EXTENT);
	return ret;
}
