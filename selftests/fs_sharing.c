// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two processes share current directory and umask (CLONE_FS): what one changes, the other has.
 * Run by cases/refusals.py: the image format cannot say it.
 */
#include "subject.h"

#include <sched.h>

#define STACK (64 << 10)

struct shared {
	volatile int up, step, chdir_result, umask_before;
};

static int change(void *arg)
{
	struct shared *shared = arg;

	shared->up = 1;
	while (!shared->step)
		subject_sleep(1);
	shared->chdir_result = chdir("/");
	shared->umask_before = umask(0123);
	_exit(0);
}

int main(void)
{
	struct shared *shared = subject_shared(sizeof(*shared));
	char *stack = malloc(STACK);
	pid_t pid;

	umask(022);
	subject_need(stack, "malloc");
	pid = clone(change, stack + STACK, CLONE_FS | SIGCHLD, shared);
	subject_need(pid > 0 && subject_await(shared->up), "clone: %m");
	subject_ready();
	subject_wait_restored();
	shared->step = 1;
	subject_check(subject_reap(pid) == 0, "the child failed");
	subject_check(shared->chdir_result == 0 && shared->umask_before == 022, "umask was %o",
		      shared->umask_before);
	subject_check(umask(0) == 0123, "the umask is not shared");
	subject_check(access("etc", F_OK) == 0, "the current directory is not shared");
	return subject_end();
}
