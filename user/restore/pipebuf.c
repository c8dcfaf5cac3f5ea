// SPDX-License-Identifier: GPL-2.0-only
#include "pipebuf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "pipe-data.pb-c.h"
#include "restore/restore.h"

/* Keys of restore.kind_data: one per pipe and kind. */
static uint64_t key_of(int file_type, uint32_t pipe_id)
{
	return (uint64_t)(0x5049 + file_type) << 48 | pipe_id;
}

int pipe_add_end(struct restore *r, struct new_file *f, uint32_t pipe_id)
{
	uint64_t key = key_of(f->entry->type, pipe_id);
	struct pipe_end *end = arena_alloc(&r->arena, sizeof(*end));
	uint32_t first = ids_get(&r->kind_data, key);

	if (!end)
		return fail(r->err, ENOMEM, "cannot plan its other end");
	end->next = first ? restore_file(r, first) : NULL;
	f->data = end;
	if (ids_set(&r->kind_data, key, f->id))
		return fail(r->err, ENOMEM, "cannot plan its other end");
	return 0;
}

struct new_file *pipe_ends(const struct restore *r, int file_type, uint32_t pipe_id)
{
	uint32_t first = ids_get(&r->kind_data, key_of(file_type, pipe_id));

	return first ? restore_file(r, first) : NULL;
}

/* One write for a stream; one per packet, in packet mode, for packets. */
static int write_content(struct restore *r, int fd, const PipeDataEntry *entry, const char *buf)
{
	int flags = fcntl(fd, F_GETFL),
	    mode = flags | O_NONBLOCK | (entry->n_packets ? O_DIRECT : 0);
	size_t n = entry->n_packets ? entry->n_packets : 1, at = 0;
	int rc = 0;

	/* Not blocking: what does not fit would otherwise wait for ever. */
	if (flags < 0 || fcntl(fd, F_SETFL, mode))
		return fail(r->err, errno, "cannot fill it");
	for (size_t i = 0; i < n && !rc; i++) {
		size_t want = entry->n_packets ? entry->packets[i] : entry->bytes;

		if (want > entry->bytes - at)
			rc = fail(r->err, 0, "its packets are larger than its content");
		else if (write(fd, buf + at, want) != (ssize_t)want)
			rc = fail(r->err, ENOSPC, "cannot write %zu bytes into it", want);
		at += want;
	}
	if (fcntl(fd, F_SETFL, flags) && !rc)
		rc = fail(r->err, errno, "cannot fill it");
	return rc;
}

/* The very pipe of the dump, kept by others, has its content still. */
static bool wants_content(const struct new_file *f, const PipeDataEntry *entry)
{
	struct stat st;

	return entry->bytes && (fstat(f->fd, &st) || st.st_ino != entry->pipe_id);
}

static int open_given(struct restore *r, const struct new_file *f, int *ret_fd)
{
	int waiting = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	*ret_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (*ret_fd < 0)
		return fail(r->err, errno, "cannot write into the pipe that is given for it");
	if (!ioctl(*ret_fd, FIONREAD, &waiting) && !waiting)
		return 0;
	return fail(r->err, 0, "the pipe that is given for it has %d bytes in it, and its own were "
			       "to come first", waiting);
}

static int fill(struct restore *r, int fd, const PipeDataEntry *entry, const char *buf)
{
	if (entry->has_size &&
	    (entry->size > INT_MAX || fcntl(fd, F_SETPIPE_SZ, entry->size) < 0)) {
		fail(r->err, errno, "cannot give it %u bytes of room", entry->size);
		return fail_hint(r->err, "raise /proc/sys/fs/pipe-max-size");
	}
	return entry->bytes ? write_content(r, fd, entry, buf) : 0;
}

static int restore_one(struct restore *r, struct image *image, int file_type,
		       const PipeDataEntry *entry,
		       int (*make)(struct restore *r, struct new_file *first, int *ret_fd))
{
	struct new_file *first = pipe_ends(r, file_type, entry->pipe_id);
	_cleanup_free_ char *buf = NULL;
	_cleanup_close_ int fd = -1;
	int rc;

	if (entry->bytes > image_left(image))
		return fail(r->err, 0, "pipe %u: the image ends before its content",
			    entry->pipe_id);
	buf = malloc(entry->bytes + 1);
	if (!buf)
		return fail(r->err, ENOMEM, "cannot fill pipe %u", entry->pipe_id);
	rc = image_next_bytes(image, buf, entry->bytes, r->err);
	if (rc || !first)
		return rc;
	if (first->given >= 0 && !wants_content(first, entry))
		return 0;
	rc = first->given >= 0 ? open_given(r, first, &fd) : make(r, first, &fd);
	if (!rc)
		rc = fill(r, fd, entry, buf);
	return rc ? fail_in(r->err, "pipe %u", entry->pipe_id) : 0;
}

int restore_pipe_data(struct restore *r, enum image_type type, int file_type,
		      int (*make)(struct restore *r, struct new_file *first, int *ret_fd))
{
	uint64_t key = (uintptr_t)&restore_pipe_data + type;
	ProtobufCMessage *msg;
	struct image *image;
	int rc;

	if (ids_get(&r->kind_data, key))
		return 0;
	if (ids_set(&r->kind_data, key, 1))
		return fail(r->err, ENOMEM, "cannot fill pipes");
	rc = image_open(r->dir, type, 0, &image, r->err);
	if (rc || !image)
		return rc;
	while ((rc = image_next(image, NULL, &msg, r->err)) > 0) {
		rc = restore_one(r, image, file_type, (PipeDataEntry *)msg, make);
		protobuf_c_message_free_unpacked(msg, NULL);
		if (rc)
			break;
	}
	image_finish(image, NULL);
	return rc;
}
