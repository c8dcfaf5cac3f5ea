// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>

#include "restore/plan.h"

static int by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Where @size bytes fit highest in [@from, @to), @gap bytes away from its ends; 0: nowhere. */
static uint64_t fit(uint64_t from, uint64_t to, uint64_t size, uint64_t gap)
{
	if (to < from || to - from < size + 2 * gap)
		return 0;
	return to - gap - size;
}

uint64_t plan_hole(struct span *spans, size_t n, uint64_t lowest, uint64_t highest, uint64_t size,
		   uint64_t gap)
{
	uint64_t end = lowest, best = 0, found;

	if (n)
		qsort(spans, n, sizeof(*spans), by_start);
	for (size_t i = 0; i < n && end < highest; i++) {
		if (spans[i].start > end) {
			found = fit(end, spans[i].start < highest ? spans[i].start : highest, size,
				    gap);
			if (found)
				best = found;
		}
		if (spans[i].end > end)
			end = spans[i].end;
	}
	found = fit(end, highest, size, gap);
	return found ?: best;
}
