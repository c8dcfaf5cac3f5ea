/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_PROC_H
#define CRBPF_LIB_PROC_H

/*
 * What only /proc tells: who descends from whom, without looking at every process; signals
 * that wait; who has ended since; own mappings.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pids {
	pid_t *pid;	/* owned */
	size_t n;
};

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

/* Has a signal come that thread @tid does not block? 1 or 0, or -errno. */
int proc_has_signal(pid_t tid);

/*
 * Has thread @tid of process @pid ended, or begun to? So it has when it is not there. @tid 0: have
 * all its threads?
 */
bool proc_has_ended(pid_t pid, pid_t tid);

/* Appends one. Returns 0 or -ENOMEM. */
int pids_add(struct pids *pids, pid_t pid);
void pids_deinit(struct pids *pids);

#endif
