// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that wait without limit go on waiting, and then end with what they waited for: none
 * returns early, none is lost.
 */
#include "subject.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

static struct shared {
	int futex;
	volatile int begun, go, done[16];
	volatile long result[16], code[16];
} *shared;

static int pipe_fd[2], full_fd[2], event_fd, pair_fd[2], poll_fd[2], epoll_fd;

static void none(int sig)
{
	(void)sig;
}

static long read_pipe(void)
{
	char c;

	return read(pipe_fd[0], &c, 1);
}

static long write_full_pipe(void)
{
	return write(full_fd[1], "y", 1);
}

static long read_eventfd(void)
{
	uint64_t n;

	return read(event_fd, &n, 8);
}

static long receive(void)
{
	char c;

	return recv(pair_fd[0], &c, 1, 0);
}

static long poll_forever(void)
{
	struct pollfd p = {.fd = poll_fd[0], .events = POLLIN};

	return poll(&p, 1, -1);
}

static long epoll_forever(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_fd, &event, 1, -1);
}

static long futex_forever(void)
{
	return syscall(SYS_futex, &shared->futex, FUTEX_WAIT, 0, NULL) == 0;
}

static long wait_for_child(void)
{
	pid_t pid = subject_fork();
	int status;

	if (pid == 0) {
		while (!shared->go)
			subject_sleep(1);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static long pause_for_signal(void)
{
	return pause() < 0 && errno == EINTR;
}

static long suspend(void)
{
	sigset_t none_blocked, usr1;
	long result;

	/* The signal is blocked but during the call; afterwards the old mask must be back. */
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	sigemptyset(&none_blocked);
	result = sigsuspend(&none_blocked) < 0 && errno == EINTR;
	sigprocmask(SIG_SETMASK, NULL, &none_blocked);
	return result && sigismember(&none_blocked, SIGUSR1);
}

static long wait_for_info(void)
{
	sigset_t usr1;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	return sigwaitinfo(&usr1, NULL) == SIGUSR1;
}

static const struct call {
	const char *name;
	long (*run)(void);
	bool by_signal;
} calls[] = {
	{"read of a pipe", read_pipe, false},
	{"write to a full pipe", write_full_pipe, false},
	{"read of an eventfd", read_eventfd, false},
	{"recv", receive, false},
	{"poll", poll_forever, false},
	{"epoll_wait", epoll_forever, false},
	{"futex", futex_forever, false},
	{"waitpid", wait_for_child, false},
	{"pause", pause_for_signal, true},
	{"sigsuspend", suspend, true},
	{"sigwaitinfo", wait_for_info, true},
};
#define CALLS (int)(sizeof(calls) / sizeof(calls[0]))

static void make_objects(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	static char block[65536];

	subject_need(pipe(pipe_fd) == 0 && pipe(full_fd) == 0 && pipe(poll_fd) == 0, "pipe: %m");
	/* By default it holds 16 pages, of whatever size. */
	subject_need(fcntl(full_fd[1], F_SETPIPE_SZ, sizeof(block)) == sizeof(block) &&
			     write(full_fd[1], block, sizeof(block)) == sizeof(block),
		     "a full pipe: %m");
	event_fd = eventfd(0, 0);
	epoll_fd = epoll_create1(0);
	subject_need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_fd) == 0, "socketpair: %m");
	subject_need(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, poll_fd[0], &event) == 0, "epoll_ctl: %m");
}

/* Gives every call what it waits for. */
static void release(const pid_t *pids)
{
	static char block[65536];

	shared->go = 1;
	(void)!write(pipe_fd[1], "x", 1);
	(void)!read(full_fd[0], block, sizeof(block));
	(void)!write(event_fd, &(uint64_t){1}, 8);
	(void)!write(pair_fd[1], "x", 1);
	(void)!write(poll_fd[1], "x", 1);
	shared->futex = 1;
	syscall(SYS_futex, &shared->futex, FUTEX_WAKE, 100);
	for (int i = 0; i < CALLS; i++) {
		if (calls[i].by_signal)
			kill(pids[i], SIGUSR1);
	}
}

int main(void)
{
	struct sigaction sa = {.sa_handler = none};
	pid_t pids[CALLS];

	shared = subject_shared(sizeof(*shared));
	sigaction(SIGUSR1, &sa, NULL);
	make_objects();
	for (int i = 0; i < CALLS; i++) {
		pids[i] = subject_fork();
		if (pids[i] == 0) {
			__atomic_add_fetch(&shared->begun, 1, __ATOMIC_SEQ_CST);
			shared->result[i] = calls[i].run();
			shared->code[i] = errno;
			shared->done[i] = 1;
			_exit(0);
		}
	}
	subject_need(subject_await(shared->begun == CALLS), "no children");
	subject_sleep(50);
	subject_ready();
	subject_wait_restored();

	for (int i = 0; i < CALLS; i++)
		subject_check(!shared->done[i], "%s returned early: %ld (%s)", calls[i].name,
			      shared->result[i], strerror(shared->code[i]));
	release(pids);
	for (int i = 0; i < CALLS; i++) {
		if (!subject_await(shared->done[i])) {
			subject_check(false, "%s does not end", calls[i].name);
			kill(pids[i], SIGKILL);
		}
		subject_check(shared->result[i] > 0, "%s returned %ld (%s)", calls[i].name,
			      shared->result[i], strerror(shared->code[i]));
		subject_reap(pids[i]);
	}
	return subject_end();
}
