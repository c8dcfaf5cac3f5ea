/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_UNIT_PROGRAM_H
#define CRBPF_SELFTESTS_UNIT_PROGRAM_H

/* A child that makes one call, all of whose state is shared: any copy of this program can go on
 * with it. */

#include <sched.h>
#include <sys/syscall.h>

#include "lib/clock.h"
#include "state.h"
#include "tasks.h"

#define STACK_SIZE (256 << 10)

struct program {
	volatile __u64 started;
	volatile __u64 done;
	volatile __s64 result;
	volatile long long end_ns;
	volatile unsigned int word;
	volatile long nr;
	volatile __u64 args[6];
	char *stack;
};

static inline int program_run(void *arg)
{
	struct program *p = arg;

	p->started = 1;
	p->result = syscall(p->nr, p->args[0], p->args[1], p->args[2], p->args[3], p->args[4],
			    p->args[5]);
	if (p->result < 0)
		p->result = -errno;
	p->end_ns = clock_ns();
	p->done = 1;
	spin();
	return 0;
}

static inline struct program *program_create(long nr, const __u64 args[6])
{
	struct program *p =
		mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(p != MAP_FAILED);
	p->stack =
		mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(p->stack != MAP_FAILED);
	p->nr = nr;
	for (int i = 0; i < 6; i++)
		p->args[i] = args[i];
	return p;
}

static inline pid_t program_start(struct program *p)
{
	pid_t pid = clone(program_run, p->stack + STACK_SIZE, SIGCHLD, p);

	EXPECT_GE(pid, 0);
	while (!p->started)
		usleep(1000);
	await_state(pid, 'S');
	return pid;
}

#endif
