// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guard: a process of its own that sleeps until crbpf is done, or is no more. A clone
 * whose tracer was killed dies at once, but its parent does not know of it, and so
 * would keep it as a zombie for ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dump/cow.h"
#include "dump/freezer-tree.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"

#define DONE     'd'
#define ROUNDS   200 /* of looking, until the dead are dead */
#define FREEZE_S 2
/* Somebody else may trace the tree for a while: how long to try, and at most between two attempts. */
#define PATIENCE_NS 120000000000ll
#define PAUSE_NS    1000000000

struct cow_guard {
	pid_t pid;
	int fd; /* to tell it that all is done; its end is the end of crbpf */
	struct cow_clones *clones;
};

/* Clones that are their parent's zombies; *@ret_alive: some are still dying. */
static size_t count_zombies(struct cow_clones *clones, bool *ret_alive)
{
	size_t n = 0;

	*ret_alive = false;
	for (size_t i = 0; i < clones->n && i < COW_CLONES_MAX; i++) {
		struct cow_clone *clone = &clones->list[i];
		char state = clone->child ? cow_state(clone) : 0;

		if (!state) {
			clone->child = 0;
			continue;
		}
		n++;
		*ret_alive |= state != 'Z';
	}
	return n;
}

/* crbpf is dead. The thread that it had at work may be about to reap its clone by itself. */
static void rescue(struct cow_clones *clones, pid_t root)
{
	long long until = clock_ns() + PATIENCE_NS;
	struct timespec step = {.tv_nsec = 5000000};
	bool is_alive = true;

	for (int i = 0; i < ROUNDS && (is_alive || i < 4); i++) {
		nanosleep(&step, NULL);
		if (!count_zombies(clones, &is_alive))
			return;
	}
	while (count_zombies(clones, &is_alive) && clock_ns() < until) {
		struct error err = {0};

		cow_reap(clones, root, false, FREEZE_S, NULL, NULL, &err);
		error_deinit(&err);
		nanosleep(&step, NULL);
		if (step.tv_nsec < PAUSE_NS / 2)
			step.tv_nsec *= 2;
	}
}

static void __attribute__((noreturn)) keep_watch(int fd, struct cow_clones *clones, pid_t root)
{
	char byte = 0;

	/* a signal for crbpf's group or terminal is not for the guard */
	setsid();
	if (fd > 0)
		(void)syscall(SYS_close_range, 0, fd - 1, 0);
	(void)syscall(SYS_close_range, fd + 1, ~0u, 0);
	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
	if (byte != DONE)
		rescue(clones, root);
	_exit(0);
}

int cow_guard_create(struct cow_guard **ret, pid_t root, struct error *err)
{
	struct cow_guard *guard = calloc(1, sizeof(*guard));
	int fds[2];

	if (!guard)
		return fail(err, ENOMEM, "cannot make a guard");
	guard->clones = mmap(NULL, sizeof(*guard->clones), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (guard->clones == MAP_FAILED || pipe2(fds, O_CLOEXEC)) {
		if (guard->clones != MAP_FAILED)
			munmap(guard->clones, sizeof(*guard->clones));
		free(guard);
		return fail(err, errno, "cannot make a guard");
	}
	guard->fd = fds[1];
	guard->pid = fork();
	if (!guard->pid) {
		close(fds[1]);
		keep_watch(fds[0], guard->clones, root);
	}
	close(fds[0]);
	if (guard->pid < 0) {
		fail(err, errno, "cannot make a guard");
		close(guard->fd);
		munmap(guard->clones, sizeof(*guard->clones));
		free(guard);
		return err->code;
	}
	*ret = guard;
	return 0;
}

struct cow_clones *cow_guard_clones(struct cow_guard *guard)
{
	return guard->clones;
}

void cow_guard_destroy(struct cow_guard *guard, bool is_done)
{
	const char done = DONE;

	if (!guard)
		return;
	if (is_done)
		(void)!write(guard->fd, &done, 1);
	close(guard->fd);
	while (is_done && waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
		;
	munmap(guard->clones, sizeof(*guard->clones));
	free(guard);
}
