/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_CONTROL_H
#define CRBPF_BPF_CONTROL_H

/*
 * What user space tells the programs and what they count: the one variable of map
 * ".data.control", which both sides map. User space writes it only between reads of
 * an iterator, so neither side needs a lock.
 */

#include "record.h"

#define CONTROL_RING_NAME   "records"
#define CONTROL_WANTED_NAME "wanted"
#define CONTROL_MAP_NAME    ".data.control"
#define CONTROL_MAX_WANTED  (1 << 16)
#define CONTROL_RING_SIZE   (4 << 20) /* more does not make a pass faster, and costs zeroed pages */

#define CONTROL_SHAPES	    2048       /* those that can be known; a power of two */
#define CONTROL_BACKLOG	    (256 << 10) /* bytes after which a shallow pass lets the reader catch up */

enum control_flags {
	CONTROL_PARTS = 1,
	CONTROL_PATHS = 2,
	CONTROL_DETAILS = 4,
	CONTROL_FILTER = 8,     /* only processes whose number is a key of map "wanted" */
	CONTROL_USER_ONLY = 16, /* no kernel threads */
	CONTROL_WAKE = 32,      /* deadlines of sleeping threads */
	CONTROL_SHALLOW = 64,   /* twins, and nothing that no verdict depends on */
	CONTROL_FLIGHTS = 128,  /* files in flight */
};

/* What is known of where Landlock keeps a task's domain. */
enum control_landlock {
	CONTROL_LANDLOCK_UNKNOWN,
	CONTROL_LANDLOCK_TRIAL,	/* it is being looked for: whoever did so may have been killed */
	CONTROL_LANDLOCK_NONE,	/* it is switched off */
	CONTROL_LANDLOCK_KNOWN,
};

struct record_control {
	__u32 pass;
	__u32 flags;    /* enum control_flags */
	__u64 full;     /* records that found no room and were sent later */
	__u64 sent[32]; /* records written so far in this pass, by enum record_type */

	/*
	 * An object whose records did not all fit is shown again by the kernel: how many
	 * of them have been sent. User space clears @object when it begins a pass.
	 */
	__u64 object, instance;
	__u32 done, next, part;
	__u32 n_cpus;		/* of an affinity mask: the bits beyond are not even initialised */
	__u32 landlock;		/* where Landlock's domain stands in cred->security */
	__u32 landlock_state;	/* enum control_landlock */

	__u32 judged_vmas, judged_files;	/* up to this shape user space has judged them */
	__u64 rare_flags;	/* TIF_* that a judge asks about */

	/* Shapes whose twins need not be sent in this pass, a bit each: user space sets them. */
	__u64 known_vmas[CONTROL_SHAPES / 64], known_files[CONTROL_SHAPES / 64];
};

#endif
