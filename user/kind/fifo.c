// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/pipe.h"
#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "fifo.pb-c.h"
#include "fileref.h"
#include "judge.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "pipebuf.h"
#include "regfile.h"
#include "regfile.pb-c.h"
#include "restore/restore.h"
#include "surroundings.h"

static bool claims(const struct file *f)
{
	return S_ISFIFO(f->rec->i_mode) && f->rec->s_magic != MAGIC_PIPEFS && !file_is_path(f);
}

static void judge(struct judge *j, struct file *f)
{
	struct fileref ref = {
		.path = f->path, .dev = f->rec->dev, .ino = f->rec->ino, .nlink = f->rec->nlink};
	const char *hint, *why = fileref_obstacle(j->options, surroundings_state(j->around, &ref), &hint);

	if (why)
		judge_file(j, f, "fifo", hint, "%s", why);
	judge_pipe(j, f, "fifo");
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	const struct pipe_detail *detail = f->detail;
	FifoEntry *fifo = dump_message(d, &fifo_entry__descriptor);
	const struct file *source = pipe_first(&d->snap, f, detail->readers > 0);

	if (!fifo)
		return fail(d->err, ENOMEM, "cannot describe it");
	fifo->id = f->id;
	/* A number for all its ends. The inode's need not be unique: FIFOs lie on many file
	 * systems. */
	fifo->pipe_id = pipe_first(&d->snap, f, false)->id;
	fifo->regf_id = regfile_name(d, f, false);
	fifo->has_regf_id = true;
	if (!fifo->regf_id)
		return d->err->code;
	entry->fifo = fifo;
	return source == f ? dump_pipe_data(d, f, IMAGE_FIFO_DATA, fifo->pipe_id) : 0;
}

static const RegFileEntry *name_of(const struct restore *r, const struct new_file *f)
{
	const struct new_file *reg = restore_file(r, f->entry->fifo->regf_id);

	return reg && reg->entry->type == FD_TYPES__REG ? reg->entry->reg : NULL;
}

static int check(struct restore *r, struct new_file *f)
{
	const FifoEntry *fifo = f->entry->fifo;
	const RegFileEntry *reg = fifo ? name_of(r, f) : NULL;

	if (!fifo || fifo->id != f->id)
		return fail(r->err, 0, "it says nothing of a FIFO");
	if (!reg || !is_absolute_path(reg->name))
		return fail(r->err, 0, "it has no name");
	if (reg->has_mode && !S_ISFIFO(reg->mode))
		return fail(r->err, 0, "%s is no FIFO: mode %o", reg->name, reg->mode);
	if (check_flags(r, f, reg->flags))
		return r->err->code;
	return pipe_add_end(r, f, fifo->pipe_id);
}

/* Opening an end waits for the other one, unless somebody has both: *@ret_fd does, meanwhile. */
static int make_fifo(struct restore *r, struct new_file *first, int *ret_fd)
{
	int rc = 0;

	*ret_fd = restore_open_regfile(r, first->entry->fifo->regf_id, O_RDWR | O_NONBLOCK, r->err);
	if (*ret_fd < 0)
		return *ret_fd;
	for (struct new_file *f = first; f && !rc; f = ((struct pipe_end *)f->data)->next) {
		f->fd = restore_open_regfile(r, f->entry->fifo->regf_id, -1, r->err);
		rc = f->fd < 0 ? f->fd : 0;
	}
	return rc;
}

static int open_fifo(struct restore *r, struct new_file *f)
{
	int rc = restore_pipe_data(r, IMAGE_FIFO_DATA, FD_TYPES__FIFO, make_fifo);
	_cleanup_close_ int both = -1;

	if (rc || f->fd >= 0)
		return rc;
	return make_fifo(r, pipe_ends(r, FD_TYPES__FIFO, f->entry->fifo->pipe_id), &both);
}

static int connect_fifo(struct restore *r, struct new_file *f)
{
	const RegFileEntry *reg = name_of(r, f);

	return connect_fown_flags(r, f, reg->fown, reg->flags);
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__FIFO,
	.claims = claims,
	.judge = judge,
	.describe = describe,
	.check = check,
	.open = open_fifo,
	.connect = connect_fifo,
};

const struct kind kind_fifo = {.name = "fifo", .file = &file_ops};
