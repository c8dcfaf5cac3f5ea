/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_VECTOR_REGISTERS_H
#define CRBPF_SELFTESTS_VECTOR_REGISTERS_H

/*
 * Fills the SIMD registers and the control word with a pattern, spins until *@stop is not 0
 * without touching them, and stores them. No call is made in between: only this task's saved
 * state can keep them.
 */

#include <stdint.h>
#include <string.h>

struct vectors {
	unsigned char q[32][16];
	uint64_t fpcr, tpidr;
};

#define PAIR(op, a, b, base) #op " q" #a ", q" #b ", [" base ", #" #a "*16]\n"
#define VECTOR_PAIRS(op, base)                                                                     \
	PAIR(op, 0, 1, base) PAIR(op, 2, 3, base) PAIR(op, 4, 5, base) PAIR(op, 6, 7, base)        \
	PAIR(op, 8, 9, base) PAIR(op, 10, 11, base) PAIR(op, 12, 13, base)                         \
	PAIR(op, 14, 15, base) PAIR(op, 16, 17, base) PAIR(op, 18, 19, base)                       \
	PAIR(op, 20, 21, base) PAIR(op, 22, 23, base) PAIR(op, 24, 25, base)                       \
	PAIR(op, 26, 27, base) PAIR(op, 28, 29, base) PAIR(op, 30, 31, base)

/* No hint that it spins: an emulator interrupts its work at each, and is a thousand times slower. */
static inline void vectors_keep(const struct vectors *in, struct vectors *out, volatile int *stop)
{
	uint64_t fpcr, scratch;

	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	__asm__ volatile("ldr %[t], [%[in], #512]\n msr fpcr, %[t]\n" VECTOR_PAIRS(ldp, "%[in]")
			 "1: ldr %w[t], [%[stop]]\n cbz %w[t], 1b\n"
			 VECTOR_PAIRS(stp, "%[out]")
			 "mrs %[t], fpcr\n str %[t], [%[out], #512]\n"
			 "mrs %[t], tpidr_el0\n str %[t], [%[out], #520]\n"
			 : [t] "=&r"(scratch)
			 : [in] "r"(in), [out] "r"(out), [stop] "r"(stop)
			 : "memory");
	__asm__ volatile("msr fpcr, %0" ::"r"(fpcr));
}

static inline void vectors_fill(struct vectors *v, struct vectors *blank, unsigned int seed)
{
	memset(v, 0, sizeof(*v));
	for (int n = 0; n < 32; n++) {
		for (int i = 0; i < 16; i++)
			v->q[n][i] = seed * 7 + n * 31 + i;
	}
	v->fpcr = 3 << 22; /* rounds to zero */
	__asm__("mrs %0, tpidr_el0" : "=r"(v->tpidr));
	memset(blank, 0, sizeof(*blank));
}

#endif
