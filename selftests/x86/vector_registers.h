/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_VECTOR_REGISTERS_H
#define CRBPF_SELFTESTS_VECTOR_REGISTERS_H

/*
 * Fills the vector registers (as wide as this processor has them), the x87 stack and the
 * control words with a pattern, spins until *@stop is not 0 without touching them, and stores
 * them. No call is made in between: only this task's saved state can keep them.
 */

#include <cpuid.h>
#include <stdint.h>
#include <string.h>

#define VECTOR_BYTES (32 * 64 + 8 * 8 + 2 * 8 + 8)

struct vectors {
	unsigned char zmm[32][64]; /* as much of it as the processor has */
	uint64_t mask[8];	   /* k0..k7 */
	double x87[2];
	uint32_t mxcsr, x87_control;
};

static inline int vector_width(void)
{
	unsigned int a, b, c, d, low = 0, high;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1 << 27))
		return 16;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return 16;
	if ((low & 0xe6) == 0xe6 && b & 1 << 16)
		return 64;
	return (low & 6) == 6 && b & 1 << 5 ? 32 : 16;
}

#define VECTOR_EACH16(op)                                                                          \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) op(11) op(12) op(13)    \
		op(14) op(15)
#define VECTOR_EACH32(op)                                                                          \
	VECTOR_EACH16(op)                                                                          \
	op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) op(24) op(25) op(26) op(27) op(28) \
		op(29) op(30) op(31)
#define VECTOR_EACH_MASK(op) op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7)

#define LOAD16(n)  "movdqu " #n "*64(%[in]), %%xmm" #n "\n"
#define STORE16(n) "movdqu %%xmm" #n ", " #n "*64(%[out])\n"
#define LOAD32(n)  "vmovdqu " #n "*64(%[in]), %%ymm" #n "\n"
#define STORE32(n) "vmovdqu %%ymm" #n ", " #n "*64(%[out])\n"
#define LOAD64(n)  "vmovdqu64 " #n "*64(%[in]), %%zmm" #n "\n"
#define STORE64(n) "vmovdqu64 %%zmm" #n ", " #n "*64(%[out])\n"
#define LOADK(n)   "kmovq 2048+" #n "*8(%[in]), %%k" #n "\n"
#define STOREK(n)  "kmovq %%k" #n ", 2048+" #n "*8(%[out])\n"
/* Without a pause: an emulator interrupts its work at each, and is a thousand times slower. */
#define SPIN	   "1: cmpl $0, (%[stop])\n je 1b\n"
#define LOAD_X87                                                                                   \
	"fninit\n fldcw 2132(%[in])\n ldmxcsr 2128(%[in])\n fldl 2112(%[in])\n fldl 2120(%[in])\n"
#define STORE_X87                                                                                  \
	"fstpl 2120(%[out])\n fstpl 2112(%[out])\n stmxcsr 2128(%[out])\n fnstcw 2132(%[out])\n fninit\n"
#define VECTOR_ASM(text)                                                                           \
	__asm__ volatile(text ::[in] "r"(in), [out] "r"(out), [stop] "r"(stop) : "memory")

static inline void vectors_keep(const struct vectors *in, struct vectors *out, volatile int *stop)
{
	uint32_t mxcsr;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	switch (vector_width()) {
	case 64:
		VECTOR_ASM(LOAD_X87 VECTOR_EACH32(LOAD64) VECTOR_EACH_MASK(LOADK) SPIN VECTOR_EACH32(
			STORE64) VECTOR_EACH_MASK(STOREK) STORE_X87 "vzeroupper\n");
		break;
	case 32:
		VECTOR_ASM(LOAD_X87 VECTOR_EACH16(LOAD32) SPIN VECTOR_EACH16(STORE32)
				   STORE_X87 "vzeroupper\n");
		break;
	default:
		VECTOR_ASM(LOAD_X87 VECTOR_EACH16(LOAD16) SPIN VECTOR_EACH16(STORE16) STORE_X87);
	}
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
}

/* Makes a pattern from @seed; @blank has what vectors_keep leaves out on this processor. */
static inline void vectors_fill(struct vectors *v, struct vectors *blank, unsigned int seed)
{
	int width = vector_width(), count = width == 64 ? 32 : 16;

	memset(v, 0, sizeof(*v));
	for (int n = 0; n < count; n++) {
		for (int i = 0; i < width; i++)
			v->zmm[n][i] = seed * 7 + n * 31 + i;
	}
	for (int n = 0; n < 8 && width == 64; n++)
		v->mask[n] = 0x0101010101010101ULL * (seed + n);
	v->x87[0] = seed + 0.25;
	v->x87[1] = -1.0 / (seed + 3);
	v->mxcsr = 0x1f80 | 0x6000;	  /* rounds to zero */
	v->x87_control = 0x037f | 0x0400; /* rounds down */
	memset(blank, 0, sizeof(*blank));
}

#endif
