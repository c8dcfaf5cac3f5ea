// SPDX-License-Identifier: GPL-2.0-only
/* Tags of memory into an image: runs of pages with one tag throughout, and of others. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "dump/describe.h"
#include "dump/dump.h"
#include "dump/page-source.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "memory-tags.pb-c.h"

/* Pages that are asked for at once, and the most of an entry that spells out its tags. */
#define PAGES_MAX 32

struct tag_writer {
	struct dump *d;
	struct image *image;
	pid_t tid;
	uint64_t page_size;
	size_t granules;       /* of a page */
	unsigned char *tags;   /* of PAGES_MAX pages, a byte each */
	unsigned char *packed; /* of the entry, two a byte */

	/* the entry to be */
	uint64_t start, count; /* pages; 0: none yet */
	bool is_even;          /* all have the one tag */
	unsigned char tag;
};

static int flush(struct tag_writer *w)
{
	MemoryTagsEntry entry = MEMORY_TAGS_ENTRY__INIT;
	uint64_t count = w->count;

	if (!count)
		return 0;
	w->count = 0;
	entry.vaddr = w->start;
	entry.nr_pages = count;
	entry.has_tag = w->is_even;
	entry.tag = w->tag;
	entry.has_tags = !w->is_even;
	entry.tags.data = w->packed;
	entry.tags.len = count * w->granules / 2;
	return image_add(w->image, &entry.base, w->d->err);
}

static bool is_even(const unsigned char *tags, size_t n)
{
	return !memcmp(tags, tags + 1, n - 1);
}

static int add_page(struct tag_writer *w, uint64_t address, const unsigned char *tags)
{
	bool even = is_even(tags, w->granules);
	bool fits = w->count && address == w->start + w->count * w->page_size &&
		    even == w->is_even && (even ? *tags == w->tag : w->count < PAGES_MAX);
	unsigned char *to;

	if (!fits && flush(w))
		return w->d->err->code;
	if (!w->count) {
		w->start = address;
		w->is_even = even;
		w->tag = *tags;
	}
	to = w->packed + w->count * w->granules / 2;
	for (size_t i = 0; !even && i < w->granules; i += 2)
		*to++ = (unsigned char)(tags[i] | tags[i + 1] << ARCH_TAG_BITS);
	w->count++;
	return 0;
}

static int add_range(struct tag_writer *w, const struct page_range *range)
{
	uint64_t at = range->start;

	while (at < range->end) {
		uint64_t pages = (range->end - at) / w->page_size;
		int ret;

		if (pages > PAGES_MAX)
			pages = PAGES_MAX;
		ret = arch_tags_read(w->tid, at, w->tags, pages * w->granules);
		if (ret)
			return fail(w->d->err, ret, "cannot read the tags of memory at %llx",
				    (unsigned long long)at);
		for (uint64_t i = 0; i < pages; i++, at += w->page_size)
			if (add_page(w, at, w->tags + i * w->granules))
				return w->d->err->code;
	}
	return 0;
}

static int write_tags(struct tag_writer *w, const struct process *p)
{
	struct page_range range;
	struct page_source src;
	int ret = page_source_tagged(&src, p, w->d->err);

	if (ret)
		return ret;
	while ((ret = page_source_next(&src, &range, w->d->err)) > 0) {
		ret = add_range(w, &range);
		if (ret)
			break;
	}
	page_source_close(&src);
	return ret ?: flush(w);
}

static bool has_tags(const struct mm *mm)
{
	for (size_t i = 0; i < mm->n_vmas; i++)
		if (arch_vma_has_tags(mm->vmas[i].rec->prot))
			return true;
	return false;
}

int describe_tags(struct dump *d, const struct process *p)
{
	_cleanup_free_ unsigned char *tags = NULL, *packed = NULL;
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	struct tag_writer w = {
		.d = d,
		.tid = p->pid,
		.page_size = page_size,
		.granules = page_size / ARCH_TAG_GRANULE,
	};
	int ret;

	if (!has_tags(p->mm))
		return 0;
	tags = w.tags = malloc(PAGES_MAX * w.granules);
	packed = w.packed = malloc(PAGES_MAX * w.granules / 2);
	if (!tags || !packed)
		return fail(d->err, ENOMEM, "cannot read the tags of memory");
	ret = image_create(d->dir, IMAGE_MEMORY_TAGS, (unsigned long long)p->vpid, &w.image, d->err);
	if (ret)
		return ret;
	ret = write_tags(&w, p);
	return image_finish(w.image, ret ? NULL : d->err) ?: ret;
}
