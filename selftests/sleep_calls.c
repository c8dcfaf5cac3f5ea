// SPDX-License-Identifier: GPL-2.0-only
/*
 * Timed calls sleep on: each ends within 50 ms of its deadline, with the result of a timeout.
 * After a restore a relative timeout does not count the time between freeze and restore, which
 * a ticker in the tree measures; what was left running keeps its first deadline; and a deadline
 * that is a moment stays that moment. Every call is made by a process and by a thread. Runs alone.
 */
#include "subject.h"

#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>

#define SLEEP_MS  3000
#define WITHIN_MS 50
#define GAP_MS	  100 /* what a busy machine does not do to a task of this priority */
#define DOUBT_MS  5   /* a shorter gap may be a freeze or a busy machine */

static const struct timespec sleep_time = {SLEEP_MS / 1000, SLEEP_MS % 1000 * 1000000};
static int word;

static struct timespec moment(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	ts.tv_sec += SLEEP_MS / 1000;
	return ts;
}

static long call_nanosleep(void)
{
	return nanosleep(&sleep_time, NULL);
}

static long call_clock_nanosleep(void)
{
	return clock_nanosleep(CLOCK_BOOTTIME, 0, &sleep_time, NULL);
}

static long call_until_monotonic(void)
{
	struct timespec end = moment(CLOCK_MONOTONIC);

	return clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
}

static long call_until_realtime(void)
{
	struct timespec end = moment(CLOCK_REALTIME);

	return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &end, NULL);
}

static long call_poll(void)
{
	return poll(NULL, 0, SLEEP_MS);
}

static long call_ppoll(void)
{
	struct timespec ts = sleep_time;
	sigset_t mask;

	sigemptyset(&mask);
	return syscall(SYS_ppoll, NULL, 0, &ts, &mask, 8);
}

static long call_select(void)
{
	struct timeval tv = {SLEEP_MS / 1000, SLEEP_MS % 1000 * 1000};

	return select(0, NULL, NULL, NULL, &tv);
}

static long call_pselect(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	return pselect(0, NULL, NULL, NULL, &sleep_time, &mask);
}

static long call_epoll_wait(void)
{
	struct epoll_event event;
	int fd = epoll_create1(0);
	long result = epoll_wait(fd, &event, 1, SLEEP_MS);

	close(fd);
	return result;
}

static long call_futex(void)
{
	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &sleep_time) < 0 ? errno : 0;
}

static long call_futex_until(void)
{
	struct timespec end = moment(CLOCK_MONOTONIC);

	return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &end, NULL, -1) < 0 ? errno : 0;
}

static long call_cond_timedwait(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	struct timespec end = moment(CLOCK_REALTIME);

	pthread_mutex_lock(&mutex);
	return pthread_cond_timedwait(&cond, &mutex, &end);
}

static long call_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return sigtimedwait(&set, NULL, &sleep_time) < 0 ? errno : 0;
}

static long call_recv_timeout(void)
{
	struct timeval tv = {SLEEP_MS / 1000, SLEEP_MS % 1000 * 1000};
	int fd[2];
	char c;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) < 0 ||
	    setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0)
		return -1;
	return recv(fd[0], &c, 1, 0) < 0 ? errno : 0;
}

