/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine's page. It never uses the stack. System calls preserve all registers
 * but rax, rcx and r11, so the state lives in these:
 *
 *	rbx	the list		r12	the next call
 *	r13	its number		r14	calls that ran
 */
#include "arch/engine-list.h"

	.section .rodata
	.globl	arch_engine, arch_engine_end, arch_engine_run, arch_engine_syscall
	.balign	16
arch_engine:
arch_engine_run:
	mov	%rdi, %rbx
start:
	lea	LIST_CALLS(%rbx), %r12
next:
	mov	LIST_DONE(%rbx), %r14
	cmp	LIST_N(%rbx), %r14
	jae	trap

	mov	CALL_NR(%r12), %r13
	mov	%r13, %rax
	mov	CALL_ARG(0)(%r12), %rdi
	mov	CALL_ARG(1)(%r12), %rsi
	mov	CALL_ARG(2)(%r12), %rdx
	mov	CALL_ARG(3)(%r12), %r10
	mov	CALL_ARG(4)(%r12), %r8
	mov	CALL_ARG(5)(%r12), %r9
arch_engine_syscall:
	syscall

	/* A child leaves clone3 here too. Its tracer moves it away first; if none does, it dies. */
	test	%rax, %rax
	jnz	store
	cmp	$ENGINE_NR_CLONE3, %r13
	je	lost
store:
	mov	%rax, CALL_RESULT(%r12)
	inc	%r14
	mov	%r14, LIST_DONE(%rbx)

	mov	CALL_CHECK(%r12), %rcx
	cmp	$CHECK_SUCCESS, %rcx
	jb	good
	je	success
	cmp	CALL_DEMAND(%r12), %rax
	je	good
	jmp	failed
success:
	cmp	$-ENGINE_MAX_ERRNO, %rax
	jae	failed
good:
	add	$CALL_SIZE, %r12
	jmp	next

failed:
	movq	$1, LIST_FAILED(%rbx)
trap:
	int3
	jmp	start
lost:
	int3
	jmp	lost
arch_engine_end:

	.section .note.GNU-stack, "", @progbits
