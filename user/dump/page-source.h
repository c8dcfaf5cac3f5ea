/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_PAGE_SOURCE_H
#define CRBPF_PAGE_SOURCE_H

/*
 * Where pages come from: the private memory of a frozen process, or an object of
 * shared memory. A source names the ranges that must be stored, ascending, and
 * reads them. What is not named comes back by itself: it was never touched, is the
 * file's, or is the zero page.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct process;

#define PAGE_REGIONS 64

struct page_range {
	uint64_t start, end;	/* addresses; offsets in shared memory */
	bool keep_zeroes;	/* a page of zeroes is not what would come back */
	bool is_shared;		/* other processes may have the same pages: they must not be pinned */
	bool may_be_shared;	/* with another process, as fork left it */
};

struct page_source {
	const struct process *process;	/* NULL: shared memory */
	int fd;			/* of the shared memory, borrowed; or /proc/PID/pagemap */
	int mem;		/* /proc/PID/mem */
	uint64_t size;		/* of the shared memory */
	size_t page_size;
	bool has_scan;		/* PAGEMAP_SCAN works */
	uint64_t wanted;	/* categories that PAGEMAP_SCAN must not report, as this kernel knows them */

	/* the walk */
	size_t vma;		/* the mapping to look at next */
	size_t clip;		/* the mapping that the region begins in */
	uint64_t at, window;	/* what is being scanned: [at, window) */
	struct page_range regions[PAGE_REGIONS];
	size_t n_regions, region;
};

/* @process is frozen, its mappings have been judged. Returns 0 or -errno. */
int page_source_process(struct page_source *src, const struct process *process, struct error *err);
void page_source_shared(struct page_source *src, int fd, uint64_t size);
void page_source_close(struct page_source *src);

/* The next range. Returns 1, 0 at the end, or -errno. */
int page_source_next(struct page_source *src, struct page_range *ret, struct error *err);
/* Reads @n ranges, one after the other, into @buffer. Safe in several threads at once. 0 or -errno. */
int page_source_read(const struct page_source *src, const struct page_range *ranges, size_t n,
		     char *buffer, struct error *err);

/*
 * The guard pages (MADV_GUARD_INSTALL) of a frozen process: *@ret_n ranges, ascending,
 * to be freed. None on a kernel that has none, or does not tell (before 6.15). 0 or -errno.
 */
int page_source_guards(const struct process *process, struct page_range **ret, size_t *ret_n,
		       struct error *err);

#endif
