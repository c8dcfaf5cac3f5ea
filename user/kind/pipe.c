// SPDX-License-Identifier: GPL-2.0-only
#include "pipebuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/pipe.h"
#include "dump/dump.h"
#include "external.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "kind.h"
#include "lib/err.h"
#include "pipe.pb-c.h"
#include "restore/restore.h"

static bool claims(const struct file *f)
{
	return f->rec->s_magic == MAGIC_PIPEFS && !file_is_path(f);
}

static void judge(struct judge *j, struct file *f)
{
	judge_pipe(j, f, "pipe");
}

/* What it is joined to is there, in whatever tree it is. */
static bool is_plain(const struct file *f)
{
	return f->rec->is_contained;
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	PipeEntry *pipe = dump_message(d, &pipe_entry__descriptor);

	if (!pipe || !(pipe->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	pipe->id = f->id;
	pipe->pipe_id = f->rec->ino;
	pipe->flags = file_flags(f);
	pipe->has_uid = pipe->has_gid = pipe->has_mode = true;
	pipe->uid = f->rec->uid;
	pipe->gid = f->rec->gid;
	pipe->mode = f->rec->i_mode & 07777;
	pipe->has_outside = pipe->outside = external_has_inode(d->opt, "pipe", f->rec->ino);
	entry->pipe = pipe;
	if (file_can_read(f) && pipe_first(&d->snap, f, true) == f)
		return dump_pipe_data(d, f, IMAGE_PIPES_DATA, pipe->pipe_id);
	return 0;
}

static void name(struct restore *r, const struct new_file *f, char *buf, size_t n,
		 uint32_t *ret_flags)
{
	if (!f->entry->pipe)
		return;
	snprintf(buf, n, "pipe:[%u]", f->entry->pipe->pipe_id);
	*ret_flags = f->entry->pipe->flags;
}

static int check(struct restore *r, struct new_file *f)
{
	char outside[EXTERNAL_NAME];
	const PipeEntry *pipe = f->entry->pipe;

	if (!pipe || pipe->id != f->id)
		return fail(r->err, 0, "it says nothing of a pipe");
	if (check_flags(r, f, pipe->flags))
		return r->err->code;
	if (pipe->has_outside && pipe->outside && f->process && f->given < 0) {
		snprintf(outside, sizeof(outside), "pipe:[%u]", pipe->pipe_id);
		return external_missing(r, outside);
	}
	return pipe_add_end(r, f, pipe->pipe_id);
}

/* An end beyond the two that a pipe is born with was opened through /proc: so is this. */
static int open_end(struct restore *r, struct new_file *f, int ends[2], bool given[2])
{
	uint32_t access = f->entry->pipe->flags & O_ACCMODE;
	char path[64];

	for (int side = 0; side < 2; side++) {
		if (access != (side ? O_WRONLY : O_RDONLY) || given[side])
			continue;
		f->fd = ends[side];
		given[side] = true;
		return 0;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	f->fd = open(path, access | O_NONBLOCK | O_CLOEXEC);
	return f->fd < 0 ? fail(r->err, errno, "cannot open a pipe again") : 0;
}

/* It belongs to whoever made it, who may open it again by way of /proc. */
static int give_pipe(struct restore *r, const PipeEntry *pipe, int fd)
{
	if (pipe->has_uid && pipe->has_gid && fchown(fd, pipe->uid, pipe->gid))
		return fail(r->err, errno, "cannot give a pipe its owner");
	if (pipe->has_mode && fchmod(fd, pipe->mode & 07777))
		return fail(r->err, errno, "cannot give a pipe its mode");
	return 0;
}

static int make_pipe(struct restore *r, struct new_file *first, int *ret_fd)
{
	bool given[2] = {false, false};
	int ends[2], rc = 0;

	if (pipe2(ends, O_CLOEXEC))
		return fail(r->err, errno, "cannot create a pipe");
	if (ret_fd) {
		*ret_fd = fcntl(ends[1], F_DUPFD_CLOEXEC, 0);
		if (*ret_fd < 0)
			rc = fail(r->err, errno, "cannot create a pipe");
	}
	for (struct new_file *f = first; f && !rc; f = ((struct pipe_end *)f->data)->next)
		rc = open_end(r, f, ends, given);
	if (!rc)
		rc = give_pipe(r, first->entry->pipe, ends[0]);
	for (int side = 0; side < 2; side++)
		if (!given[side])
			close(ends[side]);
	return rc;
}

static int open_pipe(struct restore *r, struct new_file *f)
{
	int rc = restore_pipe_data(r, IMAGE_PIPES_DATA, FD_TYPES__PIPE, make_pipe);

	if (rc || f->fd >= 0)
		return rc;
	return make_pipe(r, pipe_ends(r, FD_TYPES__PIPE, f->entry->pipe->pipe_id), NULL);
}

static int connect_pipe(struct restore *r, struct new_file *f)
{
	return connect_fown_flags(r, f, f->entry->pipe->fown, f->entry->pipe->flags);
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	const struct pipe_detail *detail = f->detail;

	if (detail)
		fprintf(out, "bytes %llu buffers %u/%u readers %u writers %u",
			(unsigned long long)detail->bytes, detail->n_buffers, detail->max_usage,
			detail->readers, detail->writers);
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__PIPE,
	.claims = claims,
	.judge = judge,
	.is_plain = is_plain,
	.state = state,
	.describe = describe,
	.name = name,
	.check = check,
	.open = open_pipe,
	.connect = connect_pipe,
};

const struct kind kind_pipe = {.name = "pipe", .file = &file_ops};
