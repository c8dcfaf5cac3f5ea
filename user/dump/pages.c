// SPDX-License-Identifier: GPL-2.0-only
#include "dump/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "dump/dump.h"
#include "dump/page-pump.h"

/* Chunks that one thread does alone before it calls for help: most dumps are smaller. */
#define ALONE 4

static int buffer_create(struct page_pump *pump)
{
	char *buffer = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (buffer == MAP_FAILED)
		return -ENOMEM;
	/* each byte is copied twice: fewer misses of the TLB; without huge pages it works as well */
	madvise(buffer, CHUNK_BYTES, MADV_HUGEPAGE);
	pump->buffers[pump->n_buffers++] = buffer;
	return 0;
}

static int slot_create(struct page_pump *pump, struct chunk *chunk)
{
	chunk->runs = calloc(pump->chunk_pages, sizeof(*chunk->runs));
	chunk->iovs = calloc(pump->chunk_pages, sizeof(*chunk->iovs));
	return chunk->runs && chunk->iovs ? 0 : -ENOMEM;
}

int page_pump_create(struct page_pump **ret, struct error *err)
{
	struct page_pump *pump = calloc(1, sizeof(*pump));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!pump)
		return fail(err, ENOMEM, "cannot allocate buffers");
	pump->page_size = (size_t)sysconf(_SC_PAGESIZE);
	pump->chunk_pages = CHUNK_BYTES / pump->page_size;
	pump->n_workers = cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (size_t)cpus;
	pthread_mutex_init(&pump->lock, NULL);
	pthread_cond_init(&pump->changed, NULL);
	for (size_t i = 0; i < SLOTS + pump->n_workers; i++)
		if (buffer_create(pump) || (i < SLOTS && slot_create(pump, &pump->slots[i]))) {
			page_pump_destroy(pump);
			return fail(err, ENOMEM, "cannot allocate buffers");
		}
	/* the one that is used in any case is touched before the freeze */
	memset(pump->buffers[pump->n_buffers - 1], 0, CHUNK_BYTES);
	*ret = pump;
	return 0;
}

void page_pump_destroy(struct page_pump *pump)
{
	if (!pump)
		return;
	for (size_t i = 0; i < pump->n_buffers; i++)
		munmap(pump->buffers[i], CHUNK_BYTES);
	for (size_t i = 0; i < SLOTS; i++) {
		free(pump->slots[i].runs);
		free(pump->slots[i].iovs);
	}
	pthread_cond_destroy(&pump->changed);
	pthread_mutex_destroy(&pump->lock);
	free(pump);
}

/* A yield would favour other threads of this process alone; less than this is no sleep at all. */
void pump_pause(const struct page_pump *pump)
{
	const struct timespec least = { .tv_nsec = 20000 };

	if (pump->what == PUMP_CLONES)
		nanosleep(&least, NULL);
}

/* --- the work on one chunk, without the lock --- */

bool page_is_zero(const char *page, size_t size)
{
	const uint64_t *word = (const uint64_t *)page;

	return !word[0] && !word[size / 16] && !memcmp(page, page + 8, size - 8);
}

/* Adds a page to the runs, and to what is to be written. */
static void keep_page(struct chunk *chunk, uint64_t address, char *content, size_t size)
{
	struct run *run = chunk->n_runs ? &chunk->runs[chunk->n_runs - 1] : NULL;
	struct iovec *iov = chunk->n_iovs ? &chunk->iovs[chunk->n_iovs - 1] : NULL;

	if (run && run->start + run->count * size == address)
		run->count++;
	else
		chunk->runs[chunk->n_runs++] = (struct run){ address, 1 };
	if (iov && (char *)iov->iov_base + iov->iov_len == content)
		iov->iov_len += size;
	else
		chunk->iovs[chunk->n_iovs++] = (struct iovec){ content, size };
}

static void drop_zeroes(struct chunk *chunk, size_t size)
{
	char *content = chunk->buffer;

	chunk->n_runs = chunk->n_iovs = 0;
	for (size_t i = 0; i < chunk->n_ranges; i++) {
		const struct page_range *range = &chunk->ranges[i];

		for (uint64_t at = range->start; at < range->end; at += size, content += size)
			if (range->keep_zeroes || !page_is_zero(content, size))
				keep_page(chunk, at, content, size);
	}
}

