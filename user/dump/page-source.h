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
struct vma;

#define PAGE_REGIONS 64

struct page_range {
	uint64_t start, end;	/* addresses; offsets in shared memory */
	bool keep_zeroes;	/* a page of zeroes is not what would come back */
	bool is_shared;		/* other processes may have the same pages: they must not be pinned */
	bool may_be_shared;	/* with another process, as fork left it */
	bool is_saved;		/* to be taken from saved_pages */
	bool by_tracer;		/* the process itself may not read it: only the thread that traces it can be sure to */
};

/* Pages that a clone has not got (page-saved.c): their content at the moment of the clone. */
struct saved_pages {
	struct page_range *ranges;	/* ascending; owned */
	size_t n;
	char *data;			/* one after the other; owned */
	uint64_t size;
};

struct page_source {
	const struct process *process;	/* NULL: shared memory */
	pid_t pid;		/* whose memory is read: the process's, or its clone's */
	const struct saved_pages *saved;	/* of a clone, what it has not got; NULL: it is none */
	bool is_uncloned;	/* only what a clone would not get */
	bool is_tagged;		/* only what has memory tags */
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
/* The same content from its clone @child, and from @saved (borrowed) what that has not got. 0 or -errno. */
int page_source_clone(struct page_source *src, const struct process *process, pid_t child,
		      const struct saved_pages *saved, struct error *err);
/* Only what a clone of @process would not get. Returns 0 or -errno. */
int page_source_uncloned(struct page_source *src, const struct process *process, struct error *err);
/* Only what has memory tags. Returns 0 or -errno. */
int page_source_tagged(struct page_source *src, const struct process *process, struct error *err);
/* Is it private memory with content that a clone would not get? */
bool page_is_uncloned(const struct vma *v);
void page_source_shared(struct page_source *src, int fd, uint64_t size);
void page_source_close(struct page_source *src);

/* The next range. Returns 1, 0 at the end, or -errno. */
int page_source_next(struct page_source *src, struct page_range *ret, struct error *err);
/* Reads @n ranges, one after the other, into @buffer. Safe in several threads at once. 0 or -errno. */
int page_source_read(const struct page_source *src, const struct page_range *ranges, size_t n,
		     char *buffer, struct error *err);

/*
 * Copies what a clone of the frozen @process would not get, unless it is more than
 * @most bytes (-E2BIG). Returns 0 or -errno; saved_pages_deinit on success.
 */
int saved_pages_read(struct saved_pages *saved, const struct process *process, uint64_t most,
		     struct error *err);
/* The first range that ends beyond @at. */
size_t saved_pages_find(const struct saved_pages *saved, uint64_t at);
/* @n bytes from @at on, of one range. */
void saved_pages_copy(const struct saved_pages *saved, uint64_t at, size_t n, char *buffer);
void saved_pages_deinit(struct saved_pages *saved);

/*
 * The guard pages (MADV_GUARD_INSTALL) of a frozen process: *@ret_n ranges, ascending,
 * to be freed. None on a kernel that has none, or does not tell (before 6.15). 0 or -errno.
 */
int page_source_guards(const struct process *process, struct page_range **ret, size_t *ret_n,
		       struct error *err);

#endif
