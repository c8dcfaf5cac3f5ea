// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses inside of the vDSO, taken once: all that it exports is called by them before
 * and after, and all the time by threads. cases/vdso.py starts it too, and makes the
 * image's vDSO another kernel's.
 */
#include "subject.h"

#include <pthread.h>
#include <sys/time.h>

#include "vdso_find.h"

#define NS 1000000000LL
/* Between a dump and a restore there may be hours, when machines change. */
#define AHEAD (86400 * NS)

/* The vDSO's functions by their names on any processor; NULL: not there. */
static struct {
	int (*clock_gettime)(clockid_t clock, struct timespec *ts);
	int (*clock_getres)(clockid_t clock, struct timespec *ts);
	int (*gettimeofday)(struct timeval *tv, void *tz);
	time_t (*time)(time_t *t);
	long (*getcpu)(unsigned int *cpu, unsigned int *node, void *unused);
	ssize_t (*getrandom)(void *buf, size_t n, unsigned int flags, void *state, size_t size);
} vdso;

static volatile int stop, n_up;
static clockid_t watched = CLOCK_MONOTONIC;

static long long system_ns(clockid_t clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

/* Coarse clocks are behind by up to a tick; a loaded machine makes any pair of readings differ. */
static void check_near(const char *what, long long got, long long before, long long after)
{
	subject_check(got >= before - NS / 10 && got <= after, "%s: %lld, not %lld to %lld", what,
		      got, before, after);
}

static void check_clock(clockid_t clock)
{
	struct timespec ts = {0}, want;
	long long before = system_ns(clock);
	char what[32];
	int ret = vdso.clock_gettime(clock, &ts);

	snprintf(what, sizeof(what), "clock %d", clock);
	check_near(what, ts.tv_sec * NS + ts.tv_nsec, before, system_ns(clock));
	subject_check(!ret, "%s: %d", what, ret);
	if (!vdso.clock_getres)
		return;
	syscall(SYS_clock_getres, clock, &want);
	ret = vdso.clock_getres(clock, &ts);
	subject_check(!ret && ts.tv_sec == want.tv_sec && ts.tv_nsec == want.tv_nsec,
		      "%s: a resolution of %ld", what, ts.tv_nsec);
}

static void check_random(void)
{
	unsigned char bytes[64] = {0};
	ssize_t n;
	int zeroes = 0;

	if (!vdso.getrandom)
		return;
	n = vdso.getrandom(bytes, sizeof(bytes), 0, NULL, 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		zeroes += !bytes[i];
	subject_check(n == sizeof(bytes) && zeroes < 16, "%zd random bytes, %d zeroes", n, zeroes);
}

static void check_all(void)
{
	clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME,
			      CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE,
			      CLOCK_PROCESS_CPUTIME_ID};
	long long before = system_ns(CLOCK_REALTIME);
	struct timeval tv = {0};
	unsigned int cpu = ~0u;

	if (vdso.gettimeofday && !vdso.gettimeofday(&tv, NULL))
		check_near("gettimeofday", tv.tv_sec * NS + tv.tv_usec * 1000 + 999, before,
			   system_ns(CLOCK_REALTIME) + 999);
	if (vdso.time)
		check_near("time", vdso.time(NULL) * NS + NS - 1, before,
			   system_ns(CLOCK_REALTIME) + NS);
	if (vdso.getcpu)
		subject_check(!vdso.getcpu(&cpu, NULL, NULL) && cpu < 65536, "processor %u", cpu);
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
		check_clock(clocks[i]);
	check_random();
}

/* Time never goes back, nor far ahead. */
static void *watch_clock(void *arg)
{
	long long last = system_ns(watched), now;
	struct timespec ts;

	__atomic_add_fetch(&n_up, 1, __ATOMIC_SEQ_CST);
	for (; !stop; last = now) {
		int ret = vdso.clock_gettime(watched, &ts);

		now = ts.tv_sec * NS + ts.tv_nsec;
		if (ret || now < last || now > last + AHEAD) {
			subject_check(false, "%d: from %lld to %lld", ret, last, now);
			break;
		}
	}
	return arg;
}

static void *watch_day(void *arg)
{
	long long began = system_ns(CLOCK_REALTIME), now;
	struct timeval tv;
	unsigned int cpu = 0;

	__atomic_add_fetch(&n_up, 1, __ATOMIC_SEQ_CST);
	while (!stop) {
		int ret = vdso.gettimeofday(&tv, NULL);

		now = tv.tv_sec * NS + tv.tv_usec * 1000;
		if (vdso.getcpu)
			ret |= vdso.getcpu(&cpu, NULL, NULL);
		if (ret || cpu > 65535 || now < began - NS || now > began + AHEAD) {
			subject_check(false, "%d: %lld, began %lld, processor %u", ret, now, began, cpu);
			break;
		}
	}
	return arg;
}

/* Between these calls the time is spent in the kernel. */
static void wait_idle(void)
{
	while (!subject_told("go"))
		usleep(5000);
}

static void take_addresses(void)
{
	vdso.clock_gettime = vdso_find("clock_gettime");
	vdso.clock_getres = vdso_find("clock_getres");
	vdso.gettimeofday = vdso_find("gettimeofday");
	vdso.time = vdso_find("time");
	vdso.getcpu = vdso_find("getcpu");
	vdso.getrandom = vdso_find("getrandom");
	subject_need(vdso.clock_gettime && vdso.gettimeofday, "the vDSO knows no clock");
	check_all();
}

static int run_busy(void)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, i % 2 ? watch_day : watch_clock, NULL);
	subject_need(subject_await(n_up == 4), "no threads");
	subject_ready();
	wait_idle();
	check_all();
	usleep(20000);
	stop = 1;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	check_all();
	return subject_end();
}

static void run_child(void)
{
	wait_idle();
	check_all();
	_exit(0);
}

/* A child that was forked, one that was executed. */
static int run_family(const char *program)
{
	int up = 0, *up_shared = subject_shared(sizeof(*up_shared));
	pid_t forked = subject_fork(), executed;

	if (!forked) {
		__atomic_add_fetch(up_shared, 1, __ATOMIC_SEQ_CST);
		run_child();
	}
	executed = subject_fork();
	if (!executed) {
		execl(program, program, "child", NULL);
		_exit(1);
	}
	while (up < 10000 && (*up_shared < 1 || !subject_told("executed"))) {
		usleep(1000);
		up++;
	}
	subject_need(up < 10000, "no children");
	subject_ready();
	wait_idle();
	check_all();
	subject_check(!subject_reap(forked), "the forked child failed");
	subject_check(!subject_reap(executed), "the executed child failed");
	return subject_end();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "busy";

	/* Where the machine changes, that clock does not go on. */
	if (argc > 2 && !strcmp(argv[2], "realtime"))
		watched = CLOCK_REALTIME;
	take_addresses();
	if (!strcmp(how, "busy"))
		return run_busy();
	if (!strcmp(how, "family"))
		return run_family(argv[0]);
	if (!strcmp(how, "child")) {
		subject_say("executed", "%d", getpid());
		run_child();
	}
	subject_ready();
	wait_idle();
	check_all();
	return subject_end();
}
