// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks for children that it has not got, in all ways in which a program can: those that it has end
 * as it expects, and there never is another. Run by cases/snapshot.py while it is dumped.
 */
#include "beat.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/prctl.h>

#ifndef __WALL
#define __WALL 0x40000000
#endif

static volatile uint64_t *beat;
static volatile int told;

static void count(int sig)
{
	(void)sig;
	told++;
}

/* Nobody is there to be waited for: not even one of those who tell nothing of their end. */
static void find_none(void)
{
	siginfo_t si = {0};
	int status;
	pid_t pid;

	subject_need(waitpid(-1, &status, 0) < 0 && errno == ECHILD, "there is a child");
	subject_need(waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD,
		     "there is a child, WNOHANG");
	subject_need(waitid(P_ALL, 0, &si, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) < 0 &&
			     errno == ECHILD,
		     "waitid finds a child");
	pid = waitpid(-1, &status, WNOHANG | __WALL);
	subject_need(pid <= 0, "__WALL: child %d ended with %x", pid, status);
	pid = waitpid(-1, &status, WNOHANG | __WCLONE);
	subject_need(pid <= 0, "__WCLONE: child %d ended with %x", pid, status);
	subject_need(!told, "SIGCHLD came");
}

/* A child of its own is the only one that ends. */
static void find_one(int n)
{
	int status = 0;
	pid_t pid = subject_fork(), found;

	if (pid == 0)
		_exit(n & 0x7f);
	do
		found = waitpid(-1, &status, n & 1 ? 0 : __WALL);
	while (found < 0 && errno == EINTR);
	subject_need(found == pid && status == (n & 0x7f) << 8, "%d ended with %x, not %d", found,
		     status, pid);
	/* the one signal may come a little after the child was found */
	for (int i = 0; i < 1000 && !told; i++)
		subject_sleep(1);
	subject_need(told == 1, "SIGCHLD came %d times", told);
	told = 0;
}

/* Whoever closes an end of a pipe has closed it: nobody else holds it open. */
static void find_end(void)
{
	double start = subject_ms();
	int fds[2];
	char byte;

	subject_need(pipe(fds) == 0, "pipe: %m");
	close(fds[1]);
	subject_need(read(fds[0], &byte, 1) == 0, "a pipe without its end");
	subject_need(subject_ms() - start < 60000, "the end of a pipe came after %f ms",
		     subject_ms() - start);
	close(fds[0]);
}

/* A thread sleeps until whatever there may be has ended: it must not be told of it. */
static void *wait_for_all(void *arg)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		subject_need(pid < 0 && errno == ECHILD, "the thread found child %d: %m", pid);
		subject_sleep(0.1);
	}
	return arg;
}

int main(int argc, char **argv)
{
	struct sigaction sa = {.sa_handler = count};
	bool has_waiter = argc > 1 && !strcmp(argv[1], "waiter");
	bool is_subreaper = argc > 1 && !strcmp(argv[1], "subreaper");
	pthread_t t;

	beat = beat_open();
	sigaction(SIGCHLD, &sa, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, is_subreaper);
	if (has_waiter)
		pthread_create(&t, NULL, wait_for_all, NULL);
	for (int n = 0;; n++) {
		find_none();
		if (!has_waiter && !is_subreaper)
			find_one(n);
		find_end();
		++*beat;
		subject_sleep(0.2);
	}
}
