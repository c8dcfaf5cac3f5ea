// SPDX-License-Identifier: GPL-2.0-only
/* The freezer, on children of the test: does everything stand still, and go on as before? */
#define TEST_MAY_LEAK
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "dump/freezer.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "state.h"

struct board {
	atomic_ulong ticks[64];
	atomic_int stop, signals, failures;
};

static struct board *board_create(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(board != MAP_FAILED);
	return board;
}

static void sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static struct freezer *freeze(pid_t pid)
{
	struct freezer *f = NULL;
	struct error err = { 0 };

	if (freezer_create(&f, pid, NULL, &err) || freezer_freeze(f, 5, &err))
		FAIL("cannot freeze %d: %s", pid, err.text);
	return f;
}

static unsigned long ticks_of(const struct board *board)
{
	unsigned long sum = 0;

	for (int i = 0; i < 64; i++)
		sum += board->ticks[i];
	return sum;
}

static void expect_still(const struct board *board, bool still)
{
	unsigned long before = ticks_of(board);

	sleep_ms(50);
	if (still)
		EXPECT_EQ(ticks_of(board), before);
	/* a busy machine may have others to run first */
	for (int i = 0; !still && ticks_of(board) == before; i++) {
		EXPECT_LT(i, 1000);
		sleep_ms(10);
	}
}

static void await_tick(const atomic_ulong *counter)
{
	for (int i = 0; !*counter; i++) {
		EXPECT_LT(i, 1000);
		sleep_ms(10);
	}
}

static _Noreturn void tick(atomic_ulong *counter)
{
	for (;;)
		(*counter)++;
}

static void *tick_thread(void *counter)
{
	tick(counter);
}

static bool all_tick(const struct board *board, int threads, int children)
{
	for (int i = 0; i <= children; i++)
		if (!board->ticks[i])
			return false;
	for (int i = 1; i < threads; i++)
		if (!board->ticks[32 + i])
			return false;
	return true;
}

/* A child with @threads threads and @children children, all counting. */
static pid_t spawn_tree(struct board *board, int threads, int children)
{
	pid_t pid = test_fork();

	for (int i = 0; pid && i < 1000 && !all_tick(board, threads, children); i++)
		sleep_ms(10);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 1; i <= children; i++)
		if (!test_fork()) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			tick(&board->ticks[i]);
		}
	for (int i = 1; i < threads; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, tick_thread, &board->ticks[32 + i]);
	}
	tick(&board->ticks[0]);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(threads_and_children_stand_still_and_go_on)
{
	struct board *board = board_create();
	pid_t pid = spawn_tree(board, 8, 5);
	struct error err = { 0 };
	const pid_t *pids;
	struct freezer *f;

	sleep_ms(50);
	f = freeze(pid);
	EXPECT_EQ(freezer_pids(f, &pids), 6);
	EXPECT_EQ(pids[0], pid);
	EXPECT_GE(freezer_pidfd(f, pids[3]), 0);
	EXPECT_EQ(state_of(pids[5]), 't');
	expect_still(board, true);
	EXPECT_EQ(freezer_thaw(f, THAW_RUN, &err), 0);
	expect_still(board, false);
	freezer_destroy(f);
	end(pid);
}

TEST(a_forgotten_freezer_thaws)
{
	struct board *board = board_create();
	pid_t pid = spawn_tree(board, 2, 0);

	freezer_destroy(freeze(pid));
	expect_still(board, false);
	end(pid);
}

TEST(a_killed_tracer_leaves_the_tree_running)
{
	struct board *board = board_create();
	pid_t pid = spawn_tree(board, 3, 2), tracer;

	sleep_ms(20);
	tracer = test_fork();
	if (!tracer) {
		freeze(pid);
		board->stop = 1;
		pause();
	}
	while (!board->stop)
		sleep_ms(1);
	expect_still(board, true);
	end(tracer);
	expect_still(board, false);
	end(pid);
}

