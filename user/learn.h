/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LEARN_H
#define CRBPF_LEARN_H

/*
 * What a bit of thread_info.flags means is nowhere written, and the numbers moved between kernels.
 * So it is tried: a child does what would set it, and the BPF programs look at the child before
 * and after (struct record_marks).
 */

#include <stdbool.h>
#include <stdint.h>

struct learned {
	bool is_done;
	bool has_failed;         /* nothing was learned */
	uint64_t tsc_flags;      /* TIF_*: the time stamp counter faults (PR_SET_TSC) */
	uint64_t cpuid_flags;    /* TIF_*: CPUID faults */
	enum {
		NOT_TRIED,
		CANNOT_ARM,
		CAN_ARM,
	} dispatch; /* syscall user dispatch, by a tracer: user/kind/process.c */
};

/* Fills @learned, unless that was done before. Costs a child and three passes over it. */
void learn(struct learned *learned);

#endif
