// SPDX-License-Identifier: GPL-2.0-only
#include "dump/page-store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* include/uapi/linux/userfaultfd.h since Linux 5.11 */
#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

/* So much is the file made larger at a time: a mapping ends where its file does. */
#define GROWTH (64ull << 20)

void page_store_init(struct page_store *store, int fd)
{
	*store = (struct page_store){ .fd = fd, .userfault = -1 };
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

/* That there is none is no failure: the file is written then. */
static void open_userfault(struct page_store *store)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct statfs fs;

	store->is_tried = true;
	if (fstatfs(store->fd, &fs) || fs.f_type != TMPFS_MAGIC)
		return;
	store->userfault = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	if (store->userfault < 0 || !ioctl(store->userfault, UFFDIO_API, &api))
		return;
	close(store->userfault);
	store->userfault = -1;
}

struct page_part page_store_assign(struct page_store *store, uint64_t bytes, bool is_busy)
{
	struct page_part part = { .offset = store->end };

	store->end += bytes;
	if (is_busy && !store->is_tried)
		open_userfault(store);
	if (store->userfault >= 0 && store->size < store->end &&
	    !ftruncate(store->fd, (off_t)(store->end + GROWTH)))
		store->size = store->end + GROWTH;
	part.may_map = store->size >= store->end;
	return part;
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
