// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocked signals wait with all they carry: for the process and for one thread, real-time
 * ones in their order, and a SIGCHLD of a child that ended.
 */
#include "subject.h"

#include <pthread.h>

static volatile int is_up;
static pid_t tid;

static void send_queue(int sig, pid_t thread, int value)
{
	siginfo_t info = {.si_signo = sig, .si_code = SI_QUEUE};

	info.si_pid = getpid();
	info.si_uid = 4321;
	info.si_value.sival_int = value;
	if (thread)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, sig, &info);
	else
		syscall(SYS_rt_sigqueueinfo, getpid(), sig, &info);
}

/* Takes one of @sig; it must be there at once, from us, with @value if it was queued. */
static void take(const char *who, int sig, int code, int value)
{
	struct timespec now = {};
	siginfo_t info = {};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	/* libc's sigtimedwait hides SI_TKILL. */
	subject_check(syscall(SYS_rt_sigtimedwait, &set, &info, &now, 8) == sig, "%s: no signal %d",
		      who, sig);
	subject_check(info.si_code == code, "%s: signal %d has code %d", who, sig, info.si_code);
	subject_check(sig == SIGCHLD || info.si_pid == getpid(), "%s: signal %d from %d", who, sig,
		      info.si_pid);
	if (code == SI_QUEUE)
		subject_check(info.si_value.sival_int == value && info.si_uid == 4321,
			      "%s: signal %d has value %d, uid %d; wanted %d", who, sig,
			      info.si_value.sival_int, info.si_uid, value);
}

static void *thread(void *arg)
{
	(void)arg;
	tid = syscall(SYS_gettid);
	is_up = 1;
	subject_wait_restored();
	take("thread", SIGUSR2, SI_TKILL, 0);
	for (int i = 0; i < 5; i++)
		take("thread", SIGRTMIN + 1, SI_QUEUE, 100 + i);
	subject_check(sigtimedwait(&(sigset_t){{1UL << (SIGUSR2 - 1)}}, NULL, &(struct timespec){}) < 0,
		      "thread: SIGUSR2 twice");
	return NULL;
}

int main(void)
{
	sigset_t all;
	pthread_t t;
	pid_t child;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	pthread_create(&t, NULL, thread, NULL);
	subject_need(subject_await(is_up), "no thread");
	child = subject_fork();
	if (child == 0)
		_exit(3);
	subject_need(waitid(P_PID, child, NULL, WEXITED | WNOWAIT) == 0, "waitid: %m");
	kill(getpid(), SIGUSR1);
	send_queue(SIGTERM, 0, 7);
	for (int i = 0; i < 20; i++)
		send_queue(SIGRTMIN + 3, 0, i);
	send_queue(SIGRTMIN + 2, 0, 55);
	syscall(SYS_tgkill, getpid(), tid, SIGUSR2);
	for (int i = 0; i < 5; i++)
		send_queue(SIGRTMIN + 1, tid, 100 + i);
	subject_ready();
	subject_wait_restored();

	take("process", SIGUSR1, SI_USER, 0);
	take("process", SIGTERM, SI_QUEUE, 7);
	for (int i = 0; i < 20; i++)
		take("process", SIGRTMIN + 3, SI_QUEUE, i);
	take("process", SIGRTMIN + 2, SI_QUEUE, 55);
	take("process", SIGCHLD, CLD_EXITED, 0);
	subject_check(sigtimedwait(&all, NULL, &(struct timespec){}) < 0 && errno == EAGAIN,
		      "there is one more signal");
	pthread_join(t, NULL);
	subject_check(subject_reap(child) == 3 << 8, "the child's status changed");
	return subject_end();
}
