// SPDX-License-Identifier: GPL-2.0-only
#include "dump/pages.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dump/dump.h"
#include "dump/page-source.h"
#include "image/image.h"
#include "lib/err.h"
#include "lib/log.h"
#include "pagemap.pb-c.h"

/* Two copies of a chunk should fit into a processor's cache: it is read, searched and written at once. */
#define CHUNK_BYTES (512 * 1024)
#define CHUNK_RANGES 64
#define WORKERS_MAX 4
/* Chunks that one thread does alone before it calls for help: most dumps are smaller. */
#define ALONE 4
/* Pagemap flag: the content is in the pages file. */
#define PAGE_PRESENT 4

/* One pagemap and its pages file. */
struct page_sink {
	struct page_source source;
	struct image *pagemap;
	uint32_t pages_id;
	int fd;			/* the pages file */
	uint64_t offset;	/* bytes of it that are assigned */
	uint64_t start, count;	/* the run not yet in the pagemap: it may grow */
	size_t users;		/* the search for ranges, and each chunk under way */
	bool is_shared;
};

struct chunk {
	struct page_sink *sink;
	uint64_t ticket;	/* its place in the order of all chunks */
	struct page_range ranges[CHUNK_RANGES];
	size_t n_ranges;
	size_t pages;
};

/* What is left of a chunk without its zero pages. */
struct run {
	uint64_t start, count;
};

struct worker {
	struct page_pump *pump;
	pthread_t thread;
	char *buffer;		/* CHUNK_BYTES */
	struct run *runs;	/* a run per page at worst, and as many iovecs */
	struct iovec *iovs;
	size_t n_runs, n_iovs;
	struct chunk chunk;
};

struct page_pump {
	struct dump *d;
	size_t page_size, chunk_pages;
	struct worker workers[WORKERS_MAX];
	size_t n_workers, n_started;

	pthread_mutex_t lock;	/* all that follows, the sinks, and d->dir */
	pthread_cond_t turn;
	struct error err;
	size_t next_process, next_shared;
	struct page_sink *sink;	/* whose ranges are handed out */
	struct page_range rest;	/* what did not fit into the last chunk */
	uint64_t next_ticket, published;
};

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
	pthread_cond_init(&pump->turn, NULL);
	for (size_t i = 0; i < pump->n_workers; i++) {
		struct worker *w = &pump->workers[i];

		w->pump = pump;
		w->buffer = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		w->runs = calloc(pump->chunk_pages, sizeof(*w->runs));
		w->iovs = calloc(pump->chunk_pages, sizeof(*w->iovs));
		if (w->buffer == MAP_FAILED)
			w->buffer = NULL;
		if (!w->buffer || !w->runs || !w->iovs) {
			page_pump_destroy(pump);
			return fail(err, ENOMEM, "cannot allocate buffers");
		}
	}
	/* the one that works in any case is touched before the freeze */
	memset(pump->workers[0].buffer, 0, CHUNK_BYTES);
	*ret = pump;
	return 0;
}

void page_pump_destroy(struct page_pump *pump)
{
	if (!pump)
		return;
	for (size_t i = 0; i < pump->n_workers; i++) {
		if (pump->workers[i].buffer)
			munmap(pump->workers[i].buffer, CHUNK_BYTES);
		free(pump->workers[i].runs);
		free(pump->workers[i].iovs);
	}
	pthread_cond_destroy(&pump->turn);
	pthread_mutex_destroy(&pump->lock);
	free(pump);
}

/* --- sinks; the lock is held --- */

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

/* Ends a sink that nobody uses any more. */
static void sink_release(struct page_pump *pump, struct page_sink *sink)
{
	if (--sink->users)
		return;
	if (!pump->err.code)
		sink_add(sink, &pump->err);
	image_finish(sink->pagemap, &pump->err);
	if (sink->fd >= 0 && close(sink->fd))
		fail(&pump->err, errno, "pages-%u.img: cannot write it", sink->pages_id);
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
	sink->fd = image_create_raw(pump->d->dir, IMAGE_PAGES, sink->pages_id, &pump->err);
	return sink->fd < 0 ? sink->fd : 0;
}

