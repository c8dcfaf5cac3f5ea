// SPDX-License-Identifier: GPL-2.0-only
#include "dump/interrupted.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "arch/arch.h"

#define EPOLL_TIMEOUT 3 /* which argument of epoll_wait, in milliseconds */

/*
 * signal(7), "Interruption of system calls and library functions by stop signals".
 * The socket calls are there for SO_RCVTIMEO and SO_SNDTIMEO. A processor without
 * one of the older calls does not define its number.
 */
static const long calls[] = {
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
	SYS_epoll_pwait,
#ifdef SYS_epoll_pwait2
	SYS_epoll_pwait2,
#endif
	SYS_semop, SYS_semtimedop, SYS_rt_sigtimedwait, SYS_io_getevents,
#ifdef SYS_io_pgetevents
	SYS_io_pgetevents,
#endif
	SYS_accept, SYS_accept4, SYS_connect, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg,
	SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_read, SYS_readv, SYS_write, SYS_writev,
};

bool call_was_interrupted(const struct regs *regs)
{
	long nr = regs_syscall_nr(regs);

	if (nr < 0 || regs_syscall_result(regs) != -EINTR)
		return false;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == nr)
			return true;
	return false;
}

void call_shorten(struct regs *regs, long long left_ns)
{
	long nr = regs_syscall_nr(regs);
	int limit = (int)regs_syscall_arg(regs, EPOLL_TIMEOUT);
	bool is_epoll = nr == SYS_epoll_pwait;
	long long ms = left_ns > 0 ? (left_ns + 999999) / 1000000 : 0;

#ifdef SYS_epoll_wait
	is_epoll |= nr == SYS_epoll_wait;
#endif
	if (is_epoll && limit > 0 && ms < limit)
		regs_set_syscall_arg(regs, EPOLL_TIMEOUT, (__u64)ms);
}

/* Where the call keeps its time, 0 if it is another call or has no limit; the fraction's units in a second. */
static uint64_t time_argument(const struct regs *regs, int64_t *ret_units)
{
	*ret_units = 1000000000;
	switch (regs_syscall_nr(regs)) {
	case SYS_ppoll:
		return regs_syscall_arg(regs, 2);
	case SYS_pselect6:
		return regs_syscall_arg(regs, 4);
#ifdef SYS_select
	case SYS_select:
		*ret_units = 1000000;
		return regs_syscall_arg(regs, 4);
#endif
	}
	return 0;
}

/* Is the call executed again? Where the kernel has rewound the registers itself, it is. */
static bool is_repeated(const struct regs *regs)
{
	return regs_syscall_result(regs) == -ERESTARTNOHAND || regs_syscall_pc(regs) == regs_pc(regs);
}

void call_catch_up(const struct regs *regs, pid_t tid, long long frozen_ns)
{
	int64_t time[2], units, left;
	uint64_t address = is_repeated(regs) ? time_argument(regs, &units) : 0;
	struct iovec here = { time, sizeof(time) }, there = { (void *)(uintptr_t)address, sizeof(time) };

	if (!address || process_vm_readv(tid, &here, 1, &there, 1, 0) != sizeof(time) ||
	    time[0] < 0 || time[0] > INT32_MAX || time[1] < 0 || time[1] >= units)
		return;
	left = time[0] * units + time[1] - frozen_ns / (1000000000 / units);
	if (left < 0)
		left = 0;
	time[0] = left / units;
	time[1] = left % units;
	(void)process_vm_writev(tid, &here, 1, &there, 1, 0);
}
