// SPDX-License-Identifier: GPL-2.0-only
/*
 * Profilers' timers: each thread has one on its own CPU time, which signals that thread. After a
 * restore each still counts its own thread's time only.
 */
#include "subject.h"

#include <pthread.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
#define THREADS 3

static volatile int fired[THREADS], wrong, up, go_on;
static __thread int self;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_value.sival_int != self)
		wrong = 1;
	else
		fired[self]++;
}

static void work(double ms)
{
	struct timespec ts;
	double end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	end = ts.tv_sec * 1e3 + ts.tv_nsec / 1e6 + ms;
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	while (ts.tv_sec * 1e3 + ts.tv_nsec / 1e6 < end);
}

/* Thread 0 stays idle, the others work. */
static void *thread(void *arg)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
	struct itimerspec spec = {{0, 5000000}, {0, 5000000}};
	int id;

	self = (int)(intptr_t)arg;
	event.sigev_value.sival_int = self;
	event.sigev_notify_thread_id = syscall(SYS_gettid);
	subject_need(syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &event, &id) == 0, "create: %m");
	subject_need(syscall(SYS_timer_settime, id, 0, &spec, NULL) == 0, "settime: %m");
	__atomic_add_fetch(&up, 1, __ATOMIC_SEQ_CST);
	while (!go_on)
		subject_sleep(5);
	if (self)
		work(100);
	return NULL;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART};
	pthread_t t[THREADS];
	int before[THREADS];

	sigaction(SIGPROF, &sa, NULL);
	for (long i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, thread, (void *)i);
	subject_need(subject_await(up == THREADS), "no threads");
	subject_ready();
	subject_wait_restored();
	for (int i = 0; i < THREADS; i++)
		before[i] = fired[i];
	go_on = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	subject_check(!wrong, "a timer fired for another thread");
	for (int i = 1; i < THREADS; i++)
		subject_check(fired[i] >= before[i] + 5, "thread %d: its timer fired %d times", i,
			      fired[i] - before[i]);
	subject_check(fired[0] <= before[0] + 2, "the idle thread's timer fired %d times",
		      fired[0] - before[0]);
	return subject_end();
}
