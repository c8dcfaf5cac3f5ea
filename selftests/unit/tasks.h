/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_UNIT_TASKS_H
#define CRBPF_SELFTESTS_UNIT_TASKS_H

/* Tasks for tests of the engine and of registers. */

#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

#include "arch/arch.h"
#include "harness.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/err.h"

#define MAX_THREADS 64

/* Fails the test if a call that takes an &err returns an error. */
#define OK(call)                                                                                   \
	do {                                                                                       \
		struct error err = {};                                                             \
		if ((call) < 0)                                                                    \
			FAIL("%s: %s", #call, err.text ?: strerror(-err.code));                    \
	} while (0)

static inline __u64 find_hole(size_t size)
{
	void *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(at != MAP_FAILED);
	munmap(at, size);
	return (__u64)(unsigned long)at;
}

static inline struct engine *make_engine(void)
{
	struct engine *engine = NULL;

	OK(engine_create(&engine, find_hole(engine_size(MAX_THREADS)), MAX_THREADS, &err));
	return engine;
}

static inline struct injected *spawn(struct engine *engine)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	struct injected *task = NULL;

	OK(engine_spawn(engine, &args, &task, &err));
	return task;
}

/* Nothing but a branch to itself, so that no register changes. */
__attribute__((noinline, unused)) static void spin(void)
{
	for (;;)
		__asm__ volatile("");
}

static inline void stop(pid_t pid)
{
	int status;

	EXPECT_EQ(ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_EXITKILL), 0);
	EXPECT_EQ(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	EXPECT_EQ(waitpid(pid, &status, __WALL), pid);
	EXPECT(WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP);
}

static inline void detach(pid_t pid)
{
	EXPECT_EQ(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
}

static inline void end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
		;
}

#endif
