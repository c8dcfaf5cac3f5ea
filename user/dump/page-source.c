// SPDX-License-Identifier: GPL-2.0-only
#include "dump/page-source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "arch/arch.h"
#include "kind.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "snapshot.h"
#include "vmaflags.h"

/* include/uapi/linux/fs.h since Linux 6.7; Debian 12's headers are older. */
struct scan_region {
	uint64_t start, end, categories;
};
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_PAGES _IOWR('f', 16, struct scan_arg)
enum {
	SCAN_FILE = 1 << 2,
	SCAN_PRESENT = 1 << 3,
	SCAN_SWAPPED = 1 << 4,
	SCAN_ZERO = 1 << 5,
	SCAN_GUARD = 1 << 8,	/* since 6.15 */
};

/* An entry of /proc/PID/pagemap. */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_FILE	(1ull << 61)
#define PAGEMAP_BATCH	2048

#define READ_RANGES 64

static int source_open(struct page_source *src, const struct process *process, pid_t pid,
		       struct error *err)
{
	char path[64];

	*src = (struct page_source){ .process = process,
				     .pid = pid,
				     .fd = -1,
				     .mem = -1,
				     .page_size = (size_t)sysconf(_SC_PAGESIZE),
				     .has_scan = true,
				     .wanted = SCAN_FILE | SCAN_ZERO | SCAN_GUARD };
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	src->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (src->fd >= 0) {
		snprintf(path, sizeof(path), "/proc/%d/mem", pid);
		src->mem = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (src->fd >= 0 && src->mem >= 0)
		return 0;
	fail(err, errno, "cannot open %s", path);
	page_source_close(src);
	return err->code;
}

int page_source_process(struct page_source *src, const struct process *process, struct error *err)
{
	return source_open(src, process, process->pid, err);
}

int page_source_clone(struct page_source *src, const struct process *process, pid_t child,
		      const struct saved_pages *saved, struct error *err)
{
	int ret = source_open(src, process, child, err);

	src->saved = saved;
	return ret;
}

int page_source_uncloned(struct page_source *src, const struct process *process, struct error *err)
{
	int ret = source_open(src, process, process->pid, err);

	src->is_uncloned = true;
	return ret;
}

int page_source_tagged(struct page_source *src, const struct process *process, struct error *err)
{
	int ret = source_open(src, process, process->pid, err);

	src->is_tagged = true;
	return ret;
}

void page_source_shared(struct page_source *src, int fd, uint64_t size)
{
	*src = (struct page_source){ .fd = fd,
				     .mem = -1,
				     .size = size,
				     .page_size = (size_t)sysconf(_SC_PAGESIZE) };
}

void page_source_close(struct page_source *src)
{
	if (!src->process)
		return;
	if (src->fd >= 0)
		close(src->fd);
	if (src->mem >= 0)
		close(src->mem);
	src->fd = src->mem = -1;
}

/* Which private pages of [at, window) exist. Advances at. */
static int scan(struct page_source *src, struct error *err)
{
	struct scan_region regions[PAGE_REGIONS];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = src->at,
		.end = src->window,
		.vec = (uintptr_t)regions,
		.vec_len = PAGE_REGIONS,
		.category_inverted = src->wanted,
		.category_mask = src->wanted,
		.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
	};
	int n = ioctl(src->fd, SCAN_PAGES, &arg);

	if (n < 0 && errno == EINVAL && src->wanted & SCAN_GUARD) {
		src->wanted &= ~(uint64_t)SCAN_GUARD;
		return 0;
	}
	if (n < 0 && (errno == ENOTTY || errno == EINVAL)) {
		src->has_scan = false;
		return 0;
	}
	if (n < 0)
		return fail(err, errno, "cannot find its pages");
	for (int i = 0; i < n; i++)
		src->regions[i] = (struct page_range){ .start = regions[i].start, .end = regions[i].end };
	src->n_regions = (size_t)n;
	src->at = arg.walk_end;
	return 0;
}

