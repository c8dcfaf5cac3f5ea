// SPDX-License-Identifier: GPL-2.0-only
/*
 * timerfd: clock, interval, remaining time, expirations not read yet, not armed, absolute.
 */
#include "subject.h"

#include <sys/timerfd.h>

static int make(int clock, int flags, double first, double interval)
{
	struct itimerspec time = {
		{(time_t)interval, (long)(interval * 1e9) % 1000000000},
		{(time_t)first, (long)(first * 1e9) % 1000000000},
	};
	int fd = timerfd_create(clock, TFD_NONBLOCK);

	if (flags & TFD_TIMER_ABSTIME) {
		struct timespec now;

		clock_gettime(clock, &now);
		time.it_value.tv_sec += now.tv_sec;
	}
	subject_need(fd >= 0 && timerfd_settime(fd, flags, &time, NULL) == 0, "timerfd: %m");
	return fd;
}

static void check(const char *who, int fd, double least, double most, double interval)
{
	struct itimerspec now;
	double left, every;

	subject_check(timerfd_gettime(fd, &now) == 0, "%s: %m", who);
	left = now.it_value.tv_sec + now.it_value.tv_nsec / 1e9;
	every = now.it_interval.tv_sec + now.it_interval.tv_nsec / 1e9;
	subject_check(left >= least && left <= most, "%s: %f s left", who, left);
	subject_check(every == interval, "%s: interval %f s", who, every);
}

int main(void)
{
	int fast = make(CLOCK_MONOTONIC, 0, 0.02, 0.02), slow = make(CLOCK_REALTIME, 0, 1000, 7);
	int boot = make(CLOCK_BOOTTIME, 0, 500, 0), off = make(CLOCK_MONOTONIC, 0, 0, 0);
	int at = make(CLOCK_MONOTONIC, TFD_TIMER_ABSTIME, 2000, 0);
	int expired = make(CLOCK_MONOTONIC, 0, 0.005, 1000);
	uint64_t n = 0;

	subject_sleep(30);
	subject_ready();
	subject_wait_restored();

	check("slow", slow, 900, 1000, 7);
	check("boot", boot, 400, 500, 0);
	check("off", off, 0, 0, 0);
	check("absolute", at, 1900, 2000, 0);
	check("expired", expired, 900, 1000, 1000);
	subject_check(read(expired, &n, 8) == 8 && n == 1, "expired: %llu times, not once",
		      (unsigned long long)n);
	n = 0;
	(void)!read(fast, &n, 8);
	subject_check(n >= 1, "fast: no ticks were kept");
	subject_check(subject_await(read(fast, &n, 8) == 8), "fast: it ticks no more");
	subject_check(read(slow, &n, 8) < 0 && errno == EAGAIN, "slow: it expired");
	return subject_end();
}
