// SPDX-License-Identifier: GPL-2.0-only
#include "arch/arch.h"

/*
 * The kernel decides about a restart before the thread stops (do_signal() of
 * arch/arm64/kernel/signal.c), and has then overwritten x0: the call cannot be made
 * again from what a tracer sees.
 */
bool regs_repeat_syscall(struct regs *regs)
{
	return false;
}
