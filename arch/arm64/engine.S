/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine's page. It never uses the stack. System calls preserve all registers
 * but x0, so the state lives in these:
 *
 *	x19	the list		x20	the next call
 *	x8	its number		x21	calls that ran
 */
#include "arch/engine-list.h"

	.section .rodata
	.globl	arch_engine, arch_engine_end, arch_engine_run, arch_engine_syscall
	.balign	16
arch_engine:
arch_engine_run:
	mov	x19, x0
	add	x20, x19, #LIST_CALLS
next:
	ldr	x21, [x19, #LIST_DONE]
	ldr	x22, [x19, #LIST_N]
	cmp	x21, x22
	b.hs	trap

	ldr	x8, [x20, #CALL_NR]
	ldp	x0, x1, [x20, #CALL_ARG(0)]
	ldp	x2, x3, [x20, #CALL_ARG(2)]
	ldp	x4, x5, [x20, #CALL_ARG(4)]
arch_engine_syscall:
	svc	#0

	/* A child leaves clone3 here too. Its tracer moves it away first; if none does, it dies. */
	cbnz	x0, store
	cmp	x8, #ENGINE_NR_CLONE3
	b.eq	trap
store:
	str	x0, [x20, #CALL_RESULT]
	add	x21, x21, #1
	str	x21, [x19, #LIST_DONE]

	ldr	x22, [x20, #CALL_CHECK]
	cmp	x22, #CHECK_SUCCESS
	b.lo	good
	b.eq	success
	ldr	x22, [x20, #CALL_DEMAND]
	cmp	x0, x22
	b.eq	good
	b	failed
success:
	cmn	x0, #ENGINE_MAX_ERRNO
	b.hs	failed
good:
	add	x20, x20, #CALL_SIZE
	b	next

failed:
	mov	x22, #1
	str	x22, [x19, #LIST_FAILED]
	/* The pc stays at a brk: it traps again until the tracer puts the thread at arch_engine_run. */
trap:
	brk	#0
	b	trap
arch_engine_end:

	.section .note.GNU-stack, "", @progbits
