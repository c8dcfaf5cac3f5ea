// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages go from the image straight to their place: large ranges from here (fill.h); of all
 * others each task reads its own, with preadv and many ranges a call. The tasks of several
 * processes read at the same time.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/fill.h"
#include "restore/memory.h"
#include "restore/restore.h"

/* Ranges and bytes of one call; the kernel's own limits are 1024 and 2 GiB. */
#define RANGES_MAX 256
#define BYTES_MAX  (1ull << 30)
/* From so many bytes on it pays to have the pages made before they are read into. */
#define POPULATE_MIN (64 * 1024)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* How far the pages of one process are read. */
struct filling {
	struct new_process *p;
	size_t run, vma;
	uint64_t done; /* bytes of p->pages[run] */
};

/* One call: ranges of memory whose content follows each other in the file. */
struct reading {
	struct iovec ranges[RANGES_MAX];
	size_t n;
	uint64_t offset, bytes;
};

static bool is_vdso(const struct new_process *p, uint64_t address)
{
	return address >= p->vdso.text && address < p->vdso.text + p->vdso.text_size;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The mapping that @at lies in; NULL: none that has an entry. */
static const struct new_vma *find_vma(struct filling *f, uint64_t at)
{
	const struct new_vma *v;

	while (f->vma < f->p->n_vmas && f->p->vmas[f->vma].entry->end <= at)
		f->vma++;
	v = &f->p->vmas[f->vma];
	return f->vma < f->p->n_vmas && v->entry->start <= at ? v : NULL;
}

/* Who is to read the next bytes. */
enum reader {
	READER_NONE,	/* nobody: the vDSO is the kernel's */
	READER_TASK,
	READER_FILL,
};

/* Bytes of what is next, all of which go to one place by one reader. */
static uint64_t next_piece(const struct restore *r, struct filling *f, enum reader *ret_reader,
			   const struct new_vma **ret_vma)
{
	const struct new_pages *run = &f->p->pages[f->run];
	uint64_t at = run->start + f->done, left = run->count * r->page_size - f->done;
	uint64_t text = f->p->vdso.text, end = text + f->p->vdso.text_size;
	const struct new_vma *v = find_vma(f, at);

	*ret_vma = v;
	*ret_reader = READER_NONE;
	if (is_vdso(f->p, at))
		return least(left, end - at);
	*ret_reader = READER_TASK;
	if (at < text)
		left = least(left, text - at);
	if (!v || !f->p->is_filled_from_here)
		return left;
	left = least(left, v->entry->end - at);
	if (fill_is_worth(f->p, v, left))
		*ret_reader = READER_FILL;
	return left;
}

static void advance(const struct restore *r, struct filling *f, uint64_t bytes)
{
	f->done += bytes;
	if (f->done == f->p->pages[f->run].count * r->page_size) {
		f->run++;
		f->done = 0;
	}
}

/* Collects the ranges of the next call; none if all is read. */
static void next_reading(const struct restore *r, struct filling *f, struct reading *ret)
{
	ret->n = 0;
	ret->bytes = 0;
	while (f->run < f->p->n_pages && ret->n < RANGES_MAX && ret->bytes < BYTES_MAX) {
		const struct new_pages *run = &f->p->pages[f->run];
		uint64_t offset = run->offset + f->done;
		const struct new_vma *v;
		enum reader reader;
		uint64_t bytes = next_piece(r, f, &reader, &v);

		if (reader != READER_TASK) {
			advance(r, f, bytes);
			continue;
		}
		if (ret->n && offset != ret->offset + ret->bytes)
			break;
		if (bytes > BYTES_MAX - ret->bytes)
			bytes = BYTES_MAX - ret->bytes;
		if (!ret->n)
			ret->offset = offset;
		ret->ranges[ret->n++] =
			(struct iovec){(void *)(uintptr_t)(run->start + f->done), bytes};
		ret->bytes += bytes;
		advance(r, f, bytes);
	}
}

static bool is_populated(const struct iovec *range)
{
	return range->iov_len >= POPULATE_MIN;
}

static size_t count_populate(const struct reading *reading)
{
	size_t n = 0;

	for (size_t i = 0; i < reading->n; i++)
		n += is_populated(&reading->ranges[i]);
	return n;
}

/* Bytes of a batch that a reading of @n ranges takes, @populated of them made before. */
static size_t reading_size(size_t n, size_t populated)
{
	return n * sizeof(struct iovec) + (populated + 1) * sizeof(struct engine_call);
}

/* All at once, and not by a page fault each. Kernels before 5.14 do it by faults. */
static int queue_populate(struct batch *batch, const struct reading *reading)
{
	int ret = 0;

	for (size_t i = 0; i < reading->n && !ret; i++) {
		const struct iovec *range = &reading->ranges[i];

		if (is_populated(range))
			ret = batch_try(batch, "making pages", SYS_madvise,
					(__u64)(uintptr_t)range->iov_base, range->iov_len,
					MADV_POPULATE_WRITE);
	}
	return ret;
}

static int queue_reading(struct batch *batch, const struct new_process *p,
			 const struct reading *reading)
{
	size_t size = reading->n * sizeof(reading->ranges[0]);
	int ret = queue_populate(batch, reading) ?: batch_reserve(batch, 1, size);
	__u64 ranges = ret ? 0 : batch_data(batch, reading->ranges, size, NULL);

	/* Without room the error of the run that was to make some is batch_start's to tell. */
	if (!ranges)
		return 0;
	return batch_call(
		batch, "reading pages to %llx (offset %llx)",
		(__u64)(uintptr_t)reading->ranges[0].iov_base, reading->offset, ENGINE_DEMAND,
		(__s64)reading->bytes, NULL, SYS_preadv,
		(const __u64[6]){(__u64)p->pages_fd, ranges, reading->n, reading->offset});
}

/* Queues as much as one batch holds, and starts it. */
static int start_reading(struct restore *r, struct filling *f, struct error *err)
{
	struct batch *batch = injected_batch(f->p->tasks[0].injected);
	const size_t most = reading_size(RANGES_MAX, RANGES_MAX);
	size_t room = batch_room(batch), used = 0;
	struct reading *reading = malloc(sizeof(*reading));
	int ret = 0;

	if (!reading)
		return fail(err, ENOMEM, "cannot read pages");
	while (used + most <= room && !ret) {
		next_reading(r, f, reading);
		if (!reading->n)
			break;
		ret = queue_reading(batch, f->p, reading);
		used += reading_size(reading->n, count_populate(reading));
		r->stats.pages_restored += reading->bytes / r->page_size;
	}
	free(reading);
	return batch_start(batch, err) ?: ret;
}

/* One round: a batch in every process that has pages left. */
static int fill_round(struct restore *r, struct filling *fillings, size_t n, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		if (start_reading(r, &fillings[i], err))
			ret = fail_in(err, "process %d", fillings[i].p->pid);
	for (size_t i = 0; i < n; i++)
		if (batch_finish(injected_batch(fillings[i].p->tasks[0].injected),
				 ret ? NULL : err) &&
		    !ret)
			ret = fail_in(err, "process %d", fillings[i].p->pid);
	return ret;
}

static bool has_more(const struct filling *fillings, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fillings[i].run < fillings[i].p->n_pages)
			return true;
	return false;
}

