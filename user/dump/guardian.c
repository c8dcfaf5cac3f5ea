// SPDX-License-Identifier: GPL-2.0-only
#include "dump/guardian.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/err.h"

#define STACK_SIZE (64 * 1024)

struct guardian {
	pid_t pid;
	int parent; /* a pidfd of this process */
	void *stack;
	struct guarded_option option;
	volatile bool armed; /* after @option is complete */
};

/* By bare system calls: its thread-local data are those of the process it watches. */
static int watch(void *arg)
{
	struct guardian *g = arg;
	struct pollfd ended = {.fd = g->parent, .events = POLLIN};

	while (syscall(SYS_ppoll, &ended, 1, NULL, NULL, 0) != 1)
		;
	if (g->armed)
		syscall(SYS_setsockopt, g->option.fd, g->option.level, g->option.name,
			&g->option.value, sizeof(g->option.value));
	syscall(SYS_exit, 0);
	return 0;
}

/* With all signals blocked for good: what ends a whole job must not end it first. */
static pid_t clone_guardian(struct guardian *g)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = clone(watch, (char *)g->stack + STACK_SIZE, CLONE_VM | CLONE_FILES, g);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

int guardian_create(struct guardian **ret, struct error *err)
{
	struct guardian *g = calloc(1, sizeof(*g));
	int code;

	if (!g)
		return fail(err, ENOMEM, "cannot start a guardian");
	g->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	g->parent = (int)syscall(SYS_pidfd_open, getpid(), 0);
	g->pid = g->stack != MAP_FAILED && g->parent >= 0 ? clone_guardian(g) : -1;
	if (g->pid > 0) {
		*ret = g;
		return 0;
	}
	code = fail(err, errno, "cannot start a guardian");
	if (g->parent >= 0)
		close(g->parent);
	if (g->stack != MAP_FAILED)
		munmap(g->stack, STACK_SIZE);
	free(g);
	return code;
}

void guardian_arm(struct guardian *g, const struct guarded_option *option)
{
	g->option = *option;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	g->armed = true;
}

void guardian_disarm(struct guardian *g)
{
	g->armed = false;
}

void guardian_destroy(struct guardian *g)
{
	if (!g)
		return;
	kill(g->pid, SIGKILL);
	while (waitpid(g->pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	close(g->parent);
	munmap(g->stack, STACK_SIZE);
	free(g);
}