/* Makes the next sink, of a process or of shared memory. Returns 1, 0 if there is none, or -errno. */
static int next_sink(struct page_pump *pump)
{
	const struct snapshot *snap = &pump->d->snap;
	struct page_sink *sink;
	uint64_t number;
	int ret = 0;

	while (pump->next_process < snap->n_processes &&
	       !snap->processes[pump->next_process]->mm)
		pump->next_process++;
	if (pump->next_process == snap->n_processes && pump->next_shared == pump->d->n_shared)
		return 0;
	sink = calloc(1, sizeof(*sink));
	if (!sink)
		return fail(&pump->err, ENOMEM, "cannot store pages");
	sink->fd = -1;
	sink->users = 1;
	if (pump->next_process < snap->n_processes) {
		const struct process *p = snap->processes[pump->next_process++];

		number = (uint64_t)p->vpid;
		ret = page_source_process(&sink->source, p, &pump->err);
	} else {
		const struct shared_memory *shared = &pump->d->shared[pump->next_shared++];

		number = shared->shmid;
		sink->is_shared = true;
		page_source_shared(&sink->source, shared->fd, shared->size);
	}
	pump->sink = sink;
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

/*
 * Fills a chunk with ranges of one sink. Returns 1, 0 at the end of all, or -errno.
 * The chunk holds its sink.
 */
static int next_chunk(struct page_pump *pump, struct chunk *chunk)
{
	chunk->n_ranges = chunk->pages = 0;
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
				chunk->ticket = pump->next_ticket++;
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
		chunk->n_ranges++;
	}
	chunk->sink = pump->sink;
	chunk->sink->users++;
	chunk->ticket = pump->next_ticket++;
	return 1;
}

/* Gives the runs of a chunk, whose turn it is, their place. *@ret_offset is where they begin. */
static int publish(struct worker *w, uint64_t *ret_offset)
{
	struct page_pump *pump = w->pump;
	struct page_sink *sink = w->chunk.sink;
	uint64_t pages = 0;
	int ret = 0;

	*ret_offset = sink->offset;
	for (size_t i = 0; i < w->n_runs && !ret; i++) {
		const struct run *run = &w->runs[i];

		pages += run->count;
		if (sink->count && sink->start + sink->count * pump->page_size == run->start &&
		    sink->count + run->count <= UINT32_MAX) {
			sink->count += run->count;
			continue;
		}
		ret = sink_add(sink, &pump->err);
		sink->start = run->start;
		sink->count = run->count;
	}
	sink->offset += pages * pump->page_size;
	if (sink->is_shared) {
		pump->d->stats.shared_scanned += w->chunk.pages;
		pump->d->stats.shared_written += pages;
	} else {
		pump->d->stats.pages_scanned += w->chunk.pages;
		pump->d->stats.pages_written += pages;
	}
	pump->d->stats.pages_zero += w->chunk.pages - pages;
	return ret;
}

/* --- the work on one chunk, without the lock --- */

static bool is_zero(const char *page, size_t size)
{
	const uint64_t *word = (const uint64_t *)page;

	return !word[0] && !word[size / 16] && !memcmp(page, page + 8, size - 8);
}

/* Adds a page to the runs, and to what is to be written. */
static void keep_page(struct worker *w, uint64_t address, char *content)
{
	size_t size = w->pump->page_size;
	struct run *run = w->n_runs ? &w->runs[w->n_runs - 1] : NULL;
	struct iovec *iov = w->n_iovs ? &w->iovs[w->n_iovs - 1] : NULL;

	if (run && run->start + run->count * size == address)
		run->count++;
	else
		w->runs[w->n_runs++] = (struct run){ address, 1 };
	if (iov && (char *)iov->iov_base + iov->iov_len == content)
		iov->iov_len += size;
	else
		w->iovs[w->n_iovs++] = (struct iovec){ content, size };
}

