// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interval timers: intervals stay, the remaining time does not jump, and they fire.
 */
#include "subject.h"

#include <sys/time.h>

static volatile int fired;

static void alarm_handler(int sig)
{
	(void)sig;
	fired++;
}

static double ms(struct timeval tv)
{
	return tv.tv_sec * 1e3 + tv.tv_usec / 1e3;
}

int main(void)
{
	struct itimerval real = {{0, 20000}, {0, 20000}}, cpu = {{7, 0}, {1000, 0}},
			 prof = {{0, 0}, {2000, 5}}, now;
	int before;

	signal(SIGALRM, alarm_handler);
	subject_need(setitimer(ITIMER_REAL, &real, NULL) == 0, "setitimer: %m");
	subject_need(setitimer(ITIMER_VIRTUAL, &cpu, NULL) == 0, "setitimer: %m");
	subject_need(setitimer(ITIMER_PROF, &prof, NULL) == 0, "setitimer: %m");
	subject_ready();
	subject_wait_restored();

	before = fired;
	subject_check(subject_await(fired > before + 3), "the real timer no longer fires");
	subject_check(getitimer(ITIMER_REAL, &now) == 0 && ms(now.it_interval) == 20, "interval %f",
		      ms(now.it_interval));
	subject_check(getitimer(ITIMER_VIRTUAL, &now) == 0 && ms(now.it_interval) == 7000,
		      "virtual: interval %f", ms(now.it_interval));
	subject_check(ms(now.it_value) > 990e3 && ms(now.it_value) <= 1000.1e3, "virtual: %f left",
		      ms(now.it_value));
	subject_check(getitimer(ITIMER_PROF, &now) == 0 && ms(now.it_interval) == 0 &&
			      ms(now.it_value) > 1990e3 && ms(now.it_value) <= 2000.1e3,
		      "prof: %f left", ms(now.it_value));
	return subject_end();
}
