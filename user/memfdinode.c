// SPDX-License-Identifier: GPL-2.0-only
#include "memfdinode.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "lib/err.h"
#include "memfd.pb-c.h"
#include "restore/restore.h"
#include "sharedmem.h"
#include "vmaflags.h"

#define PREFIX	"/memfd:"
#define DELETED " (deleted)"
/* CRIU's names for what was never a memfd: shared anonymous memory, and that of huge pages. */
#define NAME_ANONYMOUS "/dev/zero"
#define NAME_HUGE      "/anon_hugepage"
#define NAME_MAX_BYTES 249	/* memfd_create(2) */

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8u
#define MFD_EXEC	0x10u
#endif
#define SEAL_EXEC 0x20u		/* F_SEAL_EXEC */
/* Where flags hold the size of huge pages. */
#define HUGE_BITS (0x3fu << 26)

/* --- dump --- */

struct memfd_inode *memfd_inode_of(struct dump *d, uint32_t dev, uint64_t ino, const char *path)
{
	struct memfd_inode *inode = d->memfds;

	while (inode && (inode->dev != dev || inode->ino != ino))
		inode = inode->next;
	if (inode)
		return inode;
	inode = arena_alloc(&d->arena, sizeof(*inode));
	if (!inode) {
		fail(d->err, ENOMEM, "cannot describe a memory file");
		return NULL;
	}
	*inode = (struct memfd_inode){ .next = d->memfds, .dev = dev, .ino = ino, .path = path };
	inode->id = (d->memfds ? d->memfds->id : 0) + 1;
	return d->memfds = inode;
}

static int fill_inode(struct dump *d, const struct memfd_inode *inode, int fd,
		      MemfdInodeEntry *entry)
{
	size_t length = strlen(inode->path) - strlen(PREFIX), tail = strlen(DELETED);
	struct statfs fs;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (fstat(fd, &st) || fstatfs(fd, &fs) || seals < 0)
		return fail(d->err, errno, "cannot look at the memory file");
	entry->name = arena_strdup(&d->arena, inode->path + strlen(PREFIX));
	if (!entry->name)
		return fail(d->err, ENOMEM, "cannot describe a memory file");
	if (length >= tail && !strcmp(entry->name + length - tail, DELETED))
		entry->name[length - tail] = 0;
	entry->uid = st.st_uid;
	entry->gid = st.st_gid;
	entry->size = (uint64_t)st.st_size;
	entry->shmid = SHAREDMEM_FIRST_ID + (1u << 30) + inode->id;
	entry->seals = (uint32_t)seals;
	entry->inode_id = inode->id;
	entry->has_mode = true;
	entry->mode = st.st_mode;
	if ((uint32_t)fs.f_type == SB_HUGETLBFS) {
		entry->has_hugetlb_flag = true;
		entry->hugetlb_flag = MFD_HUGETLB | vma_huge_bits((uint64_t)st.st_blksize);
	}
	return 0;
}

int memfd_inode_write(struct dump *d, struct memfd_inode *inode, int fd)
{
	MemfdInodeEntry entry = MEMFD_INODE_ENTRY__INIT;
	struct image *image = dump_image(d, IMAGE_MEMFD);

	if (!image || fill_inode(d, inode, fd, &entry) || image_add(image, &entry.base, d->err)) {
		close(fd);
		return d->err->code;
	}
	inode->is_written = true;
	if (entry.size)
		return dump_shared_memory(d, entry.shmid, entry.size, fd);
	close(fd);
	return 0;
}

/* --- restore --- */

/* An inode_id's key in r->kind_data: the value is the id of the first file that has it. */
static uint64_t inode_key(uint64_t inode_id)
{
	return 0xf3ull << 56 | (inode_id & (~0ull >> 8));
}

static int check_inode(struct restore *r, const MemfdInodeEntry *entry)
{
	if (strlen(entry->name) > NAME_MAX_BYTES || entry->size > INT64_MAX ||
	    (entry->has_mode && !S_ISREG(entry->mode)) ||
	    (entry->has_hugetlb_flag && entry->hugetlb_flag & ~(MFD_HUGETLB | HUGE_BITS)))
		return fail(r->err, 0, "memfd.img: inode %llu cannot be",
			    (unsigned long long)entry->inode_id);
	return 0;
}

