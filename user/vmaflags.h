/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_VMAFLAGS_H
#define CRBPF_VMAFLAGS_H

/*
 * What the kinds of mappings have in common: the kernel's VM_* bits (of
 * include/linux/mm.h; those below never moved), and what of them goes into a
 * VmaEntry.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct VmaEntry VmaEntry;

struct batch;
struct judge;
struct new_vma;
struct process;
struct vma;

#define VMF_READ	0x1ull
#define VMF_WRITE	0x2ull
#define VMF_EXEC	0x4ull
#define VMF_MAYWRITE	0x20ull
#define VMF_MAYSHARE	0x80ull		/* mapped MAP_SHARED; VM_SHARED is missing if its file is not open for writing */
#define VMF_GROWSDOWN	0x100ull
#define VMF_PFNMAP	0x400ull
#define VMF_LOCKED	0x2000ull
#define VMF_IO		0x4000ull
#define VMF_SEQ_READ	0x8000ull
#define VMF_RAND_READ	0x10000ull
#define VMF_DONTCOPY	0x20000ull
#define VMF_LOCKONFAULT	0x80000ull
#define VMF_NORESERVE	0x200000ull
#define VMF_HUGETLB	0x400000ull
#define VMF_WIPEONFORK	0x2000000ull
#define VMF_DONTDUMP	0x4000000ull
#define VMF_MIXEDMAP	0x10000000ull
#define VMF_HUGEPAGE	0x20000000ull
#define VMF_NOHUGEPAGE	0x40000000ull
#define VMF_MERGEABLE	0x80000000ull
#define VMF_DROPPABLE	(1ull << 40)	/* since 6.11; was nobody's before */

#define SB_TMPFS	0x01021994
#define SB_HUGETLBFS 0x958458f6
#define SB_SECRETMEM 0x5345434d

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

/* Sets flags (but for how the memory is shared), madv and anon_name of @entry. */
void vma_fill_entry(const struct vma *v, VmaEntry *entry);
/* Notes what no kind of mapping can carry. Returns false if there was such a thing. */
bool vma_judge(struct judge *j, const struct process *p, const struct vma *v);
/* For vma_ops.is_plain: nothing of it must be asked of its process. */
bool vma_is_plain(const struct vma *v);
/* Is its file one that has no name and lives on the kernel's own mount, with a path that begins so? */
bool vma_is_internal(const struct vma *v, const char *prefix);
/* Bits for MAP_HUGETLB's size in mmap's flags, for pages of @size bytes. */
uint32_t vma_huge_bits(uint64_t size);
/* The address of a file mapping's first byte in its file. */
uint64_t vma_offset(const struct vma *v);

/* mmap of @v at its place with @flags, MAP_FIXED_NOREPLACE added; locks it as the entry says. 0 or -errno. */
int vma_map(const struct new_vma *v, uint32_t flags, int fd, struct batch *batch);

#endif
