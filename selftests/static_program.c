// SPDX-License-Identifier: GPL-2.0-only
/*
 * A statically linked program (the Makefile links it so) with a thread and a timer: no
 * interpreter, a small image, and its vDSO found without ld.so.
 */
#include "subject.h"

#include <pthread.h>
#include <sys/time.h>

static volatile unsigned long ticks, steps;
static volatile int is_over;

static void tick(int sig)
{
	(void)sig;
	ticks++;
}

static void *work(void *arg)
{
	while (!is_over) {
		steps++;
		subject_sleep(1);
	}
	return arg;
}

int main(void)
{
	struct itimerval every = {{0, 10000}, {0, 10000}};
	unsigned long ticks_before, steps_before;
	pthread_t t;

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &every, NULL);
	pthread_create(&t, NULL, work, NULL);
	subject_need(subject_await(ticks > 2 && steps > 2), "it does not run");
	subject_ready();
	subject_wait_restored();
	ticks_before = ticks;
	steps_before = steps;
	subject_check(subject_await(ticks > ticks_before + 5), "no ticks");
	subject_check(subject_await(steps > steps_before + 5), "the thread stands still");
	is_over = 1;
	pthread_join(t, NULL);
	return subject_end();
}
