// SPDX-License-Identifier: GPL-2.0-only
/* The describe stage: objects to messages to images, everything but pages. */
#include "dump/describe.h"

#include <errno.h>
#include <string.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "regfile.h"
#include "fdinfo.pb-c.h"
#include "fs.pb-c.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "pstree.pb-c.h"
#include "timens.pb-c.h"
#include "tun.h"

#define FD_CLOEXEC_FLAG 1

void *dump_message(struct dump *d, const ProtobufCMessageDescriptor *descriptor)
{
	void *message = arena_alloc(&d->arena, descriptor->sizeof_message);

	if (message)
		protobuf_c_message_init(descriptor, message);
	else
		fail(d->err, ENOMEM, "cannot describe the tree");
	return message;
}

struct image *dump_image(struct dump *d, enum image_type type)
{
	if (!d->images[type] && image_create(d->dir, type, 0, &d->images[type], d->err))
		return NULL;
	return d->images[type];
}

uint32_t dump_new_file_id(struct dump *d)
{
	return ++d->next_file_id;
}

int dump_file_entry(struct dump *d, const FileEntry *entry)
{
	struct image *image = dump_image(d, IMAGE_FILES);

	return image ? image_add(image, &entry->base, d->err) : d->err->code;
}

/* --- files --- */

static int describe_file(struct dump *d, struct file *f)
{
	FileEntry *entry = dump_message(d, &file_entry__descriptor);
	int ret;

	if (!entry)
		return d->err->code;
	entry->id = f->id;
	entry->type = (FdTypes)f->kind->file->type;
	ret = f->kind->file->describe(d, f, entry);
	if (ret)
		return fail_in(d->err, "process %d: fd %u: %s", f->process->pid, f->fd,
			       f->kind->name);
	return dump_file_entry(d, entry);
}

static int describe_files(struct dump *d)
{
	int ret = 0;

	/* Ids of descriptions come first, those of files without descriptor follow. */
	d->next_file_id = (uint32_t)d->snap.n_files;
	for (size_t i = 0; i < d->snap.n_files && !ret; i++)
		ret = describe_file(d, d->snap.files[i]);
	return ret;
}

/* A table's image is numbered as in ids-PID: the dumping tool itself would be 1. */
static int describe_table(struct dump *d, const struct fdtable *table)
{
	struct image *image = NULL;
	int ret = image_create(d->dir, IMAGE_FDINFO, table->id + 1, &image, d->err);

	for (size_t i = 0; i < table->n_fds && !ret; i++) {
		const struct fd *fd = &table->fds[i];
		FdinfoEntry entry = FDINFO_ENTRY__INIT;

		entry.id = fd->file->id;
		entry.flags = fd->cloexec ? FD_CLOEXEC_FLAG : 0;
		entry.type = (FdTypes)fd->file->kind->file->type;
		entry.fd = fd->number;
		ret = image_add(image, &entry.base, d->err);
	}
	return image_finish(image, d->err) ?: ret;
}

/* --- the tree --- */

static int describe_pstree(struct dump *d)
{
	struct image *image = dump_image(d, IMAGE_PSTREE);

	for (size_t i = 0; image && i < d->snap.n_processes; i++) {
		const struct process *p = d->snap.processes[i];
		PstreeEntry entry = PSTREE_ENTRY__INIT;
		size_t n = p->is_zombie ? 1 : p->n_tasks;
		uint32_t *threads = arena_alloc(&d->arena, n * sizeof(*threads));

		if (!threads)
			return fail(d->err, ENOMEM, "cannot describe the tree");
		for (size_t t = 0; t < n && !p->is_zombie; t++)
			threads[t] = (uint32_t)p->tasks[t].vtid;
		entry.pid = (uint32_t)p->vpid;
		entry.ppid = p->parent ? (uint32_t)p->parent->vpid : 0;
		entry.pgid = (uint32_t)p->rec->pgid.virt;
		entry.sid = (uint32_t)p->rec->sid.virt;
		entry.n_threads = n;
		entry.threads = threads;
		if (image_add(image, &entry.base, d->err))
			return d->err->code;
	}
	return image ? 0 : d->err->code;
}

static int describe_fs(struct dump *d, const struct process *p)
{
	FsEntry entry = FS_ENTRY__INIT;
	int ret = dump_fs(d, p, &entry);

	return ret ?: image_write(d->dir, IMAGE_FS, (unsigned long long)p->vpid, &entry.base, d->err);
}

static int describe_process(struct dump *d, struct process *p)
{
	int ret = describe_cores(d, p);

	if (p->is_zombie || ret)
		return ret;
	ret = describe_ids(d, p);
	if (!ret)
		ret = describe_mm(d, p) ?: describe_tags(d, p);
	return ret ?: describe_fs(d, p);
}

/* The clocks as they stood at the freeze: restore goes on from there. */
static int describe_clocks(struct dump *d)
{
	long long monotonic = dump_clock(d, CLOCK_MONOTONIC), boottime = dump_clock(d, CLOCK_BOOTTIME);
	Timespec mono = TIMESPEC__INIT, boot = TIMESPEC__INIT;
	TimensEntry entry = TIMENS_ENTRY__INIT;

	mono.tv_sec = (uint64_t)(monotonic / 1000000000);
	mono.tv_nsec = (uint64_t)(monotonic % 1000000000);
	boot.tv_sec = (uint64_t)(boottime / 1000000000);
	boot.tv_nsec = (uint64_t)(boottime % 1000000000);
	entry.monotonic = &mono;
	entry.boottime = &boot;
	return image_write(d->dir, IMAGE_TIMENS, 0, &entry.base, d->err);
}

static int rewind_tasks(struct dump *d)
{
	int ret = 0;

	for (size_t i = 0; i < d->snap.n_tasks && !ret; i++) {
		struct task *t = &d->snap.tasks[i];

		if (t->rec->exit_state)
			continue;
		ret = regs_get(&t->regs, t->tid, d->err);
		if (!ret)
			ret = dump_rewind(d, t);
		if (ret)
			fail_in(d->err, "thread %d", t->tid);
	}
	return ret;
}

int dump_describe(void *dump, struct error *err)
{
	struct dump *d = dump;
	int ret = rewind_tasks(d);

	/* What an earlier dump left here would be read together with ours. */
	ret = ret ?: image_dir_clear(d->dir, err);
	/* A tree that is to run on does not wait for files. */
	if (d->opt->leave_running)
		image_dir_hold(d->dir);
	ret = ret ?: describe_pstree(d) ?: describe_files(d);
	for (size_t i = 0; i < d->snap.n_fdtables && !ret; i++)
		ret = describe_table(d, &d->snap.fdtables[i]);
	for (size_t i = 0; i < d->snap.n_processes && !ret; i++) {
		ret = describe_process(d, d->snap.processes[i]);
		if (ret)
			fail_in(err, "process %d", d->snap.processes[i]->pid);
	}
	return ret ?: dump_seccomp(d) ?: describe_clocks(d);
}

void dump_discard(void *dump, bool failed, struct error *err)
{
	struct dump *d = dump;

	if (failed)
		image_dir_discard(d->dir);
	if (failed)
		tun_discard(d);
	if (failed && (err->code == -ENOSPC || err->code == -EDQUOT))
		fail_hint(err, "free some space, or choose another directory with --images-dir");
	/* Who goes on must not find that its files have another name now. */
	if (failed || d->opt->leave_running)
		regfile_discard(d);
}
