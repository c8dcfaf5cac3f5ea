// SPDX-License-Identifier: GPL-2.0-only
#include "vmaflags.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "inject/batch.h"
#include "judge.h"
#include "restore/restore.h"
#include "snapshot.h"
#include "vma.pb-c.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static const struct {
	uint64_t flag;
	unsigned int advice;
} advices[] = {
	{ VMF_RAND_READ, MADV_RANDOM },	      { VMF_SEQ_READ, MADV_SEQUENTIAL },
	{ VMF_DONTCOPY, MADV_DONTFORK },      { VMF_MERGEABLE, MADV_MERGEABLE },
	{ VMF_HUGEPAGE, MADV_HUGEPAGE },      { VMF_NOHUGEPAGE, MADV_NOHUGEPAGE },
	{ VMF_DONTDUMP, MADV_DONTDUMP },      { VMF_WIPEONFORK, MADV_WIPEONFORK },
};

void vma_fill_entry(const struct vma *v, VmaEntry *entry)
{
	uint64_t flags = v->rec->flags;

	if (flags & VMF_GROWSDOWN)
		entry->flags |= MAP_GROWSDOWN;
	if (flags & VMF_NORESERVE)
		entry->flags |= MAP_NORESERVE;
	/* A lock that waits for faults has no flag of mmap: vm_flags tells it, see vma_map. */
	if (flags & VMF_LOCKED && !(flags & VMF_LOCKONFAULT))
		entry->flags |= MAP_LOCKED;
	/* The kernel's own mappings have DONTCOPY and DONTDUMP by nature, nobody advised them. */
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (flags & advices[i].flag && !v->rec->special)
			entry->madv |= 1ull << advices[i].advice;
	entry->has_madv = entry->madv != 0;
	if (v->rec->numa.is_set) {
		entry->has_numa_mode = entry->has_numa_nodes = entry->has_numa_home = true;
		entry->numa_mode = v->rec->numa.mode;
		entry->numa_nodes = v->rec->numa.nodes;
		entry->numa_home = v->rec->numa.home;
	}
	if (v->rec->props & VMA_PROP_SEALED && !v->rec->special)
		entry->has_sealed = entry->sealed = true;
	if (arch_vma_key(v->rec->prot) && !v->rec->special) {
		entry->has_protection_key = true;
		entry->protection_key = arch_vma_key(v->rec->prot);
	}
	if (arch_vma_has_tags(v->rec->prot))
		entry->has_tagged = entry->tagged = true;
	if (*v->anon_name && !v->rec->special)
		entry->anon_name = (char *)v->anon_name;
}

bool vma_judge(struct judge *j, const struct process *p, const struct vma *v)
{
	size_t before = j->n_obstacles;
	const struct vma_record *rec = v->rec;

	if (rec->flags & (VMF_IO | VMF_PFNMAP | VMF_MIXEDMAP))
		judge_vma(j, p, v, "device memory", "let the program unmap it",
			  "is memory of a device, which cannot be carried");
	if (rec->uffd)
		judge_vma(j, p, v, "userfaultfd", "let the program unregister it",
			  "is registered with a userfaultfd, which cannot be carried yet");
	if (rec->numa.has_more_nodes)
		judge_vma(j, p, v, "NUMA policy", NULL,
			  "has a memory policy that names nodes beyond 63, which cannot be carried");
	return j->n_obstacles == before;
}

bool vma_is_plain(const struct vma *v)
{
	/* Bits 0 to 31 never moved. Of the others one is known: a kind of its own judges it. */
	return !(v->rec->flags >> 32 & ~(VMF_DROPPABLE >> 32));
}

bool vma_is_internal(const struct vma *v, const char *prefix)
{
	const struct vma_record *rec = v->rec;

	return rec->file && (rec->s_magic == SB_TMPFS || rec->s_magic == SB_HUGETLBFS) &&
	       !rec->nlink && !strncmp(v->path, prefix, strlen(prefix));
}

uint32_t vma_huge_bits(uint64_t size)
{
	return size ? (uint32_t)__builtin_ctzll(size) << 26 : 0;
}

uint64_t vma_offset(const struct vma *v)
{
	return v->rec->pgoff * (uint64_t)sysconf(_SC_PAGESIZE);
}

int vma_map(const struct new_vma *v, uint32_t flags, int fd, struct batch *batch)
{
	const VmaEntry *entry = v->entry;
	uint64_t size = entry->end - entry->start;
	int ret = batch_call(batch, "mapping %llx-%llx", entry->start, entry->end, ENGINE_DEMAND,
			     (__s64)entry->start, NULL, SYS_mmap,
			     (const __u64[6]){ entry->start, size, (__u64)v->map_prot,
					       (__u64)(flags & ~(uint32_t)MAP_LOCKED) | MAP_FIXED_NOREPLACE,
					       (__u64)fd, entry->pgoff });

	if (!ret && entry->has_vm_flags && entry->vm_flags & VMF_LOCKONFAULT)
		ret = batch_call(batch, "locking %llx-%llx on fault", entry->start, entry->end,
				 ENGINE_SUCCESS, 0, NULL, SYS_mlock2,
				 (const __u64[6]){ entry->start, size, MLOCK_ONFAULT });
	return ret;
}
