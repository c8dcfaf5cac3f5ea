// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the kernel may take away at any time (MAP_DROPPABLE, since Linux
 * 6.11): the state of getrandom(2) in the vDSO. Its users expect to find zeroes.
 */
#include <sys/mman.h>

#include "kind.h"
#include "restore/area.h"
#include "restore/restore.h"
#include "snapshot.h"
#include "vma.pb-c.h"
#include "vmaflags.h"

static bool vma_droppable_claims(const struct vma *v)
{
	return !v->rec->special && !v->rec->file && v->rec->flags & VMF_DROPPABLE;
}

static void vma_droppable_judge(struct judge *j, const struct process *p, struct vma *v)
{
	vma_judge(j, p, v);
}

static int vma_droppable_describe(struct dump *d, const struct process *p, struct vma *v,
				  VmaEntry *entry)
{
	entry->status = AREA_REGULAR | AREA_ANON_PRIVATE;
	vma_fill_entry(v, entry);
	/* the rest of what it is comes with MAP_DROPPABLE */
	entry->flags = MAP_DROPPABLE | MAP_ANONYMOUS;
	entry->madv &= ~(1ull << MADV_WIPEONFORK | 1ull << MADV_DONTDUMP);
	entry->has_madv = entry->madv != 0;
	return 0;
}

static bool vma_droppable_owns(const VmaEntry *entry)
{
	return entry->status & AREA_ANON_PRIVATE && entry->flags & MAP_DROPPABLE &&
	       !(entry->flags & (MAP_PRIVATE | MAP_SHARED));
}

static int vma_droppable_map(struct restore *r, struct new_task *t, const struct new_vma *v, int fd,
			     struct batch *batch)
{
	return vma_map(v, MAP_DROPPABLE | MAP_ANONYMOUS, -1, batch);
}

const struct kind kind_vma_droppable = {
	.name = "vma-droppable",
	.vma = &(const struct vma_ops){
		.claims = vma_droppable_claims,
		.judge = vma_droppable_judge,
		.pages = VMA_PAGES_NONE,
		.describe = vma_droppable_describe,
		.owns = vma_droppable_owns,
		.map = vma_droppable_map,
	},
};
