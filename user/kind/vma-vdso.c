// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vDSO's code. It is stored, for a restore compares it with the running kernel's,
 * whose own vDSO takes its place (restore/memory.c) and is known as no mapping. That of
 * another kernel, and the place of its data, are private memory from then on.
 */
#include <sys/mman.h>

#include "kind.h"
#include "restore/area.h"
#include "snapshot.h"
#include "vma.pb-c.h"
#include "vmaflags.h"

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

/* Only what another kernel's is asked for: this one's is no mapping (restore/vdso.h). */
static bool vma_vdso_owns(const VmaEntry *entry)
{
	return entry->status & (AREA_VDSO | AREA_VVAR);
}

static int vma_vdso_map(struct restore *r, struct new_task *t, const struct new_vma *v, int fd,
			struct batch *batch)
{
	return vma_map(v, MAP_PRIVATE | MAP_ANONYMOUS, -1, batch);
}

const struct kind kind_vma_vdso = {
	.name = "vma-vdso",
	.vma =
		&(const struct vma_ops){
			.claims = vma_vdso_claims,
		.is_plain = vma_is_plain,
			.pages = VMA_PAGES_ALL,
			.describe = vma_vdso_describe,
			.owns = vma_vdso_owns,
			.map = vma_vdso_map,
		},
};
