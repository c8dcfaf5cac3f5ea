// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tags of memory. The pages stand: what is written to a page here only changes how
 * pointers to it must look. Pages that came from a parent have its tags, and stay
 * shared with it unless theirs are others.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "arch/arch.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "memory-tags.pb-c.h"
#include "mm.pb-c.h"
#include "restore/check.h"
#include "restore/memory.h"
#include "restore/restore.h"

#define TAG_MAX ((1u << ARCH_TAG_BITS) - 1)

/* --- checks --- */

static int check_entry(const struct restore *r, const MemoryTagsEntry *entry, uint64_t from,
		       uint64_t *ret_end, struct error *err)
{
	uint64_t size, granules = r->page_size / ARCH_TAG_GRANULE;

	if (entry->vaddr % r->page_size || entry->vaddr < from || !entry->nr_pages ||
	    __builtin_mul_overflow(entry->nr_pages, r->page_size, &size) ||
	    size > UINT64_MAX - entry->vaddr)
		return fail(err, 0, "tags of %llu pages at %llx cannot be",
			    (unsigned long long)entry->nr_pages, (unsigned long long)entry->vaddr);
	if (entry->has_tag == entry->has_tags || (entry->has_tag && entry->tag > TAG_MAX) ||
	    (entry->has_tags && entry->tags.len != entry->nr_pages * granules / 2))
		return fail(err, 0, "the tags of memory at %llx are not as many as there must be",
			    (unsigned long long)entry->vaddr);
	*ret_end = entry->vaddr + size;
	return 0;
}

/* All of [at, end) must lie in private tagged mappings; *@i is where the search goes on. */
static bool is_tagged(const struct new_process *p, uint64_t at, uint64_t end, size_t *i)
{
	while (at < end) {
		const VmaEntry *entry;

		while (*i < p->n_vmas && p->vmas[*i].entry->end <= at)
			++*i;
		if (*i == p->n_vmas)
			return false;
		entry = p->vmas[*i].entry;
		if (entry->start > at || !entry->tagged || !(entry->flags & MAP_PRIVATE))
			return false;
		at = entry->end;
	}
	return true;
}

static bool is_missing(const struct new_process *p)
{
	for (size_t i = 0; i < p->n_vmas && !p->n_tags; i++)
		if (p->vmas[i].entry->tagged && p->vmas[i].has_pages)
			return true;
	return false;
}

int check_tags(const struct restore *r, const struct new_process *p, struct error *err)
{
	uint64_t end = 0;
	size_t next = 0;
	int ret = 0;

	if (is_missing(p))
		return fail(err, 0, "memory-tags-%d.img is missing", p->pid);
	for (size_t i = 0; i < p->n_tags && !ret; i++) {
		uint64_t start = p->tags[i]->vaddr;

		ret = check_entry(r, p->tags[i], end, &end, err);
		if (!ret && !is_tagged(p, start, end, &next))
			ret = fail(err, 0, "the memory at %llx has tags, and is not made for them",
				   (unsigned long long)start);
		if (ret)
			fail_in(err, "memory-tags-%d.img", p->pid);
	}
	return ret;
}

/* --- restore --- */

/* What the tags of one page are to be. */
static void unpack(const MemoryTagsEntry *entry, uint64_t page, unsigned char *tags, size_t n)
{
	const uint8_t *from = entry->tags.data + page * n / 2;

	if (entry->has_tag) {
		memset(tags, (int)entry->tag, n);
		return;
	}
	for (size_t i = 0; i < n; i += 2) {
		tags[i] = *from & TAG_MAX;
		tags[i + 1] = *from++ >> ARCH_TAG_BITS;
	}
}

static int tag_pages(const struct restore *r, const struct new_process *p,
		     const MemoryTagsEntry *entry, unsigned char *now, unsigned char *want)
{
	size_t n = r->page_size / ARCH_TAG_GRANULE;
	int ret = 0;

	for (uint64_t i = 0; i < entry->nr_pages && !ret; i++) {
		uint64_t at = entry->vaddr + i * r->page_size;

		unpack(entry, i, want, n);
		ret = arch_tags_read(p->pid, at, now, n);
		if (!ret && memcmp(now, want, n))
			ret = arch_tags_write(p->pid, at, want, n);
	}
	return ret;
}

/* The last protection comes afterwards, which does not end the tagging: that is for ever. */
static int prepare(const struct new_process *p, struct error *err)
{
	struct batch *batch = injected_batch(p->tasks[0].injected);
	int ret = 0;

	for (size_t i = 0; i < p->n_vmas && !ret; i++) {
		const VmaEntry *entry = p->vmas[i].entry;
		int prot = PROT_READ | PROT_WRITE | arch_tagged_prot();

		if (entry->tagged)
			ret = batch_call(batch, "tagging %llx-%llx", entry->start, entry->end,
					 ENGINE_SUCCESS, 0, NULL, SYS_mprotect,
					 (const __u64[6]){entry->start, entry->end - entry->start,
							  (__u64)prot});
	}
	return batch_run(batch, err) ?: ret;
}

static int tag_process(const struct restore *r, const struct new_process *p, struct error *err)
{
	size_t n = r->page_size / ARCH_TAG_GRANULE;
	_cleanup_free_ unsigned char *now = malloc(n), *want = malloc(n);
	int ret = prepare(p, err);

	if (ret)
		return ret;
	if (!now || !want)
		return fail(err, ENOMEM, "cannot tag memory");
	for (size_t i = 0; i < p->n_tags; i++) {
		ret = tag_pages(r, p, p->tags[i], now, want);
		if (ret)
			return fail(err, ret, "cannot tag the memory at %llx",
				    (unsigned long long)p->tags[i]->vaddr);
	}
	return 0;
}

int memory_tag(struct restore *r, struct new_process **ps, size_t n, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!ps[i]->n_tags)
			continue;
		if (!arch_tagged_prot())
			log_warn(r->log,
				 "process %d: this processor cannot tag its memory; ignoring",
				 ps[i]->pid);
		else if (tag_process(r, ps[i], err))
			return fail_in(err, "process %d", ps[i]->pid);
	}
	return 0;
}
