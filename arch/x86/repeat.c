// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/user.h>

#include "arch/arch.h"
#include "arch/frame.h"

#define ERESTARTNOHAND 514 /* include/linux/errno.h of the kernel */

/* It is in rdi still. */
void regs_tell_first(struct regs *regs, __u64 first)
{
}

bool regs_repeat_syscall(struct regs *regs)
{
	struct user_regs_struct *gp = regs->set[0].data;

	if (regs_syscall_nr(regs) < 0 || regs_syscall_result(regs) != -EINTR)
		return false;
	gp->rax = (__u64)-ERESTARTNOHAND;
	return true;
}

/* What the registers say is all there is: the kernel decides when the thread goes on. */
bool regs_hold_call(struct regs *regs, bool is_repeated)
{
	return false;
}