/* Appends what one call finds. Returns the address to go on from, 0 if the kernel cannot tell. */
static uint64_t scan_guards(int pagemap, uint64_t start, uint64_t end, struct page_range **ranges,
			    size_t *n)
{
	struct scan_region regions[PAGE_REGIONS];
	struct scan_arg arg = {
		.size = sizeof(arg),
		.start = start,
		.end = end,
		.vec = (uintptr_t)regions,
		.vec_len = PAGE_REGIONS,
		.category_mask = SCAN_GUARD,
	};
	int found = ioctl(pagemap, SCAN_PAGES, &arg);

	for (int i = 0; i < found; i++) {
		struct page_range *range = array_add(*ranges, *n);

		if (!range)
			return 0;
		*range = (struct page_range){ .start = regions[i].start, .end = regions[i].end };
	}
	return found < 0 ? 0 : arg.walk_end;
}

int page_source_guards(const struct process *process, struct page_range **ret, size_t *ret_n,
		       struct error *err)
{
	const struct mm *mm = process->mm;
	uint64_t at, end = mm->n_vmas ? mm->vmas[mm->n_vmas - 1].end : 0;
	struct page_source src;

	*ret = NULL;
	*ret_n = 0;
	if (!end)
		return 0;
	if (page_source_process(&src, process, err))
		return err->code;
	at = mm->vmas[0].start;
	while (at && at < end)
		at = scan_guards(src.fd, at, end, ret, ret_n);
	page_source_close(&src);
	return 0;
}

/*
 * The same from /proc/PID/pagemap, before Linux 6.7: a mapping at a time, for the
 * holes between them have entries too, and may be as large as the address space.
 */
