// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of System V shared memory (shmat(2)). The segment itself outlives its
 * processes, so at restore there are two cases:
 *  - it still exists: the same number, key, size, creator and time of creation, in the
 *    same boot. Nobody else uses it, else its content is not ours to set back. It
 *    gets the content of the checkpoint.
 *  - it does not, or the number is another's by now: it is made again, under the same
 *    number and key, or restore fails.
 * A segment to which processes outside the tree are attached is an obstacle.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dump/dump.h"
#include "inject/batch.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/area.h"
#include "restore/restore.h"
#include "segment.h"
#include "sharedmem.h"
#include "snapshot.h"
#include "vma.pb-c.h"
#include "vmaflags.h"

#ifndef SHM_EXEC
#define SHM_EXEC 0100000
#endif

static bool sysvshm_claims(const struct vma *v)
{
	return !v->rec->special && vma_is_internal(v, "/SYSV");
}

/* Attachments of the segment in the tree: a mapping that begins with its first page. */
static size_t count_attached(const struct snapshot *snap, uint64_t ino)
{
	size_t n = 0;

	for (size_t i = 0; i < snap->n_mms; i++)
		for (size_t k = 0; k < snap->mms[i].n_vmas; k++) {
			const struct vma *v = &snap->mms[i].vmas[k];

			n += sysvshm_claims(v) && v->rec->ino == ino && !v->rec->pgoff;
		}
	return n;
}

/* The inode number of a segment's file is its shmid. */
static void sysvshm_judge(struct judge *j, const struct process *p, struct vma *v)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct shmid_ds ds;

	if (!vma_judge(j, p, v))
		return;
	if (shmctl((int)v->rec->ino, IPC_STAT, &ds)) {
		judge_vma(j, p, v, "SysV shared memory", NULL, "segment %llu cannot be looked at",
			  (unsigned long long)v->rec->ino);
		return;
	}
	if (v->rec->pgoff || v->end - v->start != (ds.shm_segsz + page - 1) / page * page)
		judge_vma(j, p, v, "SysV shared memory", "let the program attach all of the segment",
			  "only a part of segment %llu is mapped", (unsigned long long)v->rec->ino);
	if (ds.shm_nattch > count_attached(j->snap, v->rec->ino))
		judge_vma(j, p, v, "SysV shared memory", "dump all its users as one tree",
			  "segment %llu is used by processes outside the tree",
			  (unsigned long long)v->rec->ino);
}

static int sysvshm_describe(struct dump *d, const struct process *p, struct vma *v, VmaEntry *entry)
{
	int fd;

	entry->status = AREA_REGULAR | AREA_ANON_SHARED | AREA_SYSVIPC;
	entry->flags = MAP_SHARED | MAP_ANONYMOUS;
	entry->shmid = v->rec->ino;
	vma_fill_entry(v, entry);
	if (sharedmem_is_stored(d, entry->shmid))
		return 0;
	fd = dump_open_mapped(d, p, v);
	return fd < 0 ? fd : segment_dump(d, (int)entry->shmid, fd);
}

static bool sysvshm_owns(const VmaEntry *entry)
{
	return entry->status & AREA_SYSVIPC;
}

static int sysvshm_check(struct restore *r, struct new_process *p, struct new_vma *v)
{
	if (v->entry->shmid > INT32_MAX || v->entry->pgoff)
		return fail(r->err, 0, "no SysV segment can be mapped so");
	return segment_check(r, (int)v->entry->shmid, v->entry->end - v->entry->start);
}

static int sysvshm_open(struct restore *r, struct new_process *p, struct new_vma *v)
{
	return segment_restore(r, (int)v->entry->shmid);
}

/* An attachment for reading can never become writable; the protection it has now may be less. */
static int sysvshm_map(struct restore *r, struct new_task *t, const struct new_vma *v, int fd,
		       struct batch *batch)
{
	const VmaEntry *entry = v->entry;
	bool writable = entry->has_vm_flags ? entry->vm_flags & VMF_MAYWRITE :
					      entry->prot & PROT_WRITE;
	int flags = (writable ? 0 : SHM_RDONLY) | (entry->prot & PROT_EXEC ? SHM_EXEC : 0);
	int ret = batch_demand(batch, "attaching SysV shared memory", entry->start, SYS_shmat,
			       entry->shmid, entry->start, (__u64)flags);

	return ret ?: batch_do(batch, "protecting SysV shared memory", SYS_mprotect, entry->start,
			       entry->end - entry->start, (__u64)v->map_prot);
}

const struct kind kind_sysvshm = {
	.name = "sysvshm",
	.vma = &(const struct vma_ops){
		.claims = sysvshm_claims,
		.judge = sysvshm_judge,
		.pages = VMA_PAGES_NONE,
		.describe = sysvshm_describe,
		.owns = sysvshm_owns,
		.check = sysvshm_check,
		.open = sysvshm_open,
		.map = sysvshm_map,
	},
};
