// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared anonymous memory: mmap(MAP_SHARED | MAP_ANONYMOUS), "/dev/zero (deleted)" in
 * /proc. Mappings of one object, in whichever processes, have one shmid; its content
 * is in pagemap-shmem-SHMID. At restore the object is made by such an mmap here, so
 * that it is again what it was, and the tasks map it by a descriptor.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump/dump.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/area.h"
#include "restore/restore.h"
#include "sharedmem.h"
#include "snapshot.h"
#include "vma.pb-c.h"
#include "vmaflags.h"

static bool is_huge(const struct vma *v)
{
	return vma_is_internal(v, "/anon_hugepage");
}

static bool shmem_claims(const struct vma *v)
{
	return v->rec->flags & VMF_MAYSHARE && (vma_is_internal(v, "/dev/zero") || is_huge(v));
}

static void shmem_judge(struct judge *j, const struct process *p, struct vma *v)
{
	vma_judge(j, p, v);
}

/* Has an earlier mapping, of this process or another, brought the object into the image? */
static int store_once(struct dump *d, const struct process *p, const struct vma *v, uint64_t shmid)
{
	int fd;

	if (sharedmem_is_stored(d, shmid))
		return 0;
	fd = dump_open_mapped(d, p, v);
	return fd < 0 ? fd : dump_shared_memory(d, shmid, v->rec->size, fd);
}

static int huge_bits(struct dump *d, const struct process *p, const struct vma *v, uint32_t *ret)
{
	struct stat st;
	int fd = dump_open_mapped(d, p, v);

	if (fd < 0)
		return fd;
	*ret = fstat(fd, &st) ? 0 : vma_huge_bits((uint64_t)st.st_blksize);
	close(fd);
	return 0;
}

static int shmem_describe(struct dump *d, const struct process *p, struct vma *v, VmaEntry *entry)
{
	uint32_t bits = 0;
	int ret = is_huge(v) ? huge_bits(d, p, v, &bits) : 0;

	entry->status = AREA_REGULAR | AREA_ANON_SHARED;
	entry->flags = MAP_SHARED | MAP_ANONYMOUS | (is_huge(v) ? MAP_HUGETLB | bits : 0);
	entry->shmid = SHAREDMEM_FIRST_ID + v->object;
	entry->pgoff = vma_offset(v);
	vma_fill_entry(v, entry);
	return ret ?: store_once(d, p, v, entry->shmid);
}

static bool shmem_owns(const VmaEntry *entry)
{
	return entry->status & AREA_ANON_SHARED && !(entry->status & AREA_SYSVIPC);
}

static int shmem_check(struct restore *r, struct new_process *p, struct new_vma *v)
{
	uint64_t size = v->entry->end - v->entry->start;

	if (v->entry->pgoff > INT64_MAX - size)
		return fail(r->err, 0, "its offset %llx cannot be",
			    (unsigned long long)v->entry->pgoff);
	return 0;
}

/* The object must be as long as what is mapped of it anywhere. */
static uint64_t object_size(const struct restore *r, uint64_t shmid)
{
	uint64_t size = 0;

	for (size_t i = 0; i < r->n_processes; i++)
		for (size_t k = 0; k < r->processes[i]->n_vmas; k++) {
			const VmaEntry *entry = r->processes[i]->vmas[k].entry;
			uint64_t end = entry->pgoff + (entry->end - entry->start);

			if (shmem_owns(entry) && entry->shmid == shmid && end > size)
				size = end;
		}
	return size;
}

static int shmem_open(struct restore *r, struct new_process *p, struct new_vma *v)
{
	const uint32_t keep = MAP_NORESERVE | MAP_HUGETLB | 0x3fu << 26;
	uint64_t key = 0xf2ull << 56 | (v->entry->shmid & (~0ull >> 8));
	uint32_t known = ids_get(&r->kind_data, key);
	uint64_t size;
	int fd, ret;

	if (known) {
		v->fd = (int)known - 1;
		return 0;
	}
	size = object_size(r, v->entry->shmid);
	fd = sharedmem_create(size, v->entry->flags & keep, r->err);
	if (fd < 0)
		return fd;
	v->fd = fd;
	ret = sharedmem_fill(r, v->entry->shmid, fd, size);
	if (!ret && ids_set(&r->kind_data, key, (uint32_t)fd + 1))
		ret = fail(r->err, ENOMEM, "cannot remember shared memory");
	return ret;
}

static int shmem_map(struct restore *r, struct new_task *t, const struct new_vma *v, int fd,
		     struct batch *batch)
{
	return vma_map(v, MAP_SHARED | (v->entry->flags & MAP_NORESERVE), fd, batch);
}

const struct kind kind_shmem = {
	.name = "shmem",
	.vma = &(const struct vma_ops){
		.claims = shmem_claims,
		.judge = shmem_judge,
		.pages = VMA_PAGES_NONE,
		.describe = shmem_describe,
		.owns = shmem_owns,
		.check = shmem_check,
		.open = shmem_open,
		.map = shmem_map,
	},
};
