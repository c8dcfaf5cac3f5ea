/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_BARE_H
#define CRBPF_SELFTESTS_BARE_H

/* See selftests/x86/bare.h. */
__asm__(".pushsection .text\n"
	"bare_begin:\n"
	"	mov	x19, x0\n"
	"	mov	x20, x1\n"
	"	mov	x21, x2\n"
	"1:	ldr	x0, [x21]\n"
	"	cbz	x0, 2f\n"
	"	ldr	x1, [x21, #8]\n"
	"	mov	x8, #215\n" /* munmap */
	"	svc	#0\n"
	"	add	x21, x21, #16\n"
	"	b	1b\n"
	"2:	mov	x8, #101\n" /* nanosleep */
	"	mov	x0, x20\n"
	"	mov	x1, xzr\n"
	"	svc	#0\n"
	"	ldr	x9, [x19]\n"
	"	add	x9, x9, #1\n"
	"	str	x9, [x19]\n"
	"	b	2b\n"
	"bare_end:\n"
	"	.popsection\n");

/* hidden: else both are looked up in the GOT, where the linker for ARM64 takes them for one */
extern const char bare_begin[] __attribute__((visibility("hidden")));
extern const char bare_end[] __attribute__((visibility("hidden")));

#endif