static void drop_zeroes(struct worker *w)
{
	size_t size = w->pump->page_size;
	char *content = w->buffer;

	w->n_runs = w->n_iovs = 0;
	for (size_t i = 0; i < w->chunk.n_ranges; i++) {
		const struct page_range *range = &w->chunk.ranges[i];

		for (uint64_t at = range->start; at < range->end; at += size, content += size)
			if (range->keep_zeroes || !is_zero(content, size))
				keep_page(w, at, content);
	}
}

static int write_chunk(struct worker *w, uint64_t offset, struct error *err)
{
	struct iovec *iov = w->iovs, *end = w->iovs + w->n_iovs;

	while (iov < end) {
		int n = end - iov > 1024 ? 1024 : (int)(end - iov);
		ssize_t done = pwritev(w->chunk.sink->fd, iov, n, (off_t)offset);

		if (done <= 0)
			return fail(err, done ? errno : ENOSPC, "pages-%u.img: cannot write it",
				    w->chunk.sink->pages_id);
		offset += (uint64_t)done;
		while (iov < end && (size_t)done >= iov->iov_len)
			done -= (ssize_t)(iov++)->iov_len;
		if (done) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static int read_chunk(struct worker *w, struct error *err)
{
	const struct page_source *src = &w->chunk.sink->source;
	int ret = page_source_read(src, w->chunk.ranges, w->chunk.n_ranges, w->buffer, err);

	if (ret && src->process)
		return fail_in(err, "process %d", src->process->pid);
	drop_zeroes(w);
	return ret;
}

/* Hands a worker's failure to all; the lock is held. */
static void pump_fail(struct page_pump *pump, struct error *err)
{
	if (pump->err.code)
		error_deinit(err);
	else
		pump->err = *err;
	*err = (struct error){ 0 };
	pthread_cond_broadcast(&pump->turn);
}

/* Does the chunk that the worker holds. The lock is held on entry and exit. */
static void do_chunk(struct worker *w)
{
	struct page_pump *pump = w->pump;
	struct error err = { 0 };
	uint64_t offset;
	int ret;

	pthread_mutex_unlock(&pump->lock);
	ret = read_chunk(w, &err);
	pthread_mutex_lock(&pump->lock);
	if (ret)
		pump_fail(pump, &err);
	while (pump->published != w->chunk.ticket && !pump->err.code)
		pthread_cond_wait(&pump->turn, &pump->lock);
	if (!pump->err.code && !publish(w, &offset)) {
		pump->published++;
		pthread_cond_broadcast(&pump->turn);
		pthread_mutex_unlock(&pump->lock);
		ret = write_chunk(w, offset, &err);
		pthread_mutex_lock(&pump->lock);
		if (ret)
			pump_fail(pump, &err);
	}
	sink_release(pump, w->chunk.sink);
	pthread_cond_broadcast(&pump->turn);
}

static void *work(void *arg);

/* There is a lot to do: starts the other workers. That one cannot be had is no failure. */
static void call_for_help(struct page_pump *pump)
{
	while (pump->n_started < pump->n_workers) {
		struct worker *w = &pump->workers[pump->n_started];

		if (pthread_create(&w->thread, NULL, work, w))
			break;
		pump->n_started++;
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct page_pump *pump = w->pump;

	pthread_mutex_lock(&pump->lock);
	while (!pump->err.code && next_chunk(pump, &w->chunk) > 0) {
		if (w == pump->workers && w->chunk.ticket == ALONE)
			call_for_help(pump);
		do_chunk(w);
	}
	pthread_cond_broadcast(&pump->turn);
	pthread_mutex_unlock(&pump->lock);
	return NULL;
}

int page_pump_run(struct page_pump *pump, struct dump *d, struct error *err)
{
	pump->d = d;
	pump->n_started = 1;
	work(&pump->workers[0]);
	for (size_t i = 1; i < pump->n_started; i++)
		pthread_join(pump->workers[i].thread, NULL);
	if (pump->sink)
		sink_release(pump, pump->sink);
	pump->sink = NULL;
	if (!pump->err.code)
		return 0;
	if (err->code)
		error_deinit(&pump->err);
	else
		*err = pump->err;
	return err->code;
}
