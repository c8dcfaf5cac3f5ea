// SPDX-License-Identifier: GPL-2.0-only
/*
 * signalfd: its mask, its flags, and a pending signal that is read from it.
 */
#include "subject.h"

#include <sys/signalfd.h>

int main(void)
{
	struct signalfd_siginfo info = {};
	sigset_t set, both;
	int fd, other;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMAX);
	both = set;
	sigaddset(&both, SIGUSR2);
	sigprocmask(SIG_BLOCK, &both, NULL);
	fd = signalfd(-1, &set, SFD_NONBLOCK);
	sigdelset(&both, SIGUSR1);
	other = signalfd(-1, &both, SFD_CLOEXEC | SFD_NONBLOCK);
	subject_need(fd >= 0 && other >= 0, "signalfd: %m");
	kill(getpid(), SIGUSR1);
	subject_ready();
	subject_wait_restored();

	subject_check(read(other, &info, sizeof(info)) < 0, "the other one reads signal %u", info.ssi_signo);
	subject_check(read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR1 &&
			      (pid_t)info.ssi_pid == getpid(),
		      "read signal %u of %u", info.ssi_signo, info.ssi_pid);
	subject_check(read(fd, &info, sizeof(info)) < 0 && errno == EAGAIN, "read one more: %m");
	kill(getpid(), SIGUSR2);
	subject_check(read(fd, &info, sizeof(info)) < 0, "it reads what is not in its mask");
	subject_check(read(other, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR2,
		      "the other one read signal %u", info.ssi_signo);
	subject_check(fcntl(other, F_GETFD) == FD_CLOEXEC, "close-on-exec is lost");
	return subject_end();
}