/* While it is in the processor's cache. */
static void sum_chunk(struct chunk *chunk)
{
	uint64_t offset = chunk->part.offset;

	chunk->sum = 0;
	for (size_t i = 0; i < chunk->n_iovs; i++) {
		chunk->sum += image_pages_sum(chunk->iovs[i].iov_base, chunk->iovs[i].iov_len, offset);
		offset += chunk->iovs[i].iov_len;
	}
}

static int write_chunk(struct chunk *chunk, struct error *err)
{
	int ret = page_store_put(&chunk->sink->store, &chunk->part, chunk->iovs, chunk->n_iovs);

	return ret ? fail(err, ret, "pages-%u.img: cannot write it", chunk->sink->pages_id) : 0;
}

static int read_chunk(struct chunk *chunk, size_t page_size, struct error *err)
{
	const struct page_source *src = &chunk->sink->source;
	int ret = page_source_read(src, chunk->ranges, chunk->n_ranges, chunk->buffer, err);

	if (ret && src->process)
		return fail_in(err, "process %d", src->process->pid);
	drop_zeroes(chunk, page_size);
	return ret;
}

/* --- the workers; the lock is held but where it says so --- */

/* Hands a worker's failure to all. */
static void pump_fail(struct page_pump *pump, struct error *err)
{
	if (pump->err.code)
		error_deinit(err);
	else
		pump->err = *err;
	*err = (struct error){ 0 };
}

static void set_state(struct page_pump *pump, struct chunk *chunk, enum chunk_state state)
{
	chunk->state = state;
	pthread_cond_broadcast(&pump->changed);
}

static void free_chunk(struct page_pump *pump, struct chunk *chunk)
{
	sink_release(pump, chunk->sink);
	pump->buffers[pump->n_buffers++] = chunk->buffer;
	chunk->buffer = NULL;
	set_state(pump, chunk, CHUNK_FREE);
}

/* The next chunk in order has been read: writes it. */
static void finish_chunk(struct page_pump *pump, struct chunk *chunk)
{
	struct error err = { 0 };
	int ret = pump_publish(pump, chunk);

	pump->published++;
	set_state(pump, chunk, CHUNK_WRITING);
	if (!ret) {
		pthread_mutex_unlock(&pump->lock);
		sum_chunk(chunk);
		ret = write_chunk(chunk, &err);
		pump_pause(pump);
		pthread_mutex_lock(&pump->lock);
		chunk->sink->sum += chunk->sum;
		if (ret)
			pump_fail(pump, &err);
	}
	free_chunk(pump, chunk);
}

static void fill_chunk(struct page_pump *pump, struct chunk *chunk)
{
	struct error err = { 0 };
	int ret;

	chunk->state = CHUNK_READING;
	pthread_mutex_unlock(&pump->lock);
	ret = read_chunk(chunk, pump->page_size, &err);
	pthread_mutex_lock(&pump->lock);
	if (ret)
		pump_fail(pump, &err);
	set_state(pump, chunk, CHUNK_READY);
}

/*
 * Takes more ranges into a free slot and reads them. Of memory that may not be read, a kernel can
 * be configured (since 6.12, PROC_MEM_FORCE_PTRACE) to let the thread alone that traces read it.
 */
static void begin_chunk(struct page_pump *pump, struct chunk *chunk)
{
	int ret = interrupt_check(&pump->d->interrupt, &pump->err);

	if (!ret)
		ret = pump_next_chunk(pump, chunk);
	if (ret <= 0) {
		pump->is_exhausted = true;
		pthread_cond_broadcast(&pump->changed);
		return;
	}
	pump->next++;
	chunk->buffer = pump->buffers[--pump->n_buffers];
	if (chunk->by_tracer && !pthread_equal(pthread_self(), pump->tracer))
		set_state(pump, chunk, CHUNK_FOR_TRACER);
	else
		fill_chunk(pump, chunk);
}

