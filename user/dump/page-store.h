/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_PAGE_STORE_H
#define CRBPF_PAGE_STORE_H

/*
 * A pages file while several threads write it, each its own part. A file system lets one
 * writer at a time into a file: whoever finds another one there puts pages into tmpfs through
 * a mapping of the file (UFFDIO_COPY), which takes no lock of the whole file, nor zeroes
 * pages before they are overwritten.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct error;

struct page_store {
	int fd;			/* owned */
	int userfault;		/* -1: the file can only be written */
	uint64_t huge;		/* bytes of a huge page; 0: it is to have none */
	unsigned int *n_slow;	/* how often huge pages took too long, of all files; atomic, borrowed */
	bool is_looked_at;	/* for userfault and huge */
	uint64_t end;		/* bytes of the file that are assigned to writers */
	uint64_t size;		/* its size, while it is not less than end */
	pthread_mutex_t writing;
};

/* @fd becomes the store's; -1: it comes later. @n_slow: 0 at first, and for other stores too. */
void page_store_init(struct page_store *store, int fd, unsigned int *n_slow);
/* Sets the file's final size. Returns 0 or -errno. Nothing may be under way. */
int page_store_deinit(struct page_store *store);

/* A part of the file that one thread fills. */
struct page_part {
	uint64_t offset;
	bool may_map;	/* the file reaches beyond it, so it can be mapped */
};

/* Assigns the next @bytes. @is_busy: others write too. Not by two threads at once. */
struct page_part page_store_assign(struct page_store *store, uint64_t bytes, bool is_busy);
/* Bytes from its assigned end to where a huge page can begin. */
uint64_t page_store_gap(struct page_store *store);
/*
 * Maps @bytes from @offset on, assigned and never written, as huge pages, for kernel and caller
 * to write into; the caller unmaps them. NULL: to be had by page_store_put only.
 */
char *page_store_map_huge(struct page_store *store, uint64_t offset, uint64_t bytes);
/* Puts @iovs, whole pages (changed by it), to where they belong. Returns 0 or -errno. */
int page_store_put(struct page_store *store, const struct page_part *part, struct iovec *iovs,
		   size_t n);

#endif
