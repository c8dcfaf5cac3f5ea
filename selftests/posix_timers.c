// SPDX-License-Identifier: GPL-2.0-only
/*
 * POSIX timers keep their ids (with holes), clock, notification, interval and remaining time;
 * one that runs fires with its value, one for a thread fires there.
 */
#include "subject.h"

#include <pthread.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct timer {
	clockid_t clock;
	int notify, sig, value;
	struct itimerspec time;
	int id; /* the kernel's: libc's timer_t may be another */
};

static struct timer timers[] = {
	{CLOCK_MONOTONIC, SIGEV_SIGNAL, 36, 11, {{0, 30000000}, {0, 30000000}}, -1},
	{CLOCK_REALTIME, SIGEV_SIGNAL, 37, 22, {{0, 0}, {5000, 0}}, -1},
	{CLOCK_BOOTTIME, SIGEV_NONE, 0, 33, {{7, 0}, {100, 0}}, -1},
	{CLOCK_MONOTONIC, SIGEV_SIGNAL, 38, 44, {{0, 0}, {0, 0}}, -1}, /* not armed */
	{CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, 39, 55, {{3, 0}, {1000, 0}}, -1},
	{CLOCK_MONOTONIC, SIGEV_THREAD_ID, 40, 66, {{0, 20000000}, {0, 20000000}}, -1},
};
#define N (int)(sizeof(timers) / sizeof(timers[0]))

static volatile int fired[N], wrong_value, wrong_thread;
static volatile pid_t tid;

static void handle(int sig, siginfo_t *info, void *context)
{
	int i = sig - 36 + (sig > 37);

	(void)context;
	fired[i]++;
	if (info->si_code != SI_TIMER || info->si_value.sival_int != timers[i].value)
		wrong_value = sig;
	if (timers[i].notify == SIGEV_THREAD_ID && syscall(SYS_gettid) != tid)
		wrong_thread = sig;
}

static void make(struct timer *t)
{
	struct sigevent event = {.sigev_notify = t->notify, .sigev_signo = t->sig};

	event.sigev_value.sival_int = t->value;
	if (t->notify == SIGEV_THREAD_ID)
		event.sigev_notify_thread_id = tid;
	subject_need(syscall(SYS_timer_create, t->clock, &event, &t->id) == 0, "timer_create: %m");
	subject_need(syscall(SYS_timer_settime, t->id, 0, &t->time, NULL) == 0, "settime: %m");
}

static void *thread(void *arg)
{
	(void)arg;
	tid = syscall(SYS_gettid);
	subject_wait_restored();
	subject_sleep(200);
	return NULL;
}

static double seconds(struct timespec ts)
{
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void check(const struct timer *t)
{
	struct itimerspec now;

	subject_check(syscall(SYS_timer_gettime, t->id, &now) == 0, "timer %d: %m", t->id);
	subject_check(seconds(now.it_interval) == seconds(t->time.it_interval),
		      "timer %d: interval %f, was %f", t->id, seconds(now.it_interval),
		      seconds(t->time.it_interval));
	if (seconds(t->time.it_value) >= 100 || seconds(t->time.it_value) == 0)
		subject_check(seconds(now.it_value) <= seconds(t->time.it_value) &&
				      seconds(now.it_value) >= seconds(t->time.it_value) - 60,
			      "timer %d: %f left, were %f", t->id, seconds(now.it_value),
			      seconds(t->time.it_value));
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
	int hole[N], before[N];
	pthread_t t;

	for (int sig = 36; sig <= 40; sig++)
		sigaction(sig, &sa, NULL);
	pthread_create(&t, NULL, thread, NULL);
	subject_need(subject_await(tid), "no thread");
	for (int i = 0; i < N; i++) {
		struct sigevent none = {.sigev_notify = SIGEV_NONE};

		syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &hole[i]);
		make(&timers[i]);
	}
	for (int i = 0; i < N; i++)
		syscall(SYS_timer_delete, hole[i]);
	subject_ready();
	subject_wait_restored();

	for (int i = 0; i < N; i++) {
		before[i] = fired[i];
		check(&timers[i]);
		subject_check(syscall(SYS_timer_getoverrun, hole[i]) < 0, "timer %d exists", hole[i]);
	}
	subject_check(subject_await(fired[0] > before[0] + 2), "timer %d fires no more", timers[0].id);
	subject_check(subject_await(fired[5] > before[5] + 2), "timer %d fires no more", timers[5].id);
	subject_check(!fired[1] && !fired[3] && !fired[4], "a timer fired early");
	subject_check(!wrong_value, "signal %d came with another value", wrong_value);
	subject_check(!wrong_thread, "signal %d came to another thread", wrong_thread);
	pthread_join(t, NULL);
	return subject_end();
}
