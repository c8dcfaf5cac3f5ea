/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_ARM64_CALL_H
#define CRBPF_ARCH_ARM64_CALL_H

/*
 * The system call of a stopped thread. arm64's do_signal() rewinds an interrupted
 * call BEFORE the tracer sees the thread: in the stop of PTRACE_INTERRUPT the pc
 * stands at the svc, x0 holds the first argument again, and NT_ARM_SYSTEM_CALL is
 * -1. Whether it was -ERESTART_RESTARTBLOCK, only the kernel's stack remembers; it
 * goes on with the restart block if the pc is at that svc when the stop ends.
 *
 * A call that ended with -EINTR is not rewound and has lost its first argument to
 * the result; no regset shows orig_x0. But /proc/TID/syscall prints it for a thread
 * that is in a call, and which call that is, a tracer may say. Linux 7 prints x0
 * there: then only who reads the kernel's memory can tell (regs_tell_first).
 */

#include <linux/types.h>
#include <sys/types.h>

struct regs;
struct regset;

/* What stands in the set NT_ARM_SYSTEM_CALL of a struct regs, instead of the kernel's 4 bytes. */
struct call {
	__s32 nr;             /* the call it is in, at, or right behind with -EINTR; -1: none */
	__u32 is_interrupted; /* right behind with -EINTR, no handler will run: enum first_argument */
	__u64 first;          /* its first argument */
};

enum first_argument { FIRST_KNOWN = 1, FIRST_HIDDEN };

int call_get(pid_t tid, struct regset *set);
/* A thread whose registers are set is in no call: nothing is to be restarted in its place. */
int call_set(pid_t tid, const struct regs *regs, const struct regset *set);
/* Of @regs; NULL if the set is missing. */
struct call *call_of(const struct regs *regs);

#endif
