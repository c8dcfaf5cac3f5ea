/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SHAREDMEM_H
#define CRBPF_SHAREDMEM_H

/*
 * Memory that is an object of its own, mapped by whoever has it: shared anonymous
 * memory, memfds, SysV segments. Its content lies in pagemap-shmem-SHMID.
 */

#include <stdbool.h>
#include <stdint.h>

struct dump;
struct error;
struct restore;

/*
 * The shmids that we give out begin here. SysV segments have their own number as
 * shmid, below 2^31, and share the name space of pagemap-shmem-SHMID.
 */
#define SHAREDMEM_FIRST_ID 0x80000000u

/* Will the memory stage store it already (dump_shared_memory)? */
bool sharedmem_is_stored(const struct dump *d, uint64_t shmid);

/*
 * Makes @size bytes of shared anonymous memory, with further @flags of mmap
 * (MAP_HUGETLB …). Returns a descriptor, open for reading and writing, or -errno.
 */
int sharedmem_create(uint64_t size, uint32_t flags, struct error *err);
/* Fills the object behind @fd from pagemap-shmem-@shmid. 0 or -errno with r->err set. */
int sharedmem_fill(struct restore *r, uint64_t shmid, int fd, uint64_t size);

#endif
