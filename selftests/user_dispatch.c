// SPDX-License-Identifier: GPL-2.0-only
/*
 * Syscall user dispatch, where the processor has it: calls from outside a range raise SIGSYS as
 * long as a selector byte says so. It is armed during the checkpoint.
 */
#include "subject.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <ucontext.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON 1
#endif

static volatile char selector; /* 0: allow, 1: block */
static volatile int caught;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	selector = 0;
	caught = info->si_syscall;
}

/* A kernel before 6.4 lets nobody put it back: then it is an obstacle. */
static bool can_be_restored(void)
{
	uint64_t config[4];
	pid_t pid = subject_fork();
	bool can;

	if (pid == 0)
		for (;;)
			pause();
	subject_need(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL) == 0 &&
			     ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 &&
			     waitpid(pid, NULL, __WALL) == pid,
		     "the child cannot be traced: %m");
	can = ptrace(0x4211 /* PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG */, pid, sizeof(config), config) == 0;
	kill(pid, SIGKILL);
	subject_reap(pid);
	return can;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0))
		subject_skip("no syscall user dispatch on this processor: %m");
	if (!can_be_restored())
		subject_skip("needs Linux 6.4: syscall user dispatch is set from outside");
	sigaction(SIGSYS, &sa, NULL);
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector))
		subject_skip("syscall user dispatch: %m");
	selector = 1;
	syscall(SYS_getppid);
	subject_need(caught == SYS_getppid, "is not dispatched before the dump");
	caught = 0;
	subject_ready();
	subject_wait_restored();
	selector = 1;
	syscall(SYS_getppid);
	selector = 0;
	subject_check(caught == SYS_getppid, "is no longer dispatched (%d)", caught);
	return subject_end();
}
