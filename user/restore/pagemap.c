// SPDX-License-Identifier: GPL-2.0-only
/* Pagemaps: which pages an image holds, and where their content stands in the pages file. */
#include "pagemap.pb-c.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "restore/restore.h"

enum { PAGES_IN_PARENT = 1, PAGES_LAZY = 2, PAGES_PRESENT = 4 };

/* A pagemap while it is read. */
struct reading {
	struct restore *r;
	const char *name; /* of the image, and its number */
	unsigned long long number;
	struct image *image;
	struct new_pages *pages; /* owned */
	size_t n;
	uint64_t end;    /* of the run before */
	uint64_t offset; /* bytes in the pages file so far */
};

/* Checks one run and adds it; adjoining runs become one. */
static int add_run(struct reading *reading, const PagemapEntry *entry, struct error *err)
{
	uint64_t page = reading->r->page_size;
	uint64_t count = entry->has_nr_pages ? entry->nr_pages : entry->compat_nr_pages;
	uint32_t flags = entry->has_flags ? entry->flags : PAGES_PRESENT;
	struct new_pages *last = reading->n ? &reading->pages[reading->n - 1] : NULL;
	uint64_t start = entry->vaddr, size;

	if (start % page || !count || __builtin_mul_overflow(count, page, &size) ||
	    size > UINT64_MAX - start || size > (uint64_t)INT64_MAX - reading->offset)
		return fail(err, 0, "%llu pages at %llx cannot be", (unsigned long long)count,
			    (unsigned long long)start);
	if (start < reading->end)
		return fail(err, 0, "the pages at %llx come after those up to %llx",
			    (unsigned long long)start, (unsigned long long)reading->end);
	if (flags & PAGES_IN_PARENT || (entry->has_in_parent && entry->in_parent))
		return fail(err, 0,
			    "the pages at %llx are in an earlier checkpoint, which cannot be "
			    "read yet",
			    (unsigned long long)start);
	if (!(flags & PAGES_PRESENT))
		return fail(err, 0, "the pages at %llx were left behind for a page server",
			    (unsigned long long)start);
	if (last && start == reading->end) {
		last->count += count;
	} else {
		last = array_add(reading->pages, reading->n);
		if (!last)
			return fail(err, ENOMEM, "cannot load the images");
		*last = (struct new_pages){start, count, reading->offset};
	}
	reading->end = start + size;
	reading->offset += size;
	return 0;
}

static int read_runs(struct reading *reading, struct error *err)
{
	ProtobufCMessage *msg;
	int ret;

	while ((ret = image_next(reading->image, &pagemap_entry__descriptor, &msg, err)) > 0) {
		ret = add_run(reading, (const PagemapEntry *)msg, err)
			      ? fail_in(err, "%s-%llu.img", reading->name, reading->number)
			      : 0;
		protobuf_c_message_free_unpacked(msg, NULL);
		if (ret)
			break;
	}
	return ret;
}

/* The head names the pages file, which must be as long as the runs say: either may have been cut.
 */
static int open_pages(struct reading *reading, uint32_t pages_id, int *ret_fd, struct error *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	*ret_fd = -1;
	fd = image_open_raw(reading->r->dir, IMAGE_PAGES, pages_id, err);
	if (fd == -ENOENT && !reading->offset)
		return 0;
	if (fd == -ENOENT)
		return fail(err, 0, "pages-%u.img is missing", pages_id);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return fail(err, errno, "cannot look at pages-%u.img", pages_id);
	if ((uint64_t)st.st_size != reading->offset)
		return fail(err, 0, "pages-%u.img has %llu bytes, but must have %llu", pages_id,
			    (unsigned long long)st.st_size, (unsigned long long)reading->offset);
	if (reading->offset)
		*ret_fd = take_fd(fd);
	return 0;
}

static int read_pagemap(struct reading *reading, int *ret_fd, struct error *err)
{
	ProtobufCMessage *msg;
	uint32_t pages_id;
	int ret = image_next(reading->image, &pagemap_head__descriptor, &msg, err);

	if (ret < 0)
		return ret;
	if (!ret)
		return fail(err, 0, "%s-%llu.img is empty", reading->name, reading->number);
	pages_id = ((const PagemapHead *)msg)->pages_id;
	protobuf_c_message_free_unpacked(msg, NULL);
	return read_runs(reading, err) ?: open_pages(reading, pages_id, ret_fd, err);
}

int restore_pagemap(struct restore *r, enum image_type type, unsigned long long number,
		    struct new_pages **ret_pages, size_t *ret_n, int *ret_fd, struct error *err)
{
	struct reading reading = {
		.r = r,
		.name = type == IMAGE_PAGEMAP ? "pagemap" : "pagemap-shmem",
		.number = number,
	};
	int fd = -1, ret = image_open(r->dir, type, number, &reading.image, err);

	if (ret)
		return ret;
	if (!reading.image)
		return fail(err, 0, "%s-%llu.img is missing", reading.name, number);
	ret = read_pagemap(&reading, &fd, err);
	image_finish(reading.image, NULL);
	if (!ret && reading.n) {
		*ret_pages =
			arena_copy(&r->arena, reading.pages, reading.n * sizeof(*reading.pages));
		if (!*ret_pages)
			ret = fail(err, ENOMEM, "cannot load the images");
	}
	free(reading.pages);
	if (ret) {
		cleanup_close(&fd);
		return ret;
	}
	*ret_n = reading.n;
	*ret_fd = fd;
	return 0;
}
