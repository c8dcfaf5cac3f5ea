/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_BARE_H
#define CRBPF_SELFTESTS_BARE_H

/*
 * Position-independent code from bare_begin to bare_end that needs nothing else in memory, and
 * has no system call with a return behind it: bare(counter, time, list) unmaps what @list
 * names (address, length, …, 0), and then counts for ever, sleeping @time in between.
 */
__asm__(".pushsection .text\n"
	"bare_begin:\n"
	"	mov	%rdi, %rbx\n"
	"	mov	%rsi, %r12\n"
	"	mov	%rdx, %r13\n"
	"1:	mov	(%r13), %rdi\n"
	"	test	%rdi, %rdi\n"
	"	jz	2f\n"
	"	mov	8(%r13), %rsi\n"
	"	mov	$11, %eax\n" /* munmap */
	"	syscall\n"
	"	add	$16, %r13\n"
	"	jmp	1b\n"
	"2:	mov	$35, %eax\n" /* nanosleep */
	"	mov	%r12, %rdi\n"
	"	xor	%esi, %esi\n"
	"	syscall\n"
	"	incq	(%rbx)\n"
	"	jmp	2b\n"
	"bare_end:\n"
	"	.popsection\n");

extern const char bare_begin[] __attribute__((visibility("hidden")));
extern const char bare_end[] __attribute__((visibility("hidden")));

#endif
