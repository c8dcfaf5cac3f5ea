// SPDX-License-Identifier: GPL-2.0-only
/*
 * 32 threads hammer mutexes, condition variables and atomics, each with thread-local data, a
 * name and a tid of its own. None loses or repeats a step.
 */
#include "subject.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#define THREADS 32

struct worker {
	pthread_t thread;
	int index;
	pid_t tid;
	unsigned long rounds; /* this thread alone counts it */
};

static struct worker workers[THREADS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static unsigned long under_mutex, turns; /* changed under the mutex only */
static atomic_ulong atomic;
static atomic_bool is_over;
static _Thread_local struct worker *self;
static _Thread_local unsigned long local;

/* Passes the turn round between neighbours: a futex wait that another thread must wake. */
static void take_turn(void)
{
	pthread_mutex_lock(&mutex);
	under_mutex++;
	turns++;
	pthread_cond_signal(&turn);
	if (turns % THREADS == 0)
		pthread_cond_broadcast(&turn);
	else if (turns % 8 == 3) {
		struct timespec end;

		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_nsec += 2000000;
		if (end.tv_nsec >= 1000000000) {
			end.tv_nsec -= 1000000000;
			end.tv_sec++;
		}
		pthread_cond_timedwait(&turn, &mutex, &end);
	}
	pthread_mutex_unlock(&mutex);
}

static void *work(void *arg)
{
	char name[16], now[16];

	self = arg;
	self->tid = syscall(SYS_gettid);
	snprintf(name, sizeof(name), "worker-%d", self->index);
	prctl(PR_SET_NAME, name);
	pthread_barrier_wait(&barrier);
	while (!is_over) {
		take_turn();
		atomic_fetch_add(&atomic, 1);
		local++;
		self->rounds++;
	}
	prctl(PR_GET_NAME, now);
	subject_check(strcmp(now, name) == 0, "its name is %s, was %s", now, name);
	subject_check(syscall(SYS_gettid) == self->tid, "its tid is %ld, was %d",
		      syscall(SYS_gettid), self->tid);
	subject_check(local == self->rounds, "thread-local %lu, but %lu rounds", local, self->rounds);
	return self;
}

int main(void)
{
	unsigned long sum = 0, before;

	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++) {
		workers[i].index = i;
		subject_need(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0,
			     "pthread_create: %m");
	}
	pthread_barrier_wait(&barrier);
	subject_sleep(20);
	subject_ready();
	subject_wait_restored();

	before = atomic;
	subject_check(subject_await(atomic > before + 1000), "the threads stand still");
	is_over = true;
	for (int i = 0; i < THREADS; i++) {
		void *result = NULL;

		pthread_join(workers[i].thread, &result);
		subject_check(result == &workers[i], "thread %d returned %p", i, result);
		sum += workers[i].rounds;
	}
	subject_check(sum == under_mutex, "%lu rounds, but %lu under the mutex", sum, under_mutex);
	subject_check(sum == atomic, "%lu rounds, but %lu atomic steps", sum, atomic);
	return subject_end();
}
