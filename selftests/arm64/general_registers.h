/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_GENERAL_REGISTERS_H
#define CRBPF_SELFTESTS_GENERAL_REGISTERS_H

/*
 * Fills the general registers with a pattern, spins until *@stop is not 0, and stores them, all
 * but x30, which reads it, and sp. No call is made in between; no hint that it spins, see
 * vector_registers.h.
 */

#include <stdint.h>

struct generals {
	uint64_t x[30];
};

#define GENERAL_PAIRS(op)                                                                          \
	op(0, 1) op(2, 3) op(4, 5) op(6, 7) op(8, 9) op(10, 11) op(12, 13) op(14, 15) op(16, 17)   \
		op(18, 19) op(20, 21) op(22, 23) op(24, 25) op(26, 27) op(28, 29)
#define GENERAL_LOAD(a, b)  "ldp x" #a ", x" #b ", [x30, #" #a "*8]\n"
#define GENERAL_STORE(a, b) "stp x" #a ", x" #b ", [x30, #" #a "*8]\n"

static inline void generals_keep(const struct generals *in, struct generals *out,
				 volatile int *stop)
{
	register const void *from __asm__("x0") = in;
	register void *to __asm__("x1") = out;
	register volatile int *until __asm__("x2") = stop;

	/* x29 may be the frame pointer, which no list of changed registers may have. */
	__asm__ volatile("stp x29, x30, [sp, #-32]!\n stp x1, x2, [sp, #16]\n mov x30, x0\n"
			 GENERAL_PAIRS(GENERAL_LOAD)
			 "1: ldr x30, [sp, #24]\n ldr w30, [x30]\n cbz w30, 1b\n"
			 "ldr x30, [sp, #16]\n" GENERAL_PAIRS(GENERAL_STORE)
			 "ldp x29, x30, [sp], #32\n"
			 : "+r"(from), "+r"(to), "+r"(until)
			 :
			 : "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
			   "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
			   "x24", "x25", "x26", "x27", "x28", "cc", "memory");
}

#endif
