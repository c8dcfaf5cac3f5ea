/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_PROCESSOR_CALLS_H
#define CRBPF_SELFTESTS_PROCESSOR_CALLS_H

/* What a process asks of this processor by a call of its own: to use tile registers (AMX). */

#include <sys/syscall.h>
#include <unistd.h>

#define GET_XCOMP_PERM	0x1022
#define REQ_XCOMP_PERM	0x1023
#define TILE_DATA	18

/* Returns how many settings this machine knows. */
static inline int ask_processor(void)
{
	return syscall(SYS_arch_prctl, REQ_XCOMP_PERM, TILE_DATA) == 0;
}

/* Register states that the process may use; 0 where that cannot be told. */
static inline int processor_setting(void)
{
	unsigned long states = 0;

	return syscall(SYS_arch_prctl, GET_XCOMP_PERM, &states) ? 0 : (int)states;
}

#endif