/* Hands the large ranges of @p, the process number @i, to @fill. */
static int add_large(struct restore *r, struct fill *fill, size_t i, struct new_process *p,
		     struct error *err)
{
	struct filling f = { .p = p };
	int ret = 0;

	while (f.run < p->n_pages && !ret) {
		const struct new_pages *run = &p->pages[f.run];
		const struct new_vma *v;
		enum reader reader;
		uint64_t bytes = next_piece(r, &f, &reader, &v);

		if (reader == READER_FILL) {
			ret = fill_add(fill, i, p, v, run->start + f.done, bytes,
				       run->offset + f.done, err);
			r->stats.pages_restored += bytes / r->page_size;
		}
		advance(r, &f, bytes);
	}
	return ret;
}

static int fill_large(struct restore *r, struct new_process **ps, size_t n, struct fill **ret_fill,
		      struct error *err)
{
	bool is_any = false;
	int ret;

	for (size_t i = 0; i < n; i++)
		is_any |= ps[i]->is_filled_from_here;
	if (!is_any)
		return 0;
	ret = fill_create(ret_fill, r, n, err);
	for (size_t i = 0; i < n && !ret; i++)
		if (ps[i]->is_filled_from_here)
			ret = add_large(r, *ret_fill, i, ps[i], err);
	if (!ret)
		fill_start(*ret_fill);
	return ret;
}

int memory_fill(struct restore *r, struct new_process **ps, size_t n, struct error *err)
{
	struct filling *fillings = calloc(n ?: 1, sizeof(*fillings));
	struct fill *fill = NULL;
	int ret = 0;

	if (!fillings)
		return fail(err, ENOMEM, "cannot read pages");
	for (size_t i = 0; i < n; i++)
		fillings[i].p = ps[i];
	ret = fill_large(r, ps, n, &fill, err);
	while (has_more(fillings, n) && !ret)
		ret = fill_round(r, fillings, n, err);
	if (fill)
		ret = fill_finish(fill, err) ?: ret;
	fill_destroy(fill);
	free(fillings);
	return ret;
}
