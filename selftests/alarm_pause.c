// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal that arrives while the tree stands still, or just before: the call that waits for
 * it ends with EINTR, and does not begin anew behind the handler. Many processes
 * wait in pause, sigsuspend, nanosleep and read; their timers fire all the time.
 */
#include "subject.h"

#include <poll.h>
#include <sys/time.h>

#define WAITERS 32

static struct shared {
	volatile long rounds[WAITERS], wrong[WAITERS];
	volatile int stop;
} *shared;

static volatile int fired;

static void handler(int sig)
{
	(void)sig;
	fired = 1;
}

/* If the handler has run, the call must be over: else it waits for ever, and is seen to. */
static int wait_once(int how, const sigset_t *open)
{
	struct timespec hour = {3600, 0};
	char c;

	switch (how) {
	case 0:
		return sigsuspend(open);
	case 1:
		return nanosleep(&hour, NULL);
	case 2:
		return ppoll(NULL, 0, NULL, open);
	default:
		return read(3, &c, 1);
	}
}

static void waiter(int n)
{
	struct sigaction sa = {.sa_handler = handler};
	struct itimerval once = {{0, 0}, {0, 2000 + n * 37}};
	bool with_mask = n % 4 == 0 || n % 4 == 2;
	sigset_t alarm, open;

	sigaction(SIGALRM, &sa, NULL);
	sigemptyset(&open);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	if (with_mask)
		sigprocmask(SIG_BLOCK, &alarm, NULL);
	while (!shared->stop) {
		fired = 0;
		setitimer(ITIMER_REAL, &once, NULL);
		/* Without a mask the signal may come before the call: a repeated one helps out. */
		if (!with_mask)
			setitimer(ITIMER_REAL, &(struct itimerval){{0, 3000}, {0, 2000}}, NULL);
		if (wait_once(n % 4, &open) >= 0 || errno != EINTR)
			shared->wrong[n]++;
		if (!fired)
			shared->wrong[n]++;
		shared->rounds[n]++;
	}
	_exit(0);
}

int main(void)
{
	pid_t pids[WAITERS];
	long before[WAITERS];
	int fd[2];

	shared = subject_shared(sizeof(*shared));
	subject_need(pipe(fd) == 0 && fd[0] == 3, "pipe: %m");
	for (int i = 0; i < WAITERS; i++) {
		pids[i] = subject_fork();
		if (pids[i] == 0)
			waiter(i);
	}
	subject_sleep(50);
	subject_ready();
	subject_wait_restored();
	for (int i = 0; i < WAITERS; i++)
		before[i] = shared->rounds[i];
	for (int i = 0; i < WAITERS; i++) {
		subject_check(subject_await(shared->rounds[i] > before[i] + 3), "waiter %d (%d) hangs", i,
			      i % 4);
		subject_check(!shared->wrong[i], "waiter %d (%d): %ld wrong results", i, i % 4,
			      shared->wrong[i]);
	}
	shared->stop = 1;
	for (int i = 0; i < WAITERS; i++) {
		kill(pids[i], SIGKILL);
		subject_reap(pids[i]);
	}
	return subject_end();
}
