// SPDX-License-Identifier: GPL-2.0-only
#include "dump/interrupted.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "arch/arch.h"

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
