/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_FRAME_H
#define CRBPF_ARCH_FRAME_H

/*
 * System calls in a living thread without code of ours: on instructions that its
 * program has anyway, with the way back lying ready on its stack. Each processor's
 * frame.c implements this.
 */

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "arch/arch.h"

/* Instructions in a program's own text; 0: not found. */
struct gadgets {
	__u64 call;	 /* a system call, and a return right after it */
	__u64 sigreturn; /* the call of rt_sigreturn */
};

/* A multiple of it is where frames may lie, and of all sizes. */
#define FRAME_ALIGN 64

/* Looks for what @gadgets lacks in @size bytes of text that stand at @at in the program. */
void arch_find_gadgets(const void *text, size_t size, __u64 at, struct gadgets *gadgets);
/* How many bytes an instruction sequence of arch_find_gadgets has at most. */
#define GADGET_MAX 16

/* As seccomp filters see this processor: AUDIT_ARCH_*. */
extern const __u32 arch_audit;

/*
 * Why no frame can bring back @regs: a second stack that only the processor writes, vector
 * registers that frames of ours do not hold. NULL: one can.
 */
const char *arch_frame_obstacle(const struct regs *regs);

/* Bytes of the frame that brings back @regs: the vector registers count if they are there. */
size_t arch_frame_size(const struct regs *regs);
/*
 * Builds in @frame what rt_sigreturn takes @regs, and the signal mask @mask, from when it
 * lies at @at. The alternate signal stack stays what it is.
 */
void arch_frame_build(void *frame, __u64 at, const struct regs *regs, __u64 mask,
		      const struct gadgets *gadgets);
/* Offset in a frame of the first argument register, 8 bytes. */
size_t arch_frame_first_arg(void);
/*
 * The thread at @regs, which a stop has taken out of a call, has made other calls meanwhile:
 * changes the registers so that the first goes on, with the time that it has left. @is_repeated:
 * it ended with -EINTR, and is to be made again. Returns whether these registers do so now;
 * else it is done when the thread goes on, by regs_repeat_syscall.
 */
bool regs_hold_call(struct regs *regs, bool is_repeated);
/*
 * General registers with which a thread executes @nr and then returns by way of the
 * frame at @frame: its stack pointer is there.
 */
void regs_prepare_guest_call(struct regs *regs, const struct gadgets *gadgets, __u64 frame, long nr,
			     const __u64 args[6]);

#endif
