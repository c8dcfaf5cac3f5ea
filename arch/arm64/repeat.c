// SPDX-License-Identifier: GPL-2.0-only
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <time.h>

#include "arch/arch.h"
#include "arch/arm64/call.h"
#include "arch/frame.h"

void regs_tell_first(struct regs *regs, __u64 first)
{
	struct call *call = call_of(regs);

	if (!call || call->is_interrupted != FIRST_HIDDEN)
		return;
	call->first = first;
	call->is_interrupted = FIRST_KNOWN;
}

/* Rewound here, for the kernel has made its decision before the thread stopped. */
bool regs_repeat_syscall(struct regs *regs)
{
	struct user_regs_struct *gp = regs->set[0].data;
	struct call *call = call_of(regs);

	if (!call || call->is_interrupted != FIRST_KNOWN)
		return false;
	gp->regs[0] = call->first;
	gp->pc -= sizeof(__u32);
	call->is_interrupted = 0;
	return true;
}

/* Does this call keep its deadline in the restart block when it is interrupted? */
static bool keeps_deadline(const struct regs *regs)
{
	unsigned int cmd = (unsigned int)regs_syscall_arg(regs, 1) & FUTEX_CMD_MASK;

	switch (regs_syscall_nr(regs)) {
	case SYS_nanosleep:
		return true;
	case SYS_clock_nanosleep:
		return !(regs_syscall_arg(regs, 1) & TIMER_ABSTIME);
	case SYS_futex:
		return (cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET) && regs_syscall_arg(regs, 3);
	}
	return false;
}

/*
 * The kernel would have had the thread call restart_syscall, had it gone on from that very
 * stop; now that is ours to do.
 */
bool regs_hold_call(struct regs *regs, bool is_repeated)
{
	struct user_regs_struct *gp = regs->set[0].data;

	if (is_repeated)
		return regs_repeat_syscall(regs);
	if (keeps_deadline(regs))
		gp->regs[8] = SYS_restart_syscall;
	return false;
}