static int add_object(struct restore *r, MemfdInodeEntry *entry)
{
	uint32_t first = ids_get(&r->kind_data, inode_key(entry->inode_id));
	struct memfd_object *object;

	if (restore_keep(r, entry))
		return fail(r->err, ENOMEM, "cannot load memfd.img");
	if (check_inode(r, entry))
		return r->err->code;
	if (!first)
		return 0;	/* nobody has it */
	if (restore_file(r, first)->data)
		return fail(r->err, 0, "memfd.img: inode %llu is there twice",
			    (unsigned long long)entry->inode_id);
	object = arena_alloc(&r->arena, sizeof(*object));
	if (!object)
		return fail(r->err, ENOMEM, "cannot load memfd.img");
	*object = (struct memfd_object){ .entry = entry, .fd = -1, .read_fd = -1 };
	restore_file(r, first)->data = object;
	return 0;
}

static int load_objects(struct restore *r)
{
	ProtobufCMessage *msg;
	struct image *image;
	int ret = 0;

	for (size_t i = 0; i < r->n_files; i++) {
		const MemfdFileEntry *memfd = r->files[i]->entry->memfd;

		if (memfd && !ids_get(&r->kind_data, inode_key(memfd->inode_id)) &&
		    ids_set(&r->kind_data, inode_key(memfd->inode_id), r->files[i]->id))
			return fail(r->err, ENOMEM, "cannot load memfd.img");
	}
	ret = image_open(r->dir, IMAGE_MEMFD, 0, &image, r->err);
	if (ret || !image)
		return ret;
	while ((ret = image_next(image, NULL, &msg, r->err)) > 0) {
		ret = add_object(r, (MemfdInodeEntry *)msg);
		if (ret)
			break;
	}
	image_finish(image, NULL);
	return ret;
}

struct memfd_object *memfd_object_of(struct restore *r, struct new_file *f)
{
	uint64_t inode_id = f->entry->memfd->inode_id, loaded = (uintptr_t)&load_objects;

	if (f->data)
		return f->data;
	if (!ids_get(&r->kind_data, loaded)) {
		if (load_objects(r))
			return NULL;
		if (ids_set(&r->kind_data, loaded, 1)) {
			fail(r->err, ENOMEM, "cannot load memfd.img");
			return NULL;
		}
	}
	f->data = restore_file(r, ids_get(&r->kind_data, inode_key(inode_id)))->data;
	if (!f->data)
		fail(r->err, 0, "memfd.img: there is no inode %llu", (unsigned long long)inode_id);
	return f->data;
}

/* An object made by CRIU in place of shared anonymous memory becomes that again. */
static bool is_anonymous(const MemfdInodeEntry *entry)
{
	return entry->size && !strcmp(entry->name, entry->has_hugetlb_flag ? NAME_HUGE : NAME_ANONYMOUS);
}

static int create_memfd(struct restore *r, const MemfdInodeEntry *entry)
{
	unsigned int flags = MFD_CLOEXEC | (entry->seals == F_SEAL_SEAL ? 0 : MFD_ALLOW_SEALING) |
			     (entry->has_hugetlb_flag ? MFD_HUGETLB | entry->hugetlb_flag : 0u);
	int fd;

	/* Without a word on executing, newer kernels warn; older ones know neither flag. */
	fd = memfd_create(entry->name, flags | (entry->seals & SEAL_EXEC ? 0 : MFD_EXEC));
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(entry->name, flags);
	if (fd < 0)
		return fail(r->err, errno, "cannot create memory file %s", entry->name);
	if (!ftruncate(fd, (off_t)entry->size) && !fchown(fd, entry->uid, entry->gid) &&
	    (!entry->has_mode || !fchmod(fd, entry->mode & 07777)))
		return fd;
	fail(r->err, errno, "cannot restore memory file %s", entry->name);
	close(fd);
	return r->err->code;
}

struct memfd_object *memfd_object_open(struct restore *r, struct new_file *f)
{
	struct memfd_object *object = memfd_object_of(r, f);
	const MemfdInodeEntry *entry = object ? object->entry : NULL;

	if (!object || object->fd >= 0)
		return object;
	object->fd = is_anonymous(entry) ?
			     sharedmem_create(entry->size,
					      entry->has_hugetlb_flag ?
						      MAP_HUGETLB | (entry->hugetlb_flag & HUGE_BITS) :
						      0,
					      r->err) :
			     create_memfd(r, entry);
	if (object->fd < 0 || sharedmem_fill(r, entry->shmid, object->fd, entry->size))
		return NULL;
	return object;
}

int memfd_object_seal(struct restore *r, struct new_file *f)
{
	struct memfd_object *object = memfd_object_of(r, f);

	if (!object)
		return r->err->code;
	if (object->is_sealed || is_anonymous(object->entry) || !object->entry->seals ||
	    object->entry->seals == F_SEAL_SEAL)
		return 0;
	object->is_sealed = true;
	if (fcntl(object->fd, F_ADD_SEALS, object->entry->seals))
		return fail(r->err, errno, "cannot seal memory file %s", object->entry->name);
	return 0;
}
