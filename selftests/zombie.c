// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children that ended and were not waited for: the status is still there, for an exit, a
 * signal and a signal with core flag, in the group they had; so is one below a child.
 */
#include "subject.h"

#include <pthread.h>
#include <sys/resource.h>

static pid_t end_by(int code, int sig)
{
	pid_t pid = subject_fork();

	if (pid == 0) {
		if (sig)
			raise(sig);
		_exit(code);
	}
	subject_need(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT) == 0, "waitid: %m");
	return pid;
}

static void *end_all(void *arg)
{
	subject_sleep(20);
	syscall(SYS_exit_group, 7);
	return arg;
}

/* Its first thread ends before, with another code. */
static pid_t end_by_thread(void)
{
	pid_t pid = subject_fork();
	pthread_t t;

	if (pid == 0) {
		pthread_create(&t, NULL, end_all, NULL);
		syscall(SYS_exit, 3);
	}
	subject_need(waitid(P_PID, pid, NULL, WEXITED | WNOWAIT) == 0, "waitid: %m");
	return pid;
}

/* Holds a zombie of its own. */
static pid_t holder(volatile int *flag)
{
	pid_t pid = subject_fork(), child;

	if (pid == 0) {
		child = end_by(9, 0);
		*flag = 1;
		subject_wait_restored();
		subject_check(subject_reap(child) == 9 << 8, "the grandchild's status changed");
		_exit(0);
	}
	return pid;
}

int main(void)
{
	struct rlimit none = {};
	volatile int *flag = subject_shared(4096);
	siginfo_t info = {};
	pid_t exited, killed, held, by_thread;
	int status;

	setrlimit(RLIMIT_CORE, &none);
	exited = end_by(42, 0);
	killed = end_by(0, SIGTERM);
	by_thread = end_by_thread();
	held = holder(flag);
	subject_need(subject_await(*flag), "no holder");
	subject_ready();
	subject_wait_restored();

	subject_check(waitid(P_PID, exited, &info, WEXITED | WNOWAIT) == 0, "waitid: %m");
	subject_check(info.si_code == CLD_EXITED && info.si_status == 42, "code %d status %d",
		      info.si_code, info.si_status);
	status = subject_reap(exited);
	subject_check(status == 42 << 8, "exit status is %x", status);
	status = subject_reap(killed);
	subject_check(status == SIGTERM, "status of the killed one is %x", status);
	status = subject_reap(by_thread);
	subject_check(status == 7 << 8, "status of the one whose first thread ended is %x", status);
	subject_check(subject_reap(held) == 0, "the holder failed");
	subject_check(waitpid(-1, NULL, 0) < 0 && errno == ECHILD, "there are other children");
	return subject_end();
}
