// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vector and floating-point registers hold a pattern through the checkpoint, another one in
 * the process and in each thread, all spinning in user space meanwhile.
 */
#include "subject.h"

#include <pthread.h>

#include "vector_registers.h"

#define THREADS 3

static volatile int stop, n_up;

static void *keep(void *arg)
{
	struct vectors want, got;
	unsigned int seed = (unsigned long)arg;

	vectors_fill(&want, &got, seed);
	__atomic_add_fetch(&n_up, 1, __ATOMIC_SEQ_CST);
	vectors_keep(&want, &got, &stop);
	for (size_t i = 0; i < sizeof(want); i++) {
		unsigned char a = ((unsigned char *)&want)[i], b = ((unsigned char *)&got)[i];

		if (a != b) {
			subject_check(false, "thread %u: byte %zu of its registers is %x, was %x", seed, i,
				      b, a);
			break;
		}
	}
	return NULL;
}

static void *release(void *arg)
{
	subject_wait_restored();
	stop = 1;
	return arg;
}

int main(void)
{
	pthread_t threads[THREADS], releaser;

	for (long i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, keep, (void *)(i + 2));
	pthread_create(&releaser, NULL, release, NULL);
	subject_need(subject_await(n_up == THREADS), "no threads");
	subject_sleep(20);
	subject_ready();
	keep((void *)1L);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(releaser, NULL);
	return subject_end();
}
