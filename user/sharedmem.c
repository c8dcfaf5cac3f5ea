// SPDX-License-Identifier: GPL-2.0-only
#include "sharedmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump/dump.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "restore/restore.h"

/* Mapped at a time while content is read into it: bounds what is populated at once. */
#define WINDOW (64ull << 20)

bool sharedmem_is_stored(const struct dump *d, uint64_t shmid)
{
	for (size_t i = 0; i < d->n_shared; i++)
		if (d->shared[i].shmid == shmid)
			return true;
	return false;
}

int sharedmem_create(uint64_t size, uint32_t flags, struct error *err)
{
	char path[96];
	char *map;
	int fd;

	map = mmap(NULL, size, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | (int)flags, -1, 0);
	if (map == MAP_FAILED)
		return fail(err, errno, "cannot make %llu bytes of shared memory",
			    (unsigned long long)size);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)map,
		 (unsigned long)(map + size));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail(err, errno, "cannot open shared memory");
	munmap(map, size);
	return fd < 0 ? err->code : fd;
}

/* Reads @n bytes of the pages file into the object, by a mapping: huge pages know no write(2). */
static int fill_range(int fd, uint64_t at, int pages_fd, uint64_t offset, size_t n, size_t align,
		      struct error *err)
{
	uint64_t start = at / align * align;
	size_t lead = (size_t)(at - start), size = (lead + n + align - 1) / align * align, done = 0;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)start);

	if (map == MAP_FAILED)
		return fail(err, errno, "cannot map shared memory");
	while (done < n) {
		ssize_t got = pread(pages_fd, map + lead + done, n - done, (off_t)(offset + done));

		if (got <= 0) {
			fail(err, got ? errno : EIO, "cannot read the content of shared memory");
			break;
		}
		done += (size_t)got;
	}
	munmap(map, size);
	return done < n ? err->code : 0;
}

int sharedmem_fill(struct restore *r, uint64_t shmid, int fd, uint64_t size)
{
	_cleanup_close_ int pages_fd = -1;
	struct new_pages *pages;
	struct stat st;
	size_t n;
	int ret = size ? restore_pagemap(r, IMAGE_PAGEMAP_SHMEM, shmid, &pages, &n, &pages_fd, r->err) : 0;

	if (ret || !size)
		return ret;
	if (fstat(fd, &st))
		return fail(r->err, errno, "cannot stat shared memory");
	/* the block size is the size of huge pages, too */
	for (size_t i = 0; i < n && !ret; i++) {
		uint64_t at = pages[i].start, left = pages[i].count * r->page_size;
		uint64_t offset = pages[i].offset;

		while (left && !ret && at < size) {
			size_t part = left < WINDOW ? (size_t)left : WINDOW;

			ret = fill_range(fd, at, pages_fd, offset, part, (size_t)st.st_blksize, r->err);
			at += part;
			offset += part;
			left -= part;
		}
	}
	return ret;
}
