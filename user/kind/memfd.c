// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory files (memfd_create(2)): descriptors of them, and mappings, shared or
 * private. The inode is described once in memfd.img, its content stands in
 * pagemap-shmem-SHMID; each open description, and one for all mappings, is an entry
 * of files.img. CRIU stores shared anonymous memory so too, under the name
 * "/dev/zero": read here, written as the kind shmem.
 */
#include "memfd.pb-c.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/memfd.h"
#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "fown.pb-c.h"
#include "judge.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "memfdinode.h"
#include "restore/area.h"
#include "restore/restore.h"
#include "sharedmem.h"
#include "snapshot.h"
#include "vma.pb-c.h"
#include "vmaflags.h"

#define FMODE_READ  1
#define FMODE_WRITE 2

/* --- descriptors --- */

static bool memfd_claims(const struct file *f)
{
	const struct memfd_detail *detail = f->detail;
	/* A scan is told no paths of files in flight; what else there is on that mount no call opens. */
	bool has_no_path = f->carrier && !*f->path;

	return f->rec->detail_type == DETAIL_MEMFD && detail && detail->is_internal &&
	       (has_no_path || !strncmp(f->path, "/memfd:", 7));
}

static void memfd_judge(struct judge *j, struct file *f)
{
	judge_fown(j, f);
}

/* A description of its own for the same object, by way of /proc. The descriptor is the caller's. */
static int reopen(int fd, uint32_t flags, struct error *err)
{
	char path[64];
	int copy;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = open(path, (int)(flags & ~(uint32_t)(O_CREAT | O_EXCL | O_TRUNC)) | O_CLOEXEC);
	return copy < 0 ? fail(err, errno, "cannot open the memory file again") : copy;
}

static int fill_entry(struct dump *d, FileEntry *entry, uint32_t flags, uint64_t pos,
		      FownEntry *fown, uint32_t inode_id)
{
	MemfdFileEntry *memfd = dump_message(d, &memfd_file_entry__descriptor);

	if (!memfd || !fown || !inode_id)
		return d->err->code;
	memfd->id = entry->id;
	memfd->flags = flags;
	memfd->pos = pos;
	memfd->fown = fown;
	memfd->inode_id = inode_id;
	entry->memfd = memfd;
	return 0;
}

static int memfd_describe(struct dump *d, struct file *f, FileEntry *entry)
{
	struct memfd_inode *inode = memfd_inode_of(d, f->rec->dev, f->rec->ino, f->path);
	FownEntry *fown = dump_fown(d, f);

	if (!inode || !fown)
		return d->err->code;
	if (!inode->is_written) {
		int copy = file_copy(f, d->err), fd;

		/* The copy shares the position of the original, which is not ours to move. */
		fd = copy < 0 ? copy : reopen(copy, O_RDONLY, d->err);
		if (fd < 0 || memfd_inode_write(d, inode, fd))
			return d->err->code;
	}
	return fill_entry(d, entry, file_flags(f), f->rec->pos, fown, inode->id);
}

static int memfd_check(struct restore *r, struct new_file *f)
{
	const MemfdFileEntry *memfd = f->entry->memfd;

	if (!memfd || memfd->id != f->id)
		return fail(r->err, 0, "it says nothing of a memory file");
	return memfd_object_of(r, f) ? 0 : r->err->code;
}

static int memfd_open(struct restore *r, struct new_file *f)
{
	struct memfd_object *object = memfd_object_open(r, f);
	const MemfdFileEntry *memfd = f->entry->memfd;

	if (!object)
		return r->err->code;
	f->fd = reopen(object->fd, memfd->flags, r->err);
	if (f->fd < 0)
		return f->fd;
	if (!(memfd->flags & O_PATH) && lseek(f->fd, (off_t)memfd->pos, SEEK_SET) < 0)
		return fail(r->err, errno, "cannot set its position");
	return 0;
}

static int memfd_connect(struct restore *r, struct new_file *f)
{
	const MemfdFileEntry *memfd = f->entry->memfd;

	if (memfd->flags & O_PATH)
		return 0;
	return connect_fown_flags(r, f, memfd->fown, memfd->flags);
}

/* Seals come last: every mapping and descriptor that they would forbid exists by now. */
static int memfd_arm(struct restore *r, struct new_file *f)
{
	return memfd_object_seal(r, f);
}

/* --- mappings --- */

static bool memfd_claims_vma(const struct vma *v)
{
	return !v->rec->special && vma_is_internal(v, "/memfd:");
}

static void memfd_judge_vma(struct judge *j, const struct process *p, struct vma *v)
{
	vma_judge(j, p, v);
}

