// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vDSO's code. It is stored, for CRIU compares it with the running kernel's;
 * restore puts this kernel's own vDSO at its place (restore/memory.c), and knows it
 * as no mapping.
 */
#include <sys/mman.h>

#include "kind.h"
#include "restore/area.h"
#include "snapshot.h"
#include "vma.pb-c.h"

static bool vma_vdso_claims(const struct vma *v)
{
	return v->rec->special == VMA_VDSO;
}

static int vma_vdso_describe(struct dump *d, const struct process *p, struct vma *v,
			     VmaEntry *entry)
{
	entry->status = AREA_REGULAR | AREA_ANON_PRIVATE | AREA_VDSO;
	entry->flags = MAP_PRIVATE | MAP_ANONYMOUS;
	return 0;
}

static bool vma_vdso_owns(const VmaEntry *entry)
{
	return false;
}

const struct kind kind_vma_vdso = {
	.name = "vma-vdso",
	.vma = &(const struct vma_ops){
		.claims = vma_vdso_claims,
		.pages = VMA_PAGES_ALL,
		.describe = vma_vdso_describe,
		.owns = vma_vdso_owns,
	},
};