TEST(kill_leaves_nobody)
{
	struct board *board = board_create();
	pid_t pid = spawn_tree(board, 4, 3);
	struct error err = { 0 };
	pid_t pids[4];
	const pid_t *list;
	struct freezer *f;

	sleep_ms(50);
	f = freeze(pid);
	EXPECT_EQ(freezer_pids(f, &list), 4);
	memcpy(pids, list, sizeof(pids));
	EXPECT_EQ(freezer_thaw(f, THAW_KILL, &err), 0);
	for (int i = 0; i < 4; i++)
		EXPECT(!state_of(pids[i]) || strchr("ZX", state_of(pids[i])));
	freezer_destroy(f);
}

TEST(stop_leaves_all_stopped)
{
	struct board *board = board_create();
	pid_t pid = spawn_tree(board, 4, 2);
	struct error err = { 0 };
	struct freezer *f;

	sleep_ms(50);
	f = freeze(pid);
	expect_still(board, true);
	EXPECT_EQ(freezer_thaw(f, THAW_STOP, &err), 0);
	freezer_destroy(f);
	expect_still(board, true);
	EXPECT_EQ(state_of(pid), 'T');
	kill(pid, SIGCONT);
	expect_still(board, false);
	end(pid);
}

TEST(a_stopped_job_stays_stopped)
{
	struct board *board = board_create();
	pid_t pid = spawn_tree(board, 2, 0);
	struct freezer *f;

	sleep_ms(20);
	kill(pid, SIGTSTP);
	kill(pid, SIGSTOP);
	waitpid(pid, NULL, WUNTRACED);
	f = freeze(pid);
	freezer_destroy(f);
	await_state(pid, 'T');
	EXPECT_EQ(waitpid(pid, NULL, WUNTRACED | WNOHANG), 0);
	kill(pid, SIGCONT);
	expect_still(board, false);
	end(pid);
}

static struct board *storm;

static void count_signal(int signo)
{
	storm->signals++;
}

TEST(no_signal_is_lost)
{
	pid_t pid;

	storm = board_create();
	pid = test_fork();
	if (!pid) {
		signal(SIGUSR1, count_signal);
		storm->stop = 1;
		tick(&storm->ticks[0]);
	}
	while (!storm->stop)
		sleep_ms(1);
	for (int i = 1; i <= 200; i++) {
		struct freezer *f;

		/* one signal at a time: standard signals do not queue */
		kill(pid, SIGUSR1);
		f = freeze(pid);
		if (i & 1)
			freezer_thaw(f, THAW_RUN, NULL);
		freezer_destroy(f);
		for (int wait = 0; wait < 1000 && storm->signals < i; wait++)
			sleep_ms(1);
		EXPECT_EQ(storm->signals, i);
	}
	end(pid);
}

TEST(a_vfork_parent_is_caught_in_the_end)
{
	struct board *board = board_create();
	pid_t pid = test_fork();

	if (!pid) {
		for (;;) {
			pid_t child = vfork();

			if (!child) {
				usleep(3000);
				_exit(0);
			}
			waitpid(child, NULL, 0);
			board->ticks[0]++;
		}
	}
	sleep_ms(20);
	for (int i = 0; i < 10; i++) {
		struct freezer *f = freeze(pid);

		expect_still(board, true);
		freezer_destroy(f);
		expect_still(board, false);
	}
	end(pid);
}

TEST(a_vfork_child_that_stays_is_an_error)
{
	struct error err = { 0 };
	struct freezer *f;
	pid_t pid = test_fork();

	if (!pid) {
		if (!vfork()) {
			pause();
			_exit(0);
		}
		_exit(0);
	}
	await_state(pid, 'D');
	EXPECT_EQ(freezer_create(&f, pid, NULL, &err), 0);
	EXPECT_EQ(freezer_freeze(f, 1, &err), -ETIMEDOUT);
	EXPECT(strstr(err.text, "does not stop"));
	freezer_destroy(f);
	kill(pid, SIGKILL);
}