static FownEntry *nobody(struct dump *d)
{
	return dump_message(d, &fown_entry__descriptor);
}

/* The entry that stands for all mappings of the object. Returns its id, 0 on error. */
static uint32_t mapped_entry(struct dump *d, struct memfd_inode *inode)
{
	FileEntry entry = FILE_ENTRY__INIT;

	if (inode->mapped_id)
		return inode->mapped_id;
	entry.type = FD_TYPES__MEMFD;
	entry.id = dump_new_file_id(d);
	if (fill_entry(d, &entry, 0, 0, nobody(d), inode->id) || dump_file_entry(d, &entry))
		return 0;
	return inode->mapped_id = entry.id;
}

static int memfd_describe_vma(struct dump *d, const struct process *p, struct vma *v,
			      VmaEntry *entry)
{
	struct memfd_inode *inode = memfd_inode_of(d, v->rec->dev, v->rec->ino, v->path);
	bool is_shared = v->rec->flags & VMF_MAYSHARE;

	if (!inode)
		return d->err->code;
	if (!inode->is_written) {
		int fd = dump_open_mapped(d, p, v);

		if (fd < 0 || memfd_inode_write(d, inode, fd))
			return d->err->code;
	}
	entry->status = AREA_REGULAR | AREA_MEMFD | (is_shared ? AREA_FILE_SHARED : AREA_FILE_PRIVATE);
	entry->flags = is_shared ? MAP_SHARED : MAP_PRIVATE;
	entry->shmid = mapped_entry(d, inode);
	entry->pgoff = vma_offset(v);
	entry->has_fdflags = true;
	entry->fdflags = v->rec->f_mode & FMODE_WRITE ? O_RDWR : O_RDONLY;
	vma_fill_entry(v, entry);
	return entry->shmid ? 0 : d->err->code;
}

static bool memfd_owns(const VmaEntry *entry)
{
	return entry->status & AREA_MEMFD;
}

static struct new_file *file_of(const struct restore *r, const struct new_vma *v)
{
	struct new_file *f = restore_file(r, (uint32_t)v->entry->shmid);

	return f && f->entry->memfd ? f : NULL;
}

static int memfd_check_vma(struct restore *r, struct new_process *p, struct new_vma *v)
{
	struct new_file *f = file_of(r, v);

	if (!f)
		return fail(r->err, 0, "there is no memory file %llu to map",
			    (unsigned long long)v->entry->shmid);
	return memfd_object_of(r, f) ? 0 : r->err->code;
}

/*
 * A mapping that must not become writable, because of a seal, is made with a
 * descriptor open for reading: then it is no writer in the kernel's count either, which
 * the seal will look at.
 */
static int memfd_open_vma(struct restore *r, struct new_process *p, struct new_vma *v)
{
	const VmaEntry *entry = v->entry;
	struct memfd_object *object = memfd_object_open(r, file_of(r, v));
	bool is_sealed;

	if (!object)
		return r->err->code;
	v->fd = object->fd;
	is_sealed = object->entry->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
	if (!(entry->status & AREA_FILE_SHARED) ||
	    !(is_sealed ? !(entry->prot & PROT_WRITE) :
			  entry->has_fdflags && (entry->fdflags & O_ACCMODE) == O_RDONLY))
		return 0;
	if (object->read_fd < 0)
		object->read_fd = reopen(object->fd, O_RDONLY, r->err);
	v->fd = object->read_fd;
	return v->fd < 0 ? r->err->code : 0;
}

static int memfd_map(struct restore *r, struct new_task *t, const struct new_vma *v, int fd,
		     struct batch *batch)
{
	uint32_t type = v->entry->status & AREA_FILE_SHARED ? MAP_SHARED : MAP_PRIVATE;

	return vma_map(v, type | (v->entry->flags & MAP_NORESERVE), fd, batch);
}

const struct kind kind_memfd = {
	.name = "memfd",
	.file = &(const struct file_ops){
		.type = FD_TYPES__MEMFD,
		.claims = memfd_claims,
		.judge = memfd_judge,
		.describe = memfd_describe,
		.check = memfd_check,
		.open = memfd_open,
		.connect = memfd_connect,
		.arm = memfd_arm,
	},
	.vma = &(const struct vma_ops){
		.claims = memfd_claims_vma,
		.judge = memfd_judge_vma,
		.pages = VMA_PAGES_PRIVATE,
		.describe = memfd_describe_vma,
		.owns = memfd_owns,
		.check = memfd_check_vma,
		.open = memfd_open_vma,
		.map = memfd_map,
	},
};
