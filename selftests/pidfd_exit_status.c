// SPDX-License-Identifier: GPL-2.0-only
/* How a reaped task ended is kept by its pidfds (6.15), also by one of a thread. */
#include "pidfd_test.h"

int main(void)
{
	int exited, killed, thread, again, flags;

	exited = make_reaped(42, 0, 0, &again);
	if (pidfd_exit_status(exited) < 0)
		subject_skip("needs Linux 6.15, whose pidfds keep how a task ended");
	killed = make_reaped(0, SIGTERM, 0, NULL);
	thread = make_reaped(0, 0, PIDFD_THREAD, NULL);
	flags = fcntl(thread, F_GETFL);
	subject_ready();
	subject_wait_restored();

	subject_check(pidfd_exit_status(exited) == 42 << 8, "exited: %x", pidfd_exit_status(exited));
	subject_check(pidfd_exit_status(again) == 42 << 8, "again: %x", pidfd_exit_status(again));
	subject_check(pidfd_exit_status(killed) == SIGTERM, "killed: %x", pidfd_exit_status(killed));
	subject_check(pidfd_exit_status(thread) == 0, "thread: %x", pidfd_exit_status(thread));
	subject_check(fcntl(thread, F_GETFL) == flags, "flags are %x", fcntl(thread, F_GETFL));
	subject_check(pidfd_target(thread) == -1, "it points at %d", pidfd_target(thread));
	return subject_end();
}
