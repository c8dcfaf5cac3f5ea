// SPDX-License-Identifier: GPL-2.0-only
/* Private anonymous memory: heaps, stacks, what malloc maps, huge pages. */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump/dump.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/area.h"
#include "restore/restore.h"
#include "snapshot.h"
#include "vma.pb-c.h"
#include "vmaflags.h"

/* Huge pages without a name lie in a file that only the kernel sees. */
static bool is_huge(const struct vma *v)
{
	return vma_is_internal(v, "/anon_hugepage");
}

/* A private mapping of /dev/zero is anonymous memory that remembers where it came from. */
static bool is_dev_zero(const struct vma *v)
{
	return S_ISCHR(v->rec->i_mode) && !strcmp(v->path, "/dev/zero");
}

static bool vma_anon_claims(const struct vma *v)
{
	return !v->rec->special && !(v->rec->flags & VMF_MAYSHARE) &&
	       !(v->rec->flags & VMF_DROPPABLE) &&
	       (!v->rec->file || is_huge(v) || is_dev_zero(v));
}

static void vma_anon_judge(struct judge *j, const struct process *p, struct vma *v)
{
	vma_judge(j, p, v);
}

/* As /proc/PID/maps decides what is [heap]. */
static bool is_heap(const struct process *p, const struct vma *v)
{
	return v->start <= p->rec->brk && v->end >= p->rec->start_brk;
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

static int vma_anon_describe(struct dump *d, const struct process *p, struct vma *v,
			     VmaEntry *entry)
{
	uint32_t bits = 0;
	int ret = is_huge(v) ? huge_bits(d, p, v, &bits) : 0;

	entry->status = AREA_REGULAR | AREA_ANON_PRIVATE | (is_heap(p, v) ? AREA_HEAP : 0);
	entry->flags = MAP_PRIVATE | MAP_ANONYMOUS | (is_huge(v) ? MAP_HUGETLB | bits : 0);
	vma_fill_entry(v, entry);
	return ret;
}

static bool vma_anon_owns(const VmaEntry *entry)
{
	return entry->status & AREA_ANON_PRIVATE && entry->flags & MAP_PRIVATE &&
	       !(entry->status & (AREA_VDSO | AREA_VVAR | AREA_VSYSCALL | AREA_SHSTK | AREA_AIORING));
}

static int vma_anon_map(struct restore *r, struct new_task *t, const struct new_vma *v, int fd,
			struct batch *batch)
{
	const uint32_t keep = MAP_GROWSDOWN | MAP_NORESERVE | MAP_HUGETLB | 0x3fu << 26;

	return vma_map(v, (v->entry->flags & keep) | MAP_PRIVATE | MAP_ANONYMOUS, -1, batch);
}

const struct kind kind_vma_anon = {
	.name = "vma-anon",
	.vma = &(const struct vma_ops){
		.claims = vma_anon_claims,
		.is_plain = vma_is_plain,
		.judge = vma_anon_judge,
		.pages = VMA_PAGES_PRIVATE,
		.describe = vma_anon_describe,
		.owns = vma_anon_owns,
		.map = vma_anon_map,
	},
};
