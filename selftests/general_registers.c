// SPDX-License-Identifier: GPL-2.0-only
/*
 * General registers hold a pattern through the checkpoint, another one in each thread of the
 * process and of a child, all spinning in user space meanwhile. The first thread of a process is
 * the one that is used last to make the others.
 */
#include "subject.h"

#include <pthread.h>

#include "general_registers.h"

#define THREADS 2

struct shared {
	volatile int stop, n_up;
};
static struct shared *shared;

static void *keep(void *arg)
{
	struct generals want, got = {0};
	uint64_t *value = (uint64_t *)&want, *now = (uint64_t *)&got;
	unsigned int seed = (unsigned long)arg;

	for (size_t i = 0; i < sizeof(want) / sizeof(*value); i++)
		value[i] = 0x0123456789abcdefULL * (seed * 64 + i + 1);
	__atomic_add_fetch(&shared->n_up, 1, __ATOMIC_SEQ_CST);
	generals_keep(&want, &got, &shared->stop);
	for (size_t i = 0; i < sizeof(want) / sizeof(*value); i++)
		subject_check(now[i] == value[i], "thread %u: register %zu is %lx, was %lx", seed,
			      i, now[i], value[i]);
	return NULL;
}

static void keep_all(unsigned long first)
{
	pthread_t threads[THREADS];

	for (unsigned long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, keep, (void *)(first + i + 1));
	keep((void *)first);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void *release(void *arg)
{
	subject_need(subject_await(shared->n_up == 2 * (THREADS + 1)), "no threads");
	subject_sleep(20);
	subject_ready();
	subject_wait_restored();
	shared->stop = 1;
	return arg;
}

int main(void)
{
	pthread_t releaser;
	pid_t child;

	shared = subject_shared(sizeof(*shared));
	child = subject_fork();
	if (!child) {
		keep_all(10);
		_exit(0);
	}
	pthread_create(&releaser, NULL, release, NULL);
	keep_all(1);
	pthread_join(releaser, NULL);
	subject_check(!subject_reap(child), "the child failed");
	return subject_end();
}