TEST(epoll_wait_goes_on)
{
	struct board *board = board_create();
	pid_t pid = test_fork();

	if (!pid) {
		int epoll = epoll_create1(0);
		struct epoll_event event;

		board->ticks[0] = (unsigned long)epoll;
		if (epoll_wait(epoll, &event, 1, 3000) < 0)
			board->failures = errno;
		board->ticks[1] = 1;
		pause();
	}
	await_state(pid, 'S');
	for (int i = 0; i < 5; i++) {
		struct freezer *f = freeze(pid);

		/* arm64 from Linux 7 on shows it to BPF only, of which a dump has it */
		freezer_tell_first(f, pid, board->ticks[0]);
		freezer_destroy(f);
		sleep_ms(10);
	}
	EXPECT_EQ(board->failures, 0);
	EXPECT_EQ(board->ticks[1], 0);
	await_tick(&board->ticks[1]);
	EXPECT_EQ(board->failures, 0);
	end(pid);
}

TEST(a_timed_sleep_keeps_its_deadline)
{
	struct board *board = board_create();
	pid_t pid = test_fork();

	if (!pid) {
		struct timespec ts = { .tv_sec = 2 };
		long long start = clock_ns();

		if (nanosleep(&ts, NULL))
			board->failures = errno;
		board->ticks[0] = (unsigned long)((clock_ns() - start) / 1000000);
		pause();
	}
	for (int i = 0; i < 4; i++) {
		struct freezer *f;

		sleep_ms(50);
		f = freeze(pid);
		sleep_ms(500);
		freezer_destroy(f);
	}
	await_tick(&board->ticks[0]);
	EXPECT_EQ(board->failures, 0);
	EXPECT_GE(board->ticks[0], 2000);
	/* not 2 s anew after a pause, nor longer by each of them */
	EXPECT_LT(board->ticks[0], 2 * 2000 - 200);
	end(pid);
}

TEST(zombies_are_listed)
{
	struct board *board = board_create();
	const pid_t *pids;
	struct freezer *f;
	pid_t pid = test_fork(), zombie;

	if (!pid) {
		zombie = test_fork();
		if (!zombie)
			_exit(7);
		await_state(zombie, 'Z');
		board->ticks[0] = 1;
		for (;;)
			pause();
	}
	await_tick(&board->ticks[0]);
	f = freeze(pid);
	EXPECT_EQ(freezer_pids(f, &pids), 2);
	zombie = pids[1];
	EXPECT_EQ(state_of(zombie), 'Z');
	freezer_destroy(f);
	EXPECT_EQ(state_of(zombie), 'Z');
	end(pid);
}

TEST(what_cannot_be_frozen_is_said)
{
	struct error err = { 0 };
	struct freezer *f = NULL;

	EXPECT_EQ(freezer_create(&f, getpid(), NULL, &err), -EINVAL);
	EXPECT(strstr(err.text, "cannot freeze itself"));
	error_deinit(&err);
	EXPECT_EQ(freezer_create(&f, getppid(), NULL, &err), -EINVAL);
	error_deinit(&err);
	EXPECT_EQ(freezer_create(&f, 4194303, NULL, &err), -ESRCH);
	error_deinit(&err);
}

static void *short_thread(void *arg)
{
	return arg;
}

TEST(a_changing_tree_is_caught)
{
	struct board *board = board_create();
	pid_t pid = test_fork();

	if (!pid) {
		for (;;) {
			pthread_t thread;
			pid_t child = test_fork();

			if (!child)
				_exit(0);
			if (!pthread_create(&thread, NULL, short_thread, NULL))
				pthread_join(thread, NULL);
			waitpid(child, NULL, 0);
			board->ticks[0]++;
		}
	}
	sleep_ms(20);
	for (int i = 0; i < 50; i++) {
		struct freezer *f = freeze(pid);

		if (i % 10 == 0)
			expect_still(board, true);
		freezer_destroy(f);
		sleep_ms(1);
	}
	expect_still(board, false);
	EXPECT_EQ(waitpid(pid, NULL, WNOHANG), 0);
	end(pid);
}
