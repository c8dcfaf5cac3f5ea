// SPDX-License-Identifier: GPL-2.0-only
/* Pagemaps and their pages files: which pages come next, and where they are put. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "dump/cow.h"
#include "dump/dump.h"
#include "dump/page-pump.h"
#include "image/image.h"
#include "pagemap.pb-c.h"

/* Pagemap flag: the content is in the pages file. */
#define PAGE_PRESENT 4

static int sink_add(struct page_sink *sink, struct error *err)
{
	PagemapEntry entry = PAGEMAP_ENTRY__INIT;

	if (!sink->count)
		return 0;
	entry.vaddr = sink->start;
	/*
	 * The older of two fields for the count, which every reader knows: CRIU 4.1
	 * sees no other. publish() keeps the run short enough for it.
	 */
	entry.compat_nr_pages = (uint32_t)sink->count;
	entry.has_flags = true;
	entry.flags = PAGE_PRESENT;
	sink->count = 0;
	return image_add(sink->pagemap, &entry.base, err);
}

void sink_release(struct page_pump *pump, struct page_sink *sink)
{
	int ret;

	if (--sink->users)
		return;
	if (!pump->err.code)
		sink_add(sink, &pump->err);
	image_finish(sink->pagemap, &pump->err);
	/* without it the file is read again when the images are sealed */
	if (sink->store.fd >= 0)
		image_dir_note_sum(pump->d->dir, sink->pages_id, sink->sum, sink->store.end);
	ret = page_store_deinit(&sink->store);
	if (ret)
		fail(&pump->err, ret, "pages-%u.img: cannot write it", sink->pages_id);
	page_source_close(&sink->source);
	free(sink);
}

static int sink_open(struct page_pump *pump, struct page_sink *sink, uint64_t number)
{
	enum image_type type = sink->is_shared ? IMAGE_PAGEMAP_SHMEM : IMAGE_PAGEMAP;
	PagemapHead head = PAGEMAP_HEAD__INIT;
	int ret;

	sink->pages_id = head.pages_id = ++pump->d->next_pages_id;
	ret = image_create(pump->d->dir, type, number, &sink->pagemap, &pump->err);
	if (!ret)
		ret = image_add(sink->pagemap, &head.base, &pump->err);
	if (ret)
		return ret;
	sink->store.fd = image_create_raw(pump->d->dir, IMAGE_PAGES, sink->pages_id, &pump->err);
	return sink->store.fd < 0 ? sink->store.fd : 0;
}

/* Is it the turn of this process's memory? *@ret_child: the clone to read it from, 0 without one. */
static bool is_wanted(const struct page_pump *pump, const struct process *p, pid_t *ret_child,
		      const struct saved_pages **ret_saved)
{
	*ret_child = p->mm ? cow_child(pump->d, p, ret_saved) : 0;
	return p->mm && (*ret_child != 0) == (pump->what == PUMP_CLONES);
}

/* Makes the next sink, of a process or of shared memory. Returns 1, 0 if there is none, -errno. */
static int next_sink(struct page_pump *pump)
{
	const struct snapshot *snap = &pump->d->snap;
	const struct saved_pages *saved = NULL;
	struct page_sink *sink;
	uint64_t number;
	pid_t child = 0;
	int ret = 0;

	while (pump->next_process < snap->n_processes &&
	       !is_wanted(pump, snap->processes[pump->next_process], &child, &saved))
		pump->next_process++;
	if (pump->next_process == snap->n_processes && pump->next_shared == pump->d->n_shared)
		return 0;
	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return fail(&pump->err, ENOMEM, "cannot store pages");
	page_store_init(&sink->store, -1, &pump->n_slow);
	sink->users = 1;
	if (pump->next_process < snap->n_processes) {
		const struct process *p = snap->processes[pump->next_process++];

		number = (uint64_t)p->vpid;
		ret = child ? page_source_clone(&sink->source, p, child, saved, &pump->err) :
			      page_source_process(&sink->source, p, &pump->err);
	} else {
		const struct shared_memory *shared = &pump->d->shared[pump->next_shared++];

		number = shared->shmid;
		sink->is_shared = true;
		page_source_shared(&sink->source, shared->fd, shared->size);
	}
	pump->sink = sink;
	pump->looked_until = 0;
	return ret ?: sink_open(pump, sink, number) ?: 1;
}

/* The next range of the current sink, or of the next. Returns 1, 0 at the end of all, -errno. */
static int next_range(struct page_pump *pump, struct page_range *range)
{
	int ret;

	if (!pump->sink) {
		ret = next_sink(pump);
		if (ret <= 0)
			return ret;
	}
	if (pump->rest.start < pump->rest.end) {
		*range = pump->rest;
		return 1;
	}
	ret = page_source_next(&pump->sink->source, range, &pump->err);
	if (ret < 0 && pump->sink->source.process)
		fail_in(&pump->err, "process %d", pump->sink->source.process->pid);
	return ret;
}

/* A chunk has ranges of one sink only. */
int pump_next_chunk(struct page_pump *pump, struct chunk *chunk)
{
	chunk->n_ranges = chunk->pages = 0;
	chunk->by_tracer = false;
	for (;;) {
		size_t room = (pump->chunk_pages - chunk->pages) * pump->page_size;
		struct page_range *range = &chunk->ranges[chunk->n_ranges];
		int ret = 1;

		if (room && chunk->n_ranges < CHUNK_RANGES)
			ret = next_range(pump, range);
		else
			break;
		if (ret < 0 || (!ret && !pump->sink))
			return ret;
		if (!ret) {
			struct page_sink *sink = pump->sink;

			pump->sink = NULL;
			if (chunk->n_ranges) {
				/* the search's hold on it becomes the chunk's */
				chunk->sink = sink;
				return 1;
			}
			sink_release(pump, sink);
			if (pump->err.code)
				return pump->err.code;
			continue;
		}
		pump->rest = (struct page_range){ 0 };
		if (range->end - range->start > room) {
			pump->rest = *range;
			pump->rest.start = range->end = range->start + room;
		}
		chunk->pages += (range->end - range->start) / pump->page_size;
		chunk->by_tracer |= range->by_tracer;
		chunk->n_ranges++;
	}
	chunk->sink = pump->sink;
	chunk->sink->users++;
	return 1;
}

int pump_publish_run(struct page_pump *pump, struct page_sink *sink, const struct run *run)
{
	int ret;

	if (sink->count && sink->start + sink->count * pump->page_size == run->start &&
	    sink->count + run->count <= UINT32_MAX) {
		sink->count += run->count;
		return 0;
	}
	ret = sink_add(sink, &pump->err);
	sink->start = run->start;
	sink->count = run->count;
	return ret;
}

int pump_publish(struct page_pump *pump, struct chunk *chunk)
{
	struct page_sink *sink = chunk->sink;
	uint64_t pages = 0;
	int ret = 0;

	for (size_t i = 0; i < chunk->n_runs && !ret; i++) {
		pages += chunk->runs[i].count;
		ret = pump_publish_run(pump, sink, &chunk->runs[i]);
	}
	chunk->part = page_store_assign(&sink->store, pages * pump->page_size, pump->n_started);
	if (sink->is_shared) {
		pump->d->stats.shared_scanned += chunk->pages;
		pump->d->stats.shared_written += pages;
	} else {
		pump->d->stats.pages_scanned += chunk->pages;
		pump->d->stats.pages_written += pages;
	}
	pump->d->stats.pages_zero += chunk->pages - pages;
	return ret;
}
