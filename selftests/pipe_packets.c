// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pipe in packet mode keeps the borders between what was written.
 */
#include "subject.h"

int main(void)
{
	int fd[2];
	char buf[100];
	ssize_t n;

	subject_need(pipe2(fd, O_DIRECT | O_CLOEXEC) == 0, "pipe2: %m");
	subject_need(write(fd[1], "one", 3) == 3 && write(fd[1], "three", 5) == 5, "write: %m");
	subject_ready();
	subject_wait_restored();
	n = read(fd[0], buf, sizeof(buf));
	subject_check(n == 3, "read %zd bytes, then", n);
	n = read(fd[0], buf, sizeof(buf));
	subject_check(n == 5, "%zd bytes", n);
	subject_check(fcntl(fd[0], F_GETFD) == FD_CLOEXEC, "close-on-exec is lost");
	subject_check(fcntl(fd[1], F_GETFL) & O_DIRECT, "it is no longer in packet mode");
	return subject_end();
}