/* What the others have left to the tracer, if that is who asks. */
static struct chunk *chunk_for_tracer(struct page_pump *pump)
{
	for (size_t i = 0; i < SLOTS && pthread_equal(pthread_self(), pump->tracer); i++)
		if (pump->slots[i].state == CHUNK_FOR_TRACER)
			return &pump->slots[i];
	return NULL;
}

static void *work(void *arg);

/* There is a lot to do: starts the other workers. That one cannot be had is no failure. */
static void call_for_help(struct page_pump *pump)
{
	while (pump->n_started + 1 < pump->n_workers &&
	       !pthread_create(&pump->threads[pump->n_started], NULL, work, pump))
		pump->n_started++;
}

/* Takes an extent: its place in the pages file is settled already. */
static void run_extent(struct page_pump *pump)
{
	struct extent extent = { 0 };
	struct error err = { 0 };
	char *buffer;

	if (interrupt_check(&pump->d->interrupt, &pump->err) || pump_take_extent(pump, &extent))
		return;
	if (!pump->n_started)
		call_for_help(pump);
	buffer = pump->buffers[--pump->n_buffers];
	pthread_mutex_unlock(&pump->lock);
	pump_store_extent(pump, &extent, buffer, &err);
	pthread_mutex_lock(&pump->lock);
	if (err.code)
		pump_fail(pump, &err);
	extent.sink->sum += extent.sum;
	pump->buffers[pump->n_buffers++] = buffer;
	sink_release(pump, extent.sink);
}

/* Whatever is to be done next, until all is done: what comes first in order goes first. */
static void *work(void *arg)
{
	struct page_pump *pump = arg;

	pthread_mutex_lock(&pump->lock);
	while (!pump->err.code) {
		struct chunk *first = &pump->slots[pump->published % SLOTS];
		struct chunk *free_slot = &pump->slots[pump->next % SLOTS];
		bool has_extent = !pump->is_exhausted && pump_has_extent(pump);
		struct chunk *mine = chunk_for_tracer(pump);

		if (mine)
			fill_chunk(pump, mine);
		else if (pump->published < pump->next && first->state == CHUNK_READY)
			finish_chunk(pump, first);
		else if (has_extent && pump->published == pump->next)
			run_extent(pump);
		else if (!has_extent && !pump->is_exhausted && free_slot->state == CHUNK_FREE)
			begin_chunk(pump, free_slot);
		else if (pump->is_exhausted && pump->published == pump->next)
			break;
		else
			pthread_cond_wait(&pump->changed, &pump->lock);
		if (pump->next - pump->first == ALONE && !pump->n_started)
			call_for_help(pump);
	}
	pthread_cond_broadcast(&pump->changed);
	pthread_mutex_unlock(&pump->lock);
	return NULL;
}

/* After a failure: chunks that were read, and wait for a turn that does not come. */
static void drop_chunks(struct page_pump *pump)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (pump->slots[i].state != CHUNK_FREE)
			free_chunk(pump, &pump->slots[i]);
	if (pump->sink)
		sink_release(pump, pump->sink);
	pump->sink = NULL;
}

int page_pump_run(struct page_pump *pump, struct dump *d, enum pump_what what, struct error *err)
{
	int slack;

	pump->d = d;
	pump->what = what;
	pump->next_process = 0;
	pump->next_shared = what == PUMP_CLONES ? d->n_shared : 0;
	pump->is_exhausted = false;
	pump->first = pump->next;
	pump->tracer = pthread_self();
	/* of pauses, of all threads: those that are made have it too */
	slack = prctl(PR_GET_TIMERSLACK);
	if (what == PUMP_CLONES)
		prctl(PR_SET_TIMERSLACK, 1);
	work(pump);
	for (size_t i = 0; i < pump->n_started; i++)
		pthread_join(pump->threads[i], NULL);
	pump->n_started = 0;
	if (slack > 0)
		prctl(PR_SET_TIMERSLACK, slack);
	drop_chunks(pump);
	if (!pump->err.code)
		return 0;
	if (err->code)
		error_deinit(&pump->err);
	else
		*err = pump->err;
	return err->code;
}
