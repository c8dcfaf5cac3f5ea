// SPDX-License-Identifier: GPL-2.0-only
#include "ghost.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dump/dump.h"
#include "ghost-file.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "time.pb-c.h"

#define CHUNKED_FROM 12288 /* bytes from which on CRIU leaves out holes */
#define COPY_BYTES   (256 << 10)

uint64_t ghost_bytes(const char *proc)
{
	struct stat st;

	return !stat(proc, &st) && S_ISREG(st.st_mode) ? (uint64_t)st.st_blocks * 512 : 0;
}

/* A descriptor to read the content of @fd through, whatever @fd was opened for. */
static int reopen_for_reading(int fd)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_NOATIME | O_CLOEXEC);
	return again >= 0 ? again : open(path, O_RDONLY | O_CLOEXEC);
}

static int add_content(struct dump *d, struct image *image, int fd, off_t at, off_t end)
{
	_cleanup_free_ char *buf = malloc(COPY_BYTES);

	if (!buf)
		return fail(d->err, ENOMEM, "cannot copy a deleted file");
	while (at < end) {
		size_t want = end - at < COPY_BYTES ? (size_t)(end - at) : COPY_BYTES;
		ssize_t n = pread(fd, buf, want, at);
		int rc;

		if (n <= 0)
			return fail(d->err, n ? errno : EIO, "cannot read a deleted file");
		rc = image_add_bytes(image, buf, n, d->err);
		if (rc)
			return rc;
		at += n;
	}
	return 0;
}

/* One entry per stretch of data; holes are left out. */
static int add_chunks(struct dump *d, struct image *image, int fd, off_t size)
{
	off_t at = 0, end;

	while (at < size) {
		GhostChunkEntry chunk = GHOST_CHUNK_ENTRY__INIT;
		int rc;

		at = lseek(fd, at, SEEK_DATA);
		if (at < 0 && errno == ENXIO)
			return 0;
		end = at < 0 ? at : lseek(fd, at, SEEK_HOLE);
		if (end < 0)
			return fail(d->err, errno, "cannot find the data of a deleted file");
		if (end > size)
			end = size;
		chunk.off = at;
		chunk.len = end - at;
		rc = image_add(image, &chunk.base, d->err);
		if (!rc)
			rc = add_content(d, image, fd, at, end);
		if (rc)
			return rc;
		at = end;
	}
	return 0;
}

static void describe_times(GhostFileEntry *ghost, Timeval *atim, Timeval *mtim,
			   const struct stat *st)
{
	atim->tv_sec = st->st_atim.tv_sec;
	atim->tv_usec = st->st_atim.tv_nsec / 1000;
	mtim->tv_sec = st->st_mtim.tv_sec;
	mtim->tv_usec = st->st_mtim.tv_nsec / 1000;
	ghost->atim = atim;
	ghost->mtim = mtim;
}

static int add_entry(struct dump *d, struct image *image, int fd, const struct stat *st)
{
	GhostFileEntry ghost = GHOST_FILE_ENTRY__INIT;
	Timeval atim = TIMEVAL__INIT, mtim = TIMEVAL__INIT;
	char target[PATH_MAX];

	ghost.uid = st->st_uid;
	ghost.gid = st->st_gid;
	ghost.mode = st->st_mode;
	ghost.has_dev = ghost.has_ino = true;
	ghost.dev = major(st->st_dev) << 20 | minor(st->st_dev);
	ghost.ino = st->st_ino;
	describe_times(&ghost, &atim, &mtim, st);
	if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode)) {
		ghost.has_rdev = true;
		ghost.rdev = major(st->st_rdev) << 20 | minor(st->st_rdev);
	}
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

		if (n < 0)
			return fail(d->err, errno, "cannot read a deleted symbolic link");
		target[n] = 0;
		ghost.symlnk_target = target;
	}
	if (S_ISREG(st->st_mode)) {
		ghost.has_size = true;
		ghost.size = st->st_size;
		ghost.has_chunks = ghost.chunks = st->st_size >= CHUNKED_FROM;
	}
	return image_add(image, &ghost.base, d->err);
}

int ghost_dump(struct dump *d, uint32_t id, int fd)
{
	_cleanup_close_ int content = -1;
	struct image *image;
	struct stat st;
	int rc, rc2;

	if (fstat(fd, &st))
		return fail(d->err, errno, "cannot stat a deleted file");
	if (S_ISREG(st.st_mode)) {
		content = reopen_for_reading(fd);
		if (content < 0)
			return fail(d->err, errno, "cannot open a deleted file again");
	}
	rc = image_create(d->dir, IMAGE_GHOST_FILE, id, &image, d->err);
	if (rc)
		return rc;
	rc = add_entry(d, image, fd, &st);
	if (!rc && content >= 0)
		rc = st.st_size >= CHUNKED_FROM ? add_chunks(d, image, content, st.st_size)
						: add_content(d, image, content, 0, st.st_size);
	rc2 = image_finish(image, d->err);
	return rc ? rc : rc2;
}
