// SPDX-License-Identifier: GPL-2.0-only
/* What a clone of a process has not got, copied beforehand. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dump/page-source.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "snapshot.h"

static int list_ranges(struct saved_pages *saved, struct page_source *src, uint64_t most,
		       struct error *err)
{
	struct page_range range;
	int ret;

	while ((ret = page_source_next(src, &range, err)) > 0) {
		struct page_range *slot = array_add(saved->ranges, saved->n);

		if (!slot)
			return fail(err, ENOMEM, "no memory");
		*slot = range;
		saved->size += range.end - range.start;
		if (saved->size > most)
			return fail(err, E2BIG, "it keeps more than %llu MiB from its children",
				    (unsigned long long)(most >> 20));
	}
	return ret;
}

int saved_pages_read(struct saved_pages *saved, const struct process *process, uint64_t most,
		     struct error *err)
{
	struct page_source src;
	bool is_any = false;
	int ret;

	*saved = (struct saved_pages){0};
	for (size_t i = 0; i < process->mm->n_vmas; i++)
		is_any |= page_is_uncloned(&process->mm->vmas[i]);
	if (!is_any)
		return 0;
	ret = page_source_uncloned(&src, process, err);
	if (ret)
		return ret;
	ret = list_ranges(saved, &src, most, err);
	if (!ret && saved->size) {
		saved->data = malloc(saved->size);
		ret = !saved->data
			      ? fail(err, ENOMEM, "no memory")
			      : page_source_read(&src, saved->ranges, saved->n, saved->data, err);
	}
	page_source_close(&src);
	if (ret)
		saved_pages_deinit(saved);
	return ret;
}

size_t saved_pages_find(const struct saved_pages *saved, uint64_t at)
{
	size_t low = 0, high = saved->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (saved->ranges[middle].end <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void saved_pages_copy(const struct saved_pages *saved, uint64_t at, size_t n, char *buffer)
{
	size_t offset = 0, found = saved_pages_find(saved, at);

	for (size_t i = 0; i < found; i++)
		offset += saved->ranges[i].end - saved->ranges[i].start;
	memcpy(buffer, saved->data + offset + (at - saved->ranges[found].start), n);
}

void saved_pages_deinit(struct saved_pages *saved)
{
	free(saved->ranges);
	free(saved->data);
	*saved = (struct saved_pages){0};
}
