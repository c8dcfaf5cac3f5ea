// SPDX-License-Identifier: GPL-2.0-only
#include "inject/guest-run.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/err.h"

/* How long to sleep at most where SIGCHLD, which is blocked, announces a stop. */
#define STEP_NS      5000000
#define SYSCALL_STOP (SIGTRAP | 0x80)

static int stop_of(int status, int *ret_signal)
{
	*ret_signal = 0;
	switch (status >> 8) {
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		return GUEST_CLONE;
	case PTRACE_EVENT_STOP:
		return GUEST_INTERRUPT;
	}
	if (status == SYSCALL_STOP)
		return GUEST_SYSCALL;
	*ret_signal = status & 0x7f;
	return GUEST_SIGNAL;
}

int guest_wait(pid_t tid, long long deadline_ns, int *ret_signal, struct error *err)
{
	const struct timespec step = {.tv_nsec = STEP_NS};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		siginfo_t si = {0};

		if (waitid(P_PID, (id_t)tid, &si, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) <
		    0)
			return fail(err, errno == ECHILD ? ESRCH : errno,
				    "cannot wait for thread %d", tid);
		if (si.si_pid && (si.si_code == CLD_TRAPPED || si.si_code == CLD_STOPPED))
			return stop_of(si.si_status, ret_signal);
		if (si.si_pid)
			return fail(err, ESRCH, "thread %d has ended", tid);
		if (clock_ns() > deadline_ns)
			return fail(err, ETIMEDOUT, "thread %d does not come back", tid);
		sigtimedwait(&child, NULL, &step);
	}
}

int guest_resume(pid_t tid, int request, int signal, long long deadline_ns, int *ret_signal,
		 struct error *err)
{
	if (ptrace(request, tid, NULL, (void *)(long)signal) < 0)
		return fail(err, errno, "cannot resume thread %d", tid);
	return guest_wait(tid, deadline_ns, ret_signal, err);
}

/* The thread has made a child: its pid, once that has come to its first stop. */
static int take_child(pid_t tid, long long deadline_ns, pid_t *ret_child, struct error *err)
{
	unsigned long child;
	int signal, stop;

	if (ptrace(PTRACE_GETEVENTMSG, tid, NULL, &child) < 0)
		return fail(err, errno, "cannot learn the pid of the child");
	*ret_child = (pid_t)child;
	stop = guest_wait(*ret_child, deadline_ns, &signal, err);
	return stop < 0 ? stop : 0;
}

int guest_finish_call(pid_t tid, long long deadline_ns, pid_t *ret_child, struct error *err)
{
	for (;;) {
		int signal, stop, ret = 0;

		stop = guest_resume(tid, PTRACE_SYSCALL, 0, deadline_ns, &signal, err);
		if (stop < 0 || stop == GUEST_SYSCALL)
			return stop < 0 ? stop : 0;
		if (stop != GUEST_CLONE || !ret_child)
			return fail(err, EIO, "thread %d stopped within a call", tid);
		ret = take_child(tid, deadline_ns, ret_child, err);
		if (ret)
			return ret;
	}
}
