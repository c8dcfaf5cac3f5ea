/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_PROC_H
#define CRBPF_LIB_PROC_H

/* What only /proc tells: who descends from whom, without looking at every process; own mappings. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pids {
	pid_t *pid;	/* owned */
	size_t n;
};

/*
 * Appends the children of every thread of @pid. A process that is no more has none.
 * Returns 0 or -errno.
 */
int proc_children(pid_t pid, struct pids *pids);

/*
 * Appends @root and all that descend from it, parents first. While they run, some
 * may be missing or gone. Returns 0 or -errno.
 */
int proc_tree(pid_t root, struct pids *pids);

/*
 * Calls @each for every mapping of this process, the lowest first, with its line of maps. Returns
 * 0, or -errno: the first that @each returns, or what is wrong with /proc/self/maps.
 */
int proc_own_maps(int (*each)(void *arg, uint64_t start, uint64_t end, const char *line),
		  void *arg);

/* Appends one. Returns 0 or -ENOMEM. */
int pids_add(struct pids *pids, pid_t pid);
void pids_deinit(struct pids *pids);

#endif
