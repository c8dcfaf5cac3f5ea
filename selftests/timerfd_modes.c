// SPDX-License-Identifier: GPL-2.0-only
/*
 * timerfd: a time of day stays one, and with cancel-on-set it is still that; alarm clocks; one shot
 * that went off unread; an interval that is not multiplied by the checkpoint; shared with a child.
 */
#include "subject.h"

#include <poll.h>
#include <sys/timerfd.h>

#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET 2
#endif

#define FAR 1000000

static double seconds(const struct timespec *t)
{
	return t->tv_sec + t->tv_nsec / 1e9;
}

static double now_of(int clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return seconds(&now);
}

static struct itimerspec at(double first, double interval)
{
	return (struct itimerspec){
		{(time_t)interval, (long)(interval * 1e9) % 1000000000},
		{(time_t)first, (long)((first - (time_t)first) * 1e9)},
	};
}

/* -1 if this machine has no such clock, or we may not. */
static int make(int clock, int flags, double first, double interval)
{
	struct itimerspec time = at(first, interval);
	int fd = timerfd_create(clock, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd >= 0 && timerfd_settime(fd, flags, &time, NULL) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What fdinfo calls @name, -1 if there is none. */
static int info(int fd, const char *name)
{
	char path[64], line[128], want[64];
	int value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(want, sizeof(want), "%s: %%i", name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, want, &value) == 1)
			break;
	if (f)
		fclose(f);
	return value;
}

/* When it goes off, in its clock. */
static double end_of(int fd, int clock)
{
	struct itimerspec left = {};

	subject_check(timerfd_gettime(fd, &left) == 0, "timerfd_gettime: %m");
	return seconds(&left.it_value) + now_of(clock);
}

static void expect_at(const char *who, int fd, int clock, double end)
{
	double is = end_of(fd, clock);

	subject_check(is > end - 1 && is < end + 1, "%s: ends at %f, not %f", who, is, end);
}

int main(void)
{
	double day = now_of(CLOCK_REALTIME) + FAR;
	int absolute = make(CLOCK_REALTIME, TFD_TIMER_ABSTIME, day, 0);
	int cancel = make(CLOCK_REALTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, day, 60);
	/* CRIU knows no alarm clocks. */
	bool alarms = !subject_through_criu();
	int alarm = alarms ? make(CLOCK_REALTIME_ALARM, TFD_TIMER_ABSTIME, day, 0) : -1;
	int boot = alarms ? make(CLOCK_BOOTTIME_ALARM, 0, FAR, 0) : -1;
	int once = make(CLOCK_MONOTONIC, 0, 0.001, 0), often = make(CLOCK_MONOTONIC, 0, 0.001, FAR);
	struct pollfd p[] = {{.fd = once, .events = POLLIN}, {.fd = often, .events = POLLIN}};
	uint64_t n = 0;
	pid_t pid;

	subject_need(absolute >= 0 && cancel >= 0 && once >= 0 && often >= 0, "timerfd: %m");
	subject_need(subject_await(poll(p, 2, 0) == 2), "they do not expire");
	pid = subject_fork();
	if (!pid) {
		subject_wait_restored();
		_exit(end_of(absolute, CLOCK_REALTIME) < day - 1);
	}
	subject_ready();
	subject_wait_restored();

	subject_check(subject_reap(pid) == 0, "the child has another one");
	expect_at("absolute", absolute, CLOCK_REALTIME, day);
	subject_check(info(absolute, "settime flags") == TFD_TIMER_ABSTIME, "flags of absolute: %d",
		      info(absolute, "settime flags"));
	expect_at("cancel-on-set", cancel, CLOCK_REALTIME, day);
	subject_check(info(cancel, "settime flags") == (TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET),
		      "flags of cancel-on-set: %d", info(cancel, "settime flags"));
	if (alarm >= 0)
		expect_at("alarm", alarm, CLOCK_REALTIME, day);
	subject_check(alarm < 0 || info(alarm, "clockid") == CLOCK_REALTIME_ALARM, "clock of alarm");
	subject_check(boot < 0 || info(boot, "clockid") == CLOCK_BOOTTIME_ALARM, "clock of boot");
	subject_check(read(once, &n, 8) == 8 && n == 1, "once: %llu times", (unsigned long long)n);
	subject_check(read(once, &n, 8) < 0 && errno == EAGAIN, "once: again");
	subject_check(read(often, &n, 8) == 8 && n == 1, "often: %llu times", (unsigned long long)n);
	return subject_end();
}
