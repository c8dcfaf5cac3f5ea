// SPDX-License-Identifier: GPL-2.0-only
#include "dump/page-store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/clock.h"

/* include/uapi/linux/userfaultfd.h since Linux 5.11 */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
/* include/uapi/asm-generic/mman-common.h since Linux 6.1 */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* So much is the file made larger at a time: a mapping ends where its file does. */
#define GROWTH	 (64ull << 20)
/*
 * What small pages take, per MiB. Huge ones take a third of it; longer if memory is fragmented,
 * or processors are busy: all have to empty their lists of pages each time.
 */
#define SLOW_NS	 700000ull
#define SLOW_MAX 2
/* With larger ones (of large small pages) too much would be made at a time. */
#define HUGE_MOST (16ull << 20)

void page_store_init(struct page_store *store, int fd, unsigned int *n_slow)
{
	*store = (struct page_store){ .fd = fd, .userfault = -1, .n_slow = n_slow };
	pthread_mutex_init(&store->writing, NULL);
}

int page_store_deinit(struct page_store *store)
{
	int ret = 0;

	if (store->userfault >= 0)
		close(store->userfault);
	if (store->size > store->end && ftruncate(store->fd, (off_t)store->end))
		ret = -errno;
	/* Some filesystems report a full disk only here. */
	if (store->fd >= 0 && close(store->fd))
		ret = -errno;
	pthread_mutex_destroy(&store->writing);
	return ret;
}

static int open_userfault(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		return -1;
	}
	return fd;
}

static uint64_t huge_size(void)
{
	int fd = open("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", O_RDONLY | O_CLOEXEC);
	char text[32] = "";
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	uint64_t size;

	if (fd >= 0)
		close(fd);
	size = n > 0 ? strtoull(text, NULL, 10) : 0;
	return size <= HUGE_MOST ? size : 0;
}

/* What it has not got is no failure: the file is written then. */
static void look_at(struct page_store *store)
{
	struct statfs fs;

	store->is_looked_at = true;
	if (fstatfs(store->fd, &fs) || fs.f_type != TMPFS_MAGIC)
		return;
	store->userfault = open_userfault();
	store->huge = huge_size();
}

struct page_part page_store_assign(struct page_store *store, uint64_t bytes, bool is_busy)
{
	struct page_part part = { .offset = store->end };

	store->end += bytes;
	if (is_busy && !store->is_looked_at)
		look_at(store);
	if ((store->userfault >= 0 || store->huge) && store->size < store->end &&
	    !ftruncate(store->fd, (off_t)(store->end + GROWTH)))
		store->size = store->end + GROWTH;
	part.may_map = store->size >= store->end;
	return part;
}

uint64_t page_store_gap(struct page_store *store)
{
	if (!store->is_looked_at)
		look_at(store);
	return store->huge ? (store->huge - store->end % store->huge) % store->huge : 0;
}

/* Huge pages are made of small ones: one each will do. */
static int make_huge(const struct page_store *store, char *at, uint64_t offset, uint64_t bytes)
{
	for (uint64_t done = 0; done < bytes; done += store->huge)
		if (pwrite(store->fd, "", 1, (off_t)(offset + done)) != 1)
			return -errno;
	at = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, store->fd,
		  (off_t)offset);
	return at == MAP_FAILED || madvise(at, bytes, MADV_COLLAPSE) ? -errno : 0;
}

char *page_store_map_huge(struct page_store *store, uint64_t offset, uint64_t bytes)
{
	long long start = clock_ns();
	char *room, *at;
	uint64_t before;

	if (!store->huge || bytes % store->huge || offset % store->huge ||
	    __atomic_load_n(store->n_slow, __ATOMIC_RELAXED) >= SLOW_MAX)
		return NULL;
	room = mmap(NULL, bytes + store->huge, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return NULL;
	before = (store->huge - (uintptr_t)room % store->huge) % store->huge;
	at = room + before;
	if (make_huge(store, at, offset, bytes)) {
		__atomic_store_n(store->n_slow, SLOW_MAX, __ATOMIC_RELAXED);
		munmap(room, bytes + store->huge);
		return NULL;
	}
	if (before)
		munmap(room, before);
	if (before < store->huge)
		munmap(at + bytes, store->huge - before);
	if (clock_ns() - start > (long long)(SLOW_NS * (bytes >> 20)))
		__atomic_fetch_add(store->n_slow, 1, __ATOMIC_RELAXED);
	return at;
}

static int put_by_writing(struct page_store *store, struct iovec *iov, size_t n, uint64_t offset)
{
	struct iovec *end = iov + n;

	while (iov < end) {
		int count = end - iov > 1024 ? 1024 : (int)(end - iov);
		ssize_t done = pwritev(store->fd, iov, count, (off_t)offset);

		if (done <= 0)
			return done ? -errno : -ENOSPC;
		offset += (uint64_t)done;
		while (iov < end && (size_t)done >= iov->iov_len)
			done -= (ssize_t)(iov++)->iov_len;
		if (done) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

static uint64_t total(const struct iovec *iovs, size_t n)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += iovs[i].iov_len;
	return bytes;
}

/* Whatever goes wrong: what is not there yet can be written, and that tells why not. */
static int place(const struct page_store *store, char *at, const struct iovec *iovs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct uffdio_copy copy = { .dst = (uintptr_t)at,
					    .src = (uintptr_t)iovs[i].iov_base,
					    .len = iovs[i].iov_len,
					    .mode = UFFDIO_COPY_MODE_DONTWAKE };

		if (ioctl(store->userfault, UFFDIO_COPY, &copy))
			return -errno;
		at += iovs[i].iov_len;
	}
	return 0;
}

static int put_by_mapping(struct page_store *store, const struct iovec *iovs, size_t n,
			  uint64_t offset)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	uint64_t bytes = total(iovs, n);
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, store->fd, (off_t)offset);
	int ret;

	if (at == MAP_FAILED)
		return -errno;
	reg.range = (struct uffdio_range){ (uintptr_t)at, bytes };
	ret = ioctl(store->userfault, UFFDIO_REGISTER, &reg) ? -errno : place(store, at, iovs, n);
	munmap(at, bytes);
	return ret;
}

int page_store_put(struct page_store *store, const struct page_part *part, struct iovec *iovs,
		   size_t n)
{
	int ret;

	if (!n)
		return 0;
	if (pthread_mutex_trylock(&store->writing)) {
		if (part->may_map && !put_by_mapping(store, iovs, n, part->offset))
			return 0;
		pthread_mutex_lock(&store->writing);
	}
	ret = put_by_writing(store, iovs, n, part->offset);
	pthread_mutex_unlock(&store->writing);
	return ret;
}
