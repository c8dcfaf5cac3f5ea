/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_MEMORY_H
#define CRBPF_RESTORE_MEMORY_H

/*
 * The address spaces of the processes that were cloned together. Their tasks work at
 * the same time: each function starts a batch in every one, then waits for all.
 */

#include <stddef.h>

typedef struct VmaEntry VmaEntry;

struct error;
struct new_process;
struct new_vma;
struct restore;

/*
 * The protection that @v has while its pages are filled: none may be executed before it
 * is complete, or a processor whose instruction cache does not see writes runs what
 * was there before.
 */
int memory_map_prot(const struct new_vma *v);
/*
 * How @entry is protected until all memory stands: what can only be executed is readable, too, for
 * the kernel gives such memory a protection key of its choice (user/kind/pkeys.c).
 */
int memory_base_prot(const VmaEntry *entry);
/* How it is in the end, with what its architecture knows beside reading, writing and executing. */
int memory_final_prot(const VmaEntry *entry);

/* Removes what @p got from the one that cloned it, but for the engine, the vDSO and what it
 * inherits. */
int memory_clear(struct restore *r, struct new_process *p, struct error *err);
/* Mappings, their pages, their final protection and advice. @ps have been cleared. */
int memory_restore(struct restore *r, struct new_process **ps, size_t n, struct error *err);

/* memory_restore's part in tags.c: tags of @ps, whose pages stand. */
int memory_tag(struct restore *r, struct new_process **ps, size_t n, struct error *err);
/* memory_restore's part in pages.c: reads the pages of @ps into the mappings. */
int memory_fill(struct restore *r, struct new_process **ps, size_t n, struct error *err);

#endif
