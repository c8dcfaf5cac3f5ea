// SPDX-License-Identifier: GPL-2.0-only
#include "arch/arch.h"
#include "arch/arm64/call.h"
#include <sys/user.h>

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
