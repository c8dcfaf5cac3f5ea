// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leases for reading and writing, each with the signal that its holder wants when it is broken;
 * descriptors with owners of signals of every kind: a thread, a process, a group; O_ASYNC that
 * signals what arrives. Needs --file-locks.
 */
#include "subject.h"

#include <sys/socket.h>

static int lease(const char *name, int type, int sig)
{
	int fd = open(name, (type == F_RDLCK ? O_RDONLY : O_RDWR) | O_CREAT, 0600);

	subject_need(fd >= 0, "%s: %m", name);
	if (fcntl(fd, F_SETLEASE, type) < 0)
		subject_skip("needs leases on this file system: %s", strerror(errno));
	subject_need(fcntl(fd, F_SETSIG, sig) == 0, "F_SETSIG: %m");
	return fd;
}

/* Somebody else opens @name without waiting: the holder is to be told. */
static void check_broken(const char *name, int fd, int type, int sig)
{
	const struct timespec wait = {.tv_sec = 10};
	siginfo_t info;
	sigset_t set;
	pid_t child;

	subject_check(fcntl(fd, F_GETLEASE) == type, "%s: the lease is %d", name,
		      fcntl(fd, F_GETLEASE));
	child = subject_fork();
	if (child == 0)
		_exit(open(name, O_WRONLY | O_NONBLOCK) < 0 && errno == EWOULDBLOCK);
	subject_check(WEXITSTATUS(subject_reap(child)) == 1, "%s: nothing hinders its opening", name);
	sigemptyset(&set);
	sigaddset(&set, sig);
	subject_check(sigtimedwait(&set, &info, &wait) == sig && info.si_fd == fd,
		      "%s: no signal, or of descriptor %d", name, info.si_fd);
	subject_check(fcntl(fd, F_SETLEASE, F_UNLCK) == 0, "%s: %m", name);
}

static void check_owner(const char *what, int fd, int type, int pid, int sig)
{
	struct f_owner_ex now = {-1, -1};

	subject_check(fcntl(fd, F_GETOWN_EX, &now) == 0 && (int)now.type == type && now.pid == pid &&
			      fcntl(fd, F_GETSIG) == sig,
		      "%s: owner %d of type %d, signal %d", what, now.pid, (int)now.type,
		      fcntl(fd, F_GETSIG));
}

static void own(int fd, int type, int pid, int sig)
{
	struct f_owner_ex owner = {type, pid};

	subject_need(fcntl(fd, F_SETOWN_EX, &owner) == 0 && fcntl(fd, F_SETSIG, sig) == 0,
		     "F_SETOWN_EX: %m");
}

int main(void)
{
	const struct timespec wait = {.tv_sec = 10};
	int reading, writing, thread[2], process[2], group[2], nobody[2];
	siginfo_t info;
	sigset_t set;

	subject_options("--file-locks");
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	reading = lease("reading", F_RDLCK, SIGRTMIN + 1);
	writing = lease("writing", F_WRLCK, SIGRTMIN + 2);
	subject_need(socketpair(AF_UNIX, SOCK_STREAM, 0, thread) == 0 &&
			     socketpair(AF_UNIX, SOCK_STREAM, 0, process) == 0 &&
			     pipe(group) == 0 && pipe(nobody) == 0,
		     "descriptors: %m");
	own(thread[0], F_OWNER_TID, (int)syscall(SYS_gettid), SIGRTMIN + 3);
	own(process[0], F_OWNER_PID, getpid(), 0);
	own(group[0], F_OWNER_PGRP, getpgrp(), SIGRTMIN + 4);
	subject_need(fcntl(thread[0], F_SETFL, O_ASYNC) == 0 && fcntl(group[0], F_SETFL, O_ASYNC) == 0,
		     "O_ASYNC: %m");
	subject_need(fcntl(nobody[0], F_SETSIG, SIGRTMIN + 5) == 0, "F_SETSIG: %m");
	subject_ready();
	subject_wait_restored();

	check_broken("reading", reading, F_RDLCK, SIGRTMIN + 1);
	check_broken("writing", writing, F_WRLCK, SIGRTMIN + 2);
	check_owner("thread", thread[0], F_OWNER_TID, (int)syscall(SYS_gettid), SIGRTMIN + 3);
	check_owner("process", process[0], F_OWNER_PID, getpid(), 0);
	check_owner("group", group[0], F_OWNER_PGRP, getpgrp(), SIGRTMIN + 4);
	subject_check(fcntl(nobody[0], F_GETSIG) == SIGRTMIN + 5, "a signal without owner: %d",
		      fcntl(nobody[0], F_GETSIG));
	subject_check((fcntl(thread[0], F_GETFL) & O_ASYNC) && !(fcntl(process[0], F_GETFL) & O_ASYNC),
		      "O_ASYNC is lost, or set where it was not");
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	subject_check(write(thread[1], "x", 1) == 1 && sigtimedwait(&set, &info, &wait) == SIGRTMIN + 3 &&
			      info.si_fd == thread[0],
		      "no signal of what arrived in a socket");
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 4);
	subject_check(write(group[1], "x", 1) == 1 && sigtimedwait(&set, &info, &wait) == SIGRTMIN + 4 &&
			      info.si_fd == group[0],
		      "no signal of what arrived in a pipe");
	sigpending(&set);
	subject_check(!sigismember(&set, SIGIO), "a signal that nobody sent");
	return subject_end();
}
