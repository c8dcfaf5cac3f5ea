/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SHARERS_H
#define CRBPF_SHARERS_H

/* Who outside of a tree shares what clone(2) lets tasks share. */

#include <sys/types.h>

struct process;
struct snapshot;

enum shared_thing { SHARED_MEMORY, SHARED_FILES, SHARED_FS, SHARED_HANDLERS };

/*
 * The thread outside of @snap that has this in common with @p: looked for in all of /proc, so ask
 * only where the kernel counts more than are in the tree. 0: nobody has (any more); -EPERM: it cannot
 * be told.
 */
pid_t sharer_outside(const struct snapshot *snap, const struct process *p, enum shared_thing what);

#endif
