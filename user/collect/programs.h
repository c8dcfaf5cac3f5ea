/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_PROGRAMS_H
#define CRBPF_PROGRAMS_H

/*
 * The BPF programs and maps as descriptors, however they came: loaded from the
 * object inside crbpf, or taken from the pinned cache.
 */

#include "bpf/control.h"

struct bpf_object;
struct error;
struct log;

enum { PROGRAM_TASK, PROGRAM_FILE, PROGRAM_VMA, PROGRAM_GLANCE, PROGRAMS };

struct programs {
	int program[PROGRAMS];	/* -1: not asked for */
	int ring, wanted, control_map;
	int lock;		/* of the cache: the pinned ring is ours while it is held; -1: private */
	struct record_control *control;	/* mapped from control_map */
	struct bpf_object *object;	/* owns the descriptors when they were loaded; NULL from the cache */
};

void programs_init(struct programs *p);
/* Closes, unmaps and unlocks. What is pinned stays. */
void programs_deinit(struct programs *p);

/* Beside enum collect_flags: libbpf itself says on standard error what is wrong. */
#define PROGRAMS_EXPLAIN (1u << 16)

/* Loads the programs of @collect_flags. Returns 0 or -errno. */
int programs_load(struct programs *p, unsigned int collect_flags, struct error *err);

/*
 * Of the programs of @collect_flags there are two sets that can be kept: those that make records,
 * and that of a glance. Each has a ring of its own.
 *
 * Takes such a set from the cache, and its lock. Returns 0; -ENOENT if there is none, -EBUSY
 * if another process uses it, or another -errno. No error text: the caller then loads.
 */
int programs_take(struct programs *p, unsigned int collect_flags);

/* Pins a set that was loaded, and keeps the lock. Returns 0 or -errno, and logs why. */
int programs_pin(struct programs *p, unsigned int collect_flags, struct log *log);

/* Maps control_map. Returns 0 or -errno. */
int programs_map(struct programs *p);

#endif
