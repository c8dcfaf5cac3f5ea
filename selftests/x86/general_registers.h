/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_GENERAL_REGISTERS_H
#define CRBPF_SELFTESTS_GENERAL_REGISTERS_H

/*
 * Fills the general registers with a pattern, spins until *@stop is not 0, and stores them. rdi
 * points to @stop meanwhile, rsp to the stack. No call is made in between; no hint that it spins,
 * see vector_registers.h.
 */

#include <stdint.h>

struct generals {
	uint64_t r[14];
};

#define GENERAL_EACH(op)                                                                           \
	op(0, rax) op(1, rbx) op(2, rcx) op(3, rdx) op(4, rsi) op(5, rbp) op(6, r8) op(7, r9)      \
		op(8, r10) op(9, r11) op(10, r12) op(11, r13) op(12, r14) op(13, r15)
#define GENERAL_LOAD(n, name)  "mov " #n "*8(%%rdi), %%" #name "\n"
#define GENERAL_STORE(n, name) "mov %%" #name ", " #n "*8(%%rdi)\n"

static inline void generals_keep(const struct generals *in, struct generals *out,
				 volatile int *stop)
{
	/* Below the red zone. rbp may be the frame pointer, which no list of changed ones may have. */
	__asm__ volatile("lea -128(%%rsp), %%rsp\n push %%rbp\n push %%rsi\n push %%rdx\n"
			 GENERAL_EACH(GENERAL_LOAD)
			 "mov (%%rsp), %%rdi\n 1: cmpl $0, (%%rdi)\n je 1b\n"
			 "mov 8(%%rsp), %%rdi\n" GENERAL_EACH(GENERAL_STORE)
			 "add $16, %%rsp\n pop %%rbp\n lea 128(%%rsp), %%rsp\n"
			 : "+D"(in), "+S"(out), "+d"(stop)
			 :
			 : "rax", "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
			   "r15", "cc", "memory");
}

#endif
