// SPDX-License-Identifier: GPL-2.0-only
#include "pipebuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bpf/pipe.h"
#include "dump/dump.h"
#include "external.h"
#include "fdutil.h"
#include "judge.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "pipe-data.pb-c.h"
#include "snapshot.h"

static const struct pipe_detail *detail_of(const struct file *f)
{
	return f->rec->detail_type == DETAIL_PIPE ? f->detail : NULL;
}

static bool is_end_of(const struct file *f, uint64_t pipe)
{
	const struct pipe_detail *detail = detail_of(f);

	return detail && detail->pipe == pipe && !file_is_path(f);
}

/* Does the snapshot hold every description of the pipe? Its ends mostly stand side by side. */
static void count_ends(const struct snapshot *snap, const struct file *f,
		       const struct pipe_detail *detail, uint32_t *ret_readers,
		       uint32_t *ret_writers)
{
	struct file *other;
	size_t step = 0;

	*ret_readers = *ret_writers = 0;
	while ((*ret_readers < detail->readers || *ret_writers < detail->writers) &&
	       (other = file_near(snap, f, &step))) {
		if (!is_end_of(other, detail->pipe))
			continue;
		*ret_readers += file_can_read(other);
		*ret_writers += file_can_write(other);
	}
}

void judge_pipe(struct judge *j, const struct file *f, const char *kind)
{
	const struct pipe_detail *detail = detail_of(f);
	uint32_t readers, writers;
	char name[EXTERNAL_NAME], hint[160];

	judge_fown(j, f);
	if (!detail) {
		judge_file(j, f, kind, NULL, "its state cannot be read on this kernel");
		return;
	}
	if (detail->has_watch_queue)
		judge_file(j, f, kind, NULL, "kernel notifications arrive in it");
	if (detail->n_packets && detail->n_packets != detail->n_buffers)
		judge_file(j, f, kind, "let it be read first",
			   "it holds both packets (O_DIRECT) and a stream");
	if (f->rec->is_contained || external_has_inode(j->options, "pipe", f->rec->ino))
		return;
	count_ends(j->snap, f, detail, &readers, &writers);
	if (readers == detail->readers && writers == detail->writers)
		return;
	snprintf(name, sizeof(name), "pipe[%llu]", (unsigned long long)f->rec->ino);
	if (!file_is_nameless(f))
		external_file_name(f, name);
	snprintf(hint, sizeof(hint), "checkpoint both ends together; or --external '%s', if restore is "
		 "to be given another", name);
	judge_file(j, f, kind, hint,
		   "a process outside the tree has its %s open",
		   readers == detail->readers   ? "writing end"
		   : writers == detail->writers ? "reading end"
						: "ends");
}

const struct file *pipe_first(const struct snapshot *snap, const struct file *f, bool reading)
{
	const struct pipe_detail *detail = detail_of(f);

	if (reading && detail->readers == 1 && file_can_read(f))
		return f;
	for (size_t i = 0; i < snap->n_files; i++)
		if (is_end_of(snap->files[i], detail->pipe) &&
		    (!reading || file_can_read(snap->files[i])))
			return snap->files[i];
	return NULL;
}

/* A second reference to what is in the pipe, in a pipe of our own: *@ret_end is the end to read it
 * from. */
static ssize_t copy_content(struct dump *d, int fd, const struct pipe_detail *detail, int *ret_end)
{
	long page = sysconf(_SC_PAGESIZE);
	ssize_t n = -1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return fail(d->err, errno, "cannot create a pipe to copy it");
	if (fcntl(ends[1], F_SETPIPE_SZ, detail->ring_size * page) < 0)
		fail(d->err, errno, "cannot make room for its content");
	else if ((n = tee(fd, ends[1], (size_t)detail->ring_size * page, SPLICE_F_NONBLOCK)) < 0)
		fail(d->err, errno, "cannot copy its content");
	else if ((uint64_t)n != detail->bytes)
		n = fail(d->err, 0, "its content has changed: %llu bytes then, %zd now",
			 (unsigned long long)detail->bytes, n);
	close(ends[1]);
	if (n < 0) {
		close(ends[0]);
		return d->err->code;
	}
	*ret_end = ends[0];
	return n;
}

/* Reads @n bytes; one read gives no more than one packet, if there are any: their sizes go to
 * @entry. */
static int read_content(struct dump *d, int fd, char *buf, size_t n, PipeDataEntry *entry)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, buf + done, n - done);

		if (got <= 0)
			return fail(d->err, got ? errno : EIO, "cannot read its content");
		done += got;
		if (entry->packets)
			entry->packets[entry->n_packets++] = got;
	}
	return 0;
}

static int add_content(struct dump *d, struct image *image, int fd,
		       const struct pipe_detail *detail, PipeDataEntry *entry)
{
	_cleanup_free_ uint32_t *packets = calloc(detail->n_packets + 1, sizeof(*packets));
	_cleanup_free_ char *buf = malloc(detail->bytes);
	_cleanup_close_ int end = -1;
	ssize_t n;
	int rc;

	if (!buf || !packets)
		return fail(d->err, ENOMEM, "cannot copy its content");
	n = copy_content(d, fd, detail, &end);
	if (n < 0)
		return n;
	entry->packets = detail->n_packets ? packets : NULL;
	rc = read_content(d, end, buf, n, entry);
	entry->bytes = n;
	if (!rc)
		rc = image_add(image, &entry->base, d->err);
	return rc ? rc : image_add_bytes(image, buf, n, d->err);
}

int dump_pipe_data(struct dump *d, struct file *f, enum image_type type, uint32_t pipe_id)
{
	const struct pipe_detail *detail = detail_of(f);
	struct image *image = dump_image(d, type);
	PipeDataEntry entry = PIPE_DATA_ENTRY__INIT;
	_cleanup_close_ int again = -1;
	char path[64];
	int fd;

	if (!image)
		return d->err->code;
	entry.pipe_id = pipe_id;
	entry.has_size = true;
	entry.size = detail->max_usage * sysconf(_SC_PAGESIZE);
	if (!detail->bytes)
		return image_add(image, &entry.base, d->err);
	fd = file_copy(f, d->err);
	if (fd < 0)
		return fd;
	if (!file_can_read(f)) {
		/* A FIFO that lost its readers keeps its content for the next one. */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		fd = again = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			return fail(d->err, errno, "cannot open it for reading");
	}
	return add_content(d, image, fd, detail, &entry);
}