static const struct call {
	const char *name;
	long (*run)(void);
	long result;
	bool is_moment;	 /* until a moment, not for a time */
	bool is_anew;	 /* its time is where nobody may change it: a stop makes it begin anew */
	clockid_t clock; /* by which it is measured: CLOCK_REALTIME may be set meanwhile */
} calls[] = {
	{"nanosleep", call_nanosleep, 0, false, false, CLOCK_MONOTONIC},
	{"clock_nanosleep", call_clock_nanosleep, 0, false, false, CLOCK_MONOTONIC},
	{"clock_nanosleep until (monotonic)", call_until_monotonic, 0, true, false, CLOCK_MONOTONIC},
	{"clock_nanosleep until (realtime)", call_until_realtime, 0, true, false, CLOCK_REALTIME},
	{"poll", call_poll, 0, false, false, CLOCK_MONOTONIC},
	{"ppoll", call_ppoll, 0, false, false, CLOCK_MONOTONIC},
	{"select", call_select, 0, false, false, CLOCK_MONOTONIC},
	{"pselect", call_pselect, 0, false, false, CLOCK_MONOTONIC},
	{"epoll_wait", call_epoll_wait, 0, false, false, CLOCK_MONOTONIC},
	{"futex", call_futex, ETIMEDOUT, false, false, CLOCK_MONOTONIC},
	{"futex until", call_futex_until, ETIMEDOUT, true, false, CLOCK_MONOTONIC},
	{"pthread_cond_timedwait", call_cond_timedwait, ETIMEDOUT, true, false, CLOCK_REALTIME},
	{"sigtimedwait", call_sigtimedwait, EAGAIN, false, true, CLOCK_MONOTONIC},
	{"recv with SO_RCVTIMEO", call_recv_timeout, EAGAIN, false, true, CLOCK_MONOTONIC},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* How long the ticker did not run, in ms: for certain frozen or gone, and perhaps. */
struct gaps {
	double certain, doubtful;
};

struct sleeper {
	const struct call *call;
	double start, end;
	struct gaps before, after;
	long result;
	volatile int done;
};

static struct shared {
	volatile struct gaps gaps;
	struct sleeper sleepers[CALLS][2];
} *shared;

static double now_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static void *run(void *arg)
{
	struct sleeper *s = arg;

	s->before = shared->gaps;
	s->start = now_ms(s->call->clock);
	s->result = s->call->run();
	s->end = now_ms(s->call->clock);
	/* The ticker may need a moment to see the last gap. */
	subject_sleep(30);
	s->after = shared->gaps;
	s->done = 1;
	return NULL;
}

static void tick(void)
{
	double last = subject_ms(), now;

	/* Other work on a busy machine must not look like a freeze. */
	setpriority(PRIO_PROCESS, 0, -20);
	for (;;) {
		subject_sleep(1);
		now = subject_ms();
		if (now - last > GAP_MS)
			shared->gaps.certain += now - last - 1;
		else if (now - last > DOUBT_MS)
			shared->gaps.doubtful += now - last - 1;
		last = now;
	}
}

/* How much later than @allowed something is, negative if it is early. */
static double beyond(double late, double allowed)
{
	return late > allowed ? late - allowed : late < 0 ? late : 0;
}

static void check(const struct sleeper *s, const char *who)
{
	double certain = s->after.certain - s->before.certain;
	double doubtful = s->after.doubtful - s->before.doubtful;
	double deadline = s->start + SLEEP_MS, within = WITHIN_MS * subject_patience(), late;
	bool is_shifted = !s->call->is_moment && subject_was_restored();

	if (is_shifted)
		deadline += certain;
	late = beyond(s->end - deadline, s->call->is_anew ? SLEEP_MS : 0);
	late = beyond(late, doubtful);
	/*
	 * A moment may pass while nobody can run, and how long a freeze lasts is the machine's
	 * affair. A machine on which all stand still at times without being frozen cannot be
	 * judged closer: what looked like a freeze may have been none.
	 */
	if (!is_shifted || subject_patience() > 1)
		late = beyond(late, certain);
	if (is_shifted && subject_patience() > 1 && late < 0)
		late = late < -certain ? late + certain : 0;
	subject_check(s->result == s->call->result, "%s (%s) returned %ld, not %ld", s->call->name, who,
		      s->result, s->call->result);
	subject_check(late > -within && late < within,
		      "%s (%s) ended %.0f ms late (%.0f ms frozen, %.0f more perhaps)", s->call->name, who,
		      late, certain, doubtful);
}

static pid_t sleeper(struct sleeper pair[2])
{
	pid_t pid = subject_fork();
	pthread_t thread;

	if (pid == 0) {
		pthread_create(&thread, NULL, run, &pair[1]);
		run(&pair[0]);
		pthread_join(thread, NULL);
		_exit(0);
	}
	return pid;
}

int main(void)
{
	pid_t ticker, pids[CALLS];

	shared = subject_shared(sizeof(*shared));
	ticker = subject_fork();
	if (ticker == 0)
		tick();
	for (size_t i = 0; i < CALLS; i++) {
		shared->sleepers[i][0].call = shared->sleepers[i][1].call = &calls[i];
		pids[i] = sleeper(shared->sleepers[i]);
	}
	subject_sleep(200);
	subject_ready();
	subject_wait_restored();

	for (size_t i = 0; i < CALLS; i++) {
		bool is_done = subject_await(shared->sleepers[i][0].done && shared->sleepers[i][1].done);

		subject_check(is_done, "%s does not end", calls[i].name);
		if (is_done) {
			check(&shared->sleepers[i][0], "process");
			check(&shared->sleepers[i][1], "thread");
		} else {
			kill(pids[i], SIGKILL);
		}
		subject_reap(pids[i]);
	}
	kill(ticker, SIGKILL);
	subject_reap(ticker);
	return subject_end();
}
