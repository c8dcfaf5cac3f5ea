// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timers that have gone off while their signals were blocked: POSIX timers with and without an
 * interval, and an interval timer. Each signal is there once, and those with an interval go on
 * when it is taken. And a timer for a thread that has ended, and one set to a time of day, which
 * stays that time.
 */
#include "subject.h"

#include <pthread.h>
#include <sys/time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int make(int clock, int notify, int sig, pid_t tid, double first, double interval)
{
	struct sigevent event = {.sigev_notify = notify, .sigev_signo = sig};
	struct itimerspec spec = {{0, (long)(interval * 1e6)}, {0, (long)(first * 1e6)}};
	int id = -1;

	event.sigev_notify_thread_id = tid;
	event.sigev_value.sival_int = sig * 10;
	subject_need(syscall(SYS_timer_create, clock, &event, &id) == 0, "timer_create: %m");
	subject_need(syscall(SYS_timer_settime, id, 0, &spec, NULL) == 0, "timer_settime: %m");
	return id;
}

/* How often @sig can be taken within @ms. */
static int count(int sig, double ms, int code)
{
	double end = subject_ms() + ms, left;
	siginfo_t info;
	sigset_t set;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, sig);
	while ((left = end - subject_ms()) > 0) {
		struct timespec ts = {0, (long)(left * 1e6)};

		if (sigtimedwait(&set, &info, &ts) != sig)
			continue;
		n++;
		subject_check(info.si_code == code, "signal %d has code %d", sig, info.si_code);
		if (code == SI_TIMER)
			subject_check(info.si_value.sival_int == sig * 10, "signal %d has value %d", sig,
				      info.si_value.sival_int);
	}
	return n;
}

/* A timer for an hour from now, by the wall clock; returns its id and when. */
static int make_alarm(double *ret_when)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 46};
	struct itimerspec spec = {};
	int id = -1;

	clock_gettime(CLOCK_REALTIME, &spec.it_value);
	spec.it_value.tv_sec += 3600;
	*ret_when = spec.it_value.tv_sec + spec.it_value.tv_nsec / 1e9;
	subject_need(syscall(SYS_timer_create, CLOCK_REALTIME, &event, &id) == 0 &&
			     syscall(SYS_timer_settime, id, TIMER_ABSTIME, &spec, NULL) == 0,
		     "alarm: %m");
	return id;
}

static double alarm_time(int id)
{
	struct itimerspec left = {};
	struct timespec now;

	syscall(SYS_timer_gettime, id, &left);
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec + now.tv_nsec / 1e9 + left.it_value.tv_sec + left.it_value.tv_nsec / 1e9;
}

static volatile pid_t dead;

static void *short_lived(void *arg)
{
	dead = syscall(SYS_gettid);
	make(CLOCK_MONOTONIC, SIGEV_THREAD_ID, 45, dead, 900, 0);
	return arg;
}

int main(void)
{
	struct itimerval real = {{0, 10000}, {0, 5000}};
	struct itimerspec now;
	int once, often, alarm, n;
	double when;
	pthread_t t;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	pthread_create(&t, NULL, short_lived, NULL);
	pthread_join(t, NULL);
	once = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, 41, 0, 3, 0);
	often = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, 42, 0, 3, 10);
	alarm = make_alarm(&when);
	setitimer(ITIMER_REAL, &real, NULL);
	subject_sleep(30);
	subject_ready();
	subject_wait_restored();

	n = count(41, 100, SI_TIMER);
	subject_check(n == 1, "the signal of the timer that went off once came %d times", n);
	n = count(42, 200, SI_TIMER);
	subject_check(n > 5 && n < 40, "the periodic timer fired %d times in 200 ms", n);
	n = count(SIGALRM, 200, SI_KERNEL);
	subject_check(n > 5 && n < 40, "the interval timer fired %d times in 200 ms", n);
	subject_check(alarm_time(alarm) > when - 0.02 && alarm_time(alarm) < when + 0.02,
		      "the alarm is %f s off", alarm_time(alarm) - when);
	subject_check(syscall(SYS_timer_gettime, once, &now) == 0 && !now.it_value.tv_nsec,
		      "the timer that went off once is armed");
	subject_check(syscall(SYS_timer_gettime, often, &now) == 0 && now.it_interval.tv_nsec == 10000000,
		      "the interval is %ld", now.it_interval.tv_nsec);
	return subject_end();
}
