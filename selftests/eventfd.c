// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event counters: value, semaphore mode, flags; shared with a child.
 */
#include "subject.h"

#include <sys/eventfd.h>

int main(void)
{
	int plain = eventfd(7, EFD_CLOEXEC), semaphore = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
	int huge = eventfd(0, 0), shared = eventfd(0, 0);
	uint64_t n = UINT64_MAX - 1;
	pid_t pid;

	subject_need(write(huge, &n, 8) == 8, "write: %m");
	pid = subject_fork();
	if (pid == 0) {
		subject_check(read(shared, &n, 8) == 8 && n == 12, "the child read %llu",
			      (unsigned long long)n);
		_exit(0);
	}
	subject_ready();
	subject_wait_restored();

	subject_check(fcntl(plain, F_GETFD) == FD_CLOEXEC, "close-on-exec is lost");
	subject_check(read(plain, &n, 8) == 8 && n == 7, "its value is %llu", (unsigned long long)n);
	for (int i = 0; i < 3; i++)
		subject_check(read(semaphore, &n, 8) == 8 && n == 1, "semaphore: %llu",
			      (unsigned long long)n);
	subject_check(read(semaphore, &n, 8) < 0 && errno == EAGAIN, "semaphore: not empty");
	subject_check(read(huge, &n, 8) == 8 && n == UINT64_MAX - 1, "huge: %llu",
		      (unsigned long long)n);
	n = 12;
	subject_check(write(shared, &n, 8) == 8, "write: %m");
	subject_check(subject_reap(pid) == 0, "the child failed");
	return subject_end();
}