static int scan_slowly(struct page_source *src, struct error *err)
{
	uint64_t entries[PAGEMAP_BATCH];
	struct page_range *last = NULL;
	const struct vma *v;
	ssize_t got;
	size_t n;

	while (src->process->mm->vmas[src->clip].end <= src->at)
		src->clip++;
	v = &src->process->mm->vmas[src->clip];
	if (src->at < v->start)
		src->at = v->start;
	n = (v->end - src->at) / src->page_size;
	if (n > PAGEMAP_BATCH)
		n = PAGEMAP_BATCH;
	got = pread(src->fd, entries, n * sizeof(entries[0]),
		    (off_t)(src->at / src->page_size * sizeof(entries[0])));
	if (got < (ssize_t)sizeof(entries[0]))
		return fail(err, got < 0 ? errno : EIO, "cannot read its pagemap");
	for (size_t i = 0; i < (size_t)got / sizeof(entries[0]); i++, src->at += src->page_size) {
		if (!(entries[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) || entries[i] & PAGEMAP_FILE)
			continue;
		if (last && last->end == src->at) {
			last->end += src->page_size;
			continue;
		}
		if (src->n_regions == PAGE_REGIONS)
			break;
		last = &src->regions[src->n_regions++];
		*last = (struct page_range){ .start = src->at, .end = src->at + src->page_size };
	}
	return 0;
}

/* A private mapping that was never written to has no pages of its own. */
static enum vma_pages pages_of(const struct vma *v)
{
	enum vma_pages pages = v->kind->vma->pages;

	return pages == VMA_PAGES_PRIVATE && !v->rec->anon_vma ? VMA_PAGES_NONE : pages;
}

/*
 * madvise(2) keeps it from children, or a child could lose it: of private huge pages that are
 * written to the parent takes the one that was reserved.
 */
bool page_is_uncloned(const struct vma *v)
{
	return pages_of(v) == VMA_PAGES_PRIVATE &&
	       v->rec->flags & (VMF_DONTCOPY | VMF_WIPEONFORK | VMF_HUGETLB);
}

static enum vma_pages pages_wanted(const struct page_source *src, const struct vma *v)
{
	if ((src->is_uncloned && !page_is_uncloned(v)) ||
	    (src->is_tagged && !arch_vma_has_tags(v->rec->prot)))
		return VMA_PAGES_NONE;
	return pages_of(v);
}

static bool is_saved(const struct page_source *src, const struct vma *v)
{
	return src->saved && page_is_uncloned(v);
}

/* Regions of what was saved of @v; the mapping is left when there are no more. */
static void next_saved(struct page_source *src, const struct vma *v)
{
	const struct saved_pages *saved = src->saved;
	size_t i = saved_pages_find(saved, src->at > v->start ? src->at : v->start);

	while (i < saved->n && saved->ranges[i].start < v->end && src->n_regions < PAGE_REGIONS)
		src->regions[src->n_regions++] = saved->ranges[i++];
	if (i < saved->n && saved->ranges[i].start < v->end)
		src->at = src->window = saved->ranges[i - 1].end;
	else
		src->at = src->window = src->process->mm->vmas[src->vma++].end;
}

/* Chooses what to scan next: a run of mappings. Returns false at the end. */
static bool next_window(struct page_source *src)
{
	const struct mm *mm = src->process->mm;
	const struct vma *v;

	while (src->vma < mm->n_vmas && pages_wanted(src, &mm->vmas[src->vma]) == VMA_PAGES_NONE)
		src->vma++;
	if (src->vma == mm->n_vmas)
		return false;
	if (is_saved(src, &mm->vmas[src->vma])) {
		next_saved(src, &mm->vmas[src->vma]);
		return true;
	}
	v = &mm->vmas[src->vma++];
	src->at = src->window = v->end;
	if (pages_of(v) == VMA_PAGES_ALL) {
		src->regions[0] = (struct page_range){ .start = v->start, .end = v->end };
		src->n_regions = 1;
		return true;
	}
	src->at = v->start;
	while (src->vma < mm->n_vmas &&
	       pages_wanted(src, &mm->vmas[src->vma]) == VMA_PAGES_PRIVATE &&
	       !is_saved(src, &mm->vmas[src->vma]))
		src->window = mm->vmas[src->vma++].end;
	return true;
}

/*
 * The part of the current region that lies in one mapping. False: none does, for it is in
 * a hole where a clone has the frames of our calls.
 */
static bool take_region(struct page_source *src, struct page_range *ret)
{
	const struct mm *mm = src->process->mm;
	struct page_range *region = &src->regions[src->region];
	const struct vma *v;

	while (mm->vmas[src->clip].end <= region->start)
		src->clip++;
	v = &mm->vmas[src->clip];
	if (region->end <= v->start) {
		src->region++;
		return false;
	}
	if (region->start < v->start)
		region->start = v->start;
	*ret = *region;
	if (ret->end > v->end)
		ret->end = v->end;
	/* In a mapping of a file a page of zeroes stands for what the file holds; it may have tags. */
	ret->keep_zeroes = pages_of(v) == VMA_PAGES_ALL || *v->path ||
			   arch_vma_has_tags(v->rec->prot);
	/* A clone shares all that it has with its process. */
	ret->is_shared = v->rec->has_relatives || v->rec->flags & VMF_MERGEABLE ||
			 !(v->rec->flags & VMF_READ) || src->saved;
	ret->is_saved = is_saved(src, v);
	ret->by_tracer = !(v->rec->flags & VMF_READ) && !ret->is_saved;
	ret->may_be_shared = v->rec->has_relatives;
	region->start = ret->end;
	if (region->start == region->end)
		src->region++;
	return true;
}

static int next_private(struct page_source *src, struct page_range *ret, struct error *err)
{
	for (;;) {
		int code = 0;

		if (src->region < src->n_regions) {
			if (take_region(src, ret))
				return 1;
			continue;
		}
		src->region = src->n_regions = 0;
		if (src->at < src->window)
			code = src->has_scan ? scan(src, err) : scan_slowly(src, err);
		else if (!next_window(src))
			return 0;
		if (code)
			return code;
	}
}

/* Data of a sparse file; one that cannot tell is data throughout. */
static int next_shared(struct page_source *src, struct page_range *ret)
{
	off_t start, end;

	if (src->at >= src->size)
		return 0;
	start = lseek(src->fd, (off_t)src->at, SEEK_DATA);
	if (start < 0 && errno == ENXIO)
		return 0;
	if (start < 0)
		start = (off_t)src->at;
	end = lseek(src->fd, start, SEEK_HOLE);
	if (end < 0 || (uint64_t)end > src->size)
		end = (off_t)src->size;
	src->at = ((uint64_t)end + src->page_size - 1) / src->page_size * src->page_size;
	*ret = (struct page_range){ .start = (uint64_t)start / src->page_size * src->page_size,
				    .end = src->at };
	return ret->start < ret->end;
}

int page_source_next(struct page_source *src, struct page_range *ret, struct error *err)
{
	return src->process ? next_private(src, ret, err) : next_shared(src, ret);
}

/*
 * The quicker way, for many ranges in one call. It pins the pages, and the kernel gives
 * a page that is shared after a fork a copy of its own before it is pinned (since
 * Linux 5.19, FAULT_FLAG_UNSHARE): a pool of workers would grow by being looked at.
 * So only for processes without relatives. Returns the bytes read, less than all at
 * what cannot be read so.
 */
static size_t read_pinned(const struct page_source *src, const struct page_range *ranges, size_t n,
			  char *buffer)
{
	struct iovec local = { .iov_base = buffer }, remote[READ_RANGES];
	ssize_t got;

	for (size_t i = 0; i < n; i++) {
		remote[i].iov_base = (void *)(uintptr_t)ranges[i].start;
		remote[i].iov_len = ranges[i].end - ranges[i].start;
		local.iov_len += remote[i].iov_len;
	}
	got = process_vm_readv(src->pid, &local, 1, remote, n, 0);
	return got > 0 ? (size_t)got : 0;
}

/* The sure way, by /proc/PID/mem or the object's descriptor: a part of a range. Bytes or -errno. */
static ssize_t read_file(const struct page_source *src, uint64_t at, size_t n, char *buffer,
			 struct error *err)
{
	ssize_t got = pread(src->process ? src->mem : src->fd, buffer, n, (off_t)at);

	if (got > 0)
		return got;
	if (!got && !src->process) {
		memset(buffer, 0, n);	/* the last page, beyond the end of the object */
		return (ssize_t)n;
	}
	return fail(err, got ? errno : EIO, "cannot read memory at %llx", (unsigned long long)at);
}

/* Reads one range but for the first @done bytes of it. */
static int read_range(const struct page_source *src, const struct page_range *range, size_t done,
		      char *buffer, struct error *err)
{
	size_t size = range->end - range->start;

	if (range->is_saved) {
		saved_pages_copy(src->saved, range->start, size, buffer);
		return 0;
	}
	while (done < size) {
		ssize_t got = read_file(src, range->start + done, size - done, buffer + done, err);

		if (got < 0)
			return (int)got;
		done += (size_t)got;
	}
	return 0;
}

/* How many ranges from the first on may be read by pinning their pages. */
static size_t count_pinnable(const struct page_source *src, const struct page_range *ranges,
			     size_t n)
{
	size_t run = 0;

	while (src->process && run < n && run < READ_RANGES && !ranges[run].is_shared)
		run++;
	return run;
}

int page_source_read(const struct page_source *src, const struct page_range *ranges, size_t n,
		     char *buffer, struct error *err)
{
	const struct page_range *range = ranges, *end = ranges + n;

	while (range < end) {
		size_t run = count_pinnable(src, range, (size_t)(end - range)), done = 0;
		const struct page_range *run_end = range + run;

		if (run)
			done = read_pinned(src, range, run, buffer);
		for (; range < run_end && done >= range->end - range->start; range++) {
			done -= range->end - range->start;
			buffer += range->end - range->start;
		}
		if (run && range == run_end)
			continue;
		if (read_range(src, range, done, buffer, err))
			return err->code;
		buffer += range->end - range->start;
		range++;
	}
	return 0;
}
