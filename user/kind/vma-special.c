// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel maps into programs for itself. The data of the vDSO, one mapping or
 * two by kernel, becomes one entry without content; the vDSO itself is a kind of its own.
 */
#include <sys/mman.h>

#include "judge.h"
#include "kind.h"
#include "restore/area.h"
#include "snapshot.h"
#include "vma.pb-c.h"
#include "vmaflags.h"

static bool is_data(const struct vma *v)
{
	return v->rec->special == VMA_VVAR || v->rec->special == VMA_VVAR_VCLOCK;
}

static bool vma_special_claims(const struct vma *v)
{
	return v->rec->special && v->rec->special != VMA_VDSO;
}

static void vma_special_judge(struct judge *j, const struct process *p, struct vma *v)
{
	if (!is_data(v))
		judge_vma(j, p, v, "special mapping", NULL,
			  "the kernel mapped it for this program, it cannot be carried yet");
}

/* The first of the data mappings speaks for those that adjoin it. */
static int vma_special_describe(struct dump *d, const struct process *p, struct vma *v,
				VmaEntry *entry)
{
	const struct vma *first = p->mm->vmas, *end = first + p->mm->n_vmas;

	if (v > first && is_data(v - 1) && v[-1].end == v->start)
		return 1;
	entry->status = AREA_REGULAR | AREA_ANON_PRIVATE | AREA_VVAR;
	entry->flags = MAP_PRIVATE | MAP_ANONYMOUS;
	for (const struct vma *next = v + 1; next < end && is_data(next); next++)
		if (next->start == entry->end)
			entry->end = next->end;
	return 0;
}

static bool owns_none(const VmaEntry *entry)
{
	return false;
}

const struct kind kind_vma_special = {
	.name = "vma-special",
	.vma = &(const struct vma_ops){
		.claims = vma_special_claims,
		.is_plain = vma_is_plain,
		.judge = vma_special_judge,
		.pages = VMA_PAGES_NONE,
		.describe = vma_special_describe,
		.owns = owns_none,
	},
};
