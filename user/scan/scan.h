/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SCAN_H
#define CRBPF_SCAN_H

/*
 * The verdict without a freeze: what dump's probe, collect and judge would say,
 * of one tree or of every tree of the machine. The tasks run on meanwhile, so what
 * comes and goes is looked at again; what still cannot be seen whole is never
 * called clean.
 *
 *	a glance at all (scan/glance.c) → trees that are clean, and others; of those:
 *	records (one pass of the collector) → trees (a snapshot each) → verdicts → print
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collect/collector.h"
#include "judge.h"
#include "lib/buf.h"
#include "lib/ids.h"
#include "lib/proc.h"
#include "snapshot.h"
#include "surroundings.h"

struct error;
struct log;
struct options;

/* The records of a pass, in the order in which they came. */
struct scan_records {
	struct arena arena;
	const struct record_head **list;
	size_t n;
	struct shapes shapes;
};

/* What is needed of each process before trees are known. */
struct scan_member {
	pid_t pid, parent;
	bool is_kernel_thread, is_hidden;
};

struct scan_members {
	struct scan_member *list;
	size_t n;
	struct ids index;	/* pid to position + 1 */
};

/* One process tree and what was found. */
struct scan_tree {
	pid_t root;
	char comm[RECORD_COMM];		/* of the root; "" if it was not seen */
	size_t n_threads, n_fds;
	struct pids pids;		/* its processes, the root among them */
	struct ids shown;		/* tables of descriptors and mappings to the process that showed them first */
	/* Empty if it could not be seen; if a glance was enough, only what the verdict names is in it. */
	struct snapshot snap;
	struct judge judge;
	char *unseen;			/* why it could not be seen whole; owned, NULL if it was */
	struct scan_records records;	/* its own, if it was looked at once more by itself */
};

struct scan {
	const struct options *opt;
	struct log *log;
	struct collector *collector;	/* NULL until somebody is in doubt: to load it takes longest */
	struct collector *glance;	/* NULL: no glances */
	unsigned int flags;		/* COLLECT_*, for the next pass */
	long long until;		/* CLOCK_MONOTONIC (ns): then nothing is looked at once more */
	pid_t not_shown;		/* a process that was there in a pass and of which none came */
	int n_not_shown;		/* in so many passes */
	struct scan_records records;	/* of the last pass: the snapshots point into them */
	struct surroundings around;
	struct scan_tree *trees;	/* in the order of their first process */
	size_t n_trees;
	size_t n_hidden;		/* processes that this caller has no right to look into */
	struct ids tree_of;		/* pid to position of its tree + 1 */
};

/*
 * Looks at the trees that the options ask for (--pid, else all) and judges them.
 * Returns 0 or -errno: -EPERM, -ENOENT (no BTF) where the kernel does not answer.
 */
int scan_run(struct scan *scan, const struct options *opt, struct log *log, struct error *err);
void scan_deinit(struct scan *scan);

/* Is there a tree that a dump would refuse, or that was not seen whole? */
bool scan_has_obstacles(const struct scan *scan);

/* --- one file each --- */

/*
 * Looks at @roots, or if that is empty at all processes, so far that it can be told of most
 * trees that they are clean. Puts all trees into @scan, and the roots of those of which it
 * cannot be told into @doubtful. Returns 0 or -errno.
 */
int scan_glance(struct scan *scan, const struct pids *roots, struct pids *doubtful,
		struct error *err);

/* Appends a process, with its parent. Returns 0 or -ENOMEM. */
int scan_members_add(struct scan_members *members, pid_t pid, pid_t parent);
void scan_members_deinit(struct scan_members *members);
/* Makes a tree, with nothing but its root and pids, of whoever belongs together. */
int scan_share_out(struct scan *scan, const struct scan_members *members, const struct pids *roots,
		   struct error *err);

/*
 * Divides the records among trees, one for each root in @roots; if that is empty,
 * one for every child of the first process.
 */
int scan_find_trees(struct scan *scan, const struct pids *roots, struct error *err);
/* If this record, of a pass of @collector, is clean by itself, no more of its shape need come. */
void scan_note_plain(struct scan *scan, struct collector *collector, const struct record_head *rec);
/*
 * Says that @pid, which is there, did not come in this pass. Returns -EAGAIN: look once more; or
 * -EPERM if it never comes.
 */
int scan_not_shown(struct scan *scan, pid_t pid, struct error *err);
/* Its snapshot and verdict. Returns 0 or -errno; a tree that changed meanwhile is tree->unseen. */
int scan_judge_tree(struct scan *scan, struct scan_tree *tree, struct error *err);

/* For people; coloured if @is_terminal. */
void scan_print(const struct scan *scan, bool is_terminal);
/* For scripts: crbpf-scan(8) documents the form. */
void scan_print_json(const struct scan *scan);

#endif
