/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_HARNESS_H
#define CRBPF_SELFTESTS_HARNESS_H

/*
 * Unit tests: a program is one .c file which includes this header and states
 *
 *	TEST(buffer_grows)
 *	{
 *		struct buf buf = {};
 *
 *		EXPECT_EQ(buf_add(&buf, "x", 1), 0);
 *		EXPECT_EQ(buf.size, 1);
 *		buf_deinit(&buf);
 *	}
 *
 * Each test runs in a child of its own, in a process group of its own which is
 * killed after the test; the first expectation that does not hold ends it. SKIP
 * needs a reason. The header supplies main(): arguments are patterns (fnmatch) of
 * test names, -l lists them. One line per test and a closing count are printed;
 * the exit status is 0 if nothing failed.
 *
 * Built with sanitizers, a test must free what it made; a program whose tests leave that to
 * the end of the process, or are traced, has `#define TEST_MAY_LEAK` before the include.
 */

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef TEST_MAY_LEAK
/* Asked by the sanitizer, if there is one. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

enum { TEST_PASSED = 0, TEST_FAILED = 1, TEST_SKIPPED = 4 };

#define TEST_SECONDS 30

struct test {
	const char *name;
	void (*run)(void);
	unsigned int seconds;
	struct test *next;
};

/* The tests of this program, in the order of the file. */
static struct test *test_first, **test_last = &test_first;

#define TEST(name_) TEST_TIMEOUT(name_, TEST_SECONDS)

/* A test that may take longer (or must not take as long) as others. */
#define TEST_TIMEOUT(name_, seconds_)                                                              \
	static void test_##name_(void);                                                            \
	__attribute__((constructor)) static void test_add_##name_(void)                            \
	{                                                                                          \
		static struct test test = {#name_, test_##name_, seconds_, NULL};                  \
                                                                                                   \
		*test_last = &test;                                                                \
		test_last = &test.next;                                                            \
	}                                                                                          \
	static void test_##name_(void)

#define TEST_END(status_, ...)                                                                     \
	do {                                                                                       \
		printf("\n    %s:%d: ", __FILE__, __LINE__);                                       \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
		exit(status_);                                                                     \
	} while (0)

/* Ends the test as skipped; says what is missing, as in SKIP("needs %s", "hugepages"). */
#define SKIP(...) TEST_END(TEST_SKIPPED, __VA_ARGS__)

/* Ends the test as failed, with a reason. */
#define FAIL(...) TEST_END(TEST_FAILED, __VA_ARGS__)

#define EXPECT(cond_)                                                                              \
	do {                                                                                       \
		if (!(cond_))                                                                      \
			FAIL("expected %s", #cond_);                                               \
	} while (0)

#define EXPECT_COMPARE(a_, op_, b_)                                                                \
	do {                                                                                       \
		__typeof__(a_) x_ = (a_);                                                          \
		__typeof__(b_) y_ = (b_);                                                          \
                                                                                                   \
		if (!(x_ op_ y_))                                                                  \
			FAIL("expected %s " #op_ " %s, but they are %lld (0x%llx) and %lld "       \
			     "(0x%llx)",                                                           \
			     #a_, #b_, (long long)x_, (unsigned long long)x_, (long long)y_,       \
			     (unsigned long long)y_);                                              \
	} while (0)

/* Compare integers; the values are printed when they are not as expected. */
#define EXPECT_EQ(a_, b_) EXPECT_COMPARE(a_, ==, b_)
#define EXPECT_NE(a_, b_) EXPECT_COMPARE(a_, !=, b_)
#define EXPECT_LT(a_, b_) EXPECT_COMPARE(a_, <, b_)
#define EXPECT_LE(a_, b_) EXPECT_COMPARE(a_, <=, b_)
#define EXPECT_GT(a_, b_) EXPECT_COMPARE(a_, >, b_)
#define EXPECT_GE(a_, b_) EXPECT_COMPARE(a_, >=, b_)

/* Compares strings; NULL equals nothing. */
#define EXPECT_STREQ(a_, b_)                                                                       \
	do {                                                                                       \
		const char *x_ = (a_), *y_ = (b_);                                                 \
                                                                                                   \
		if (!x_ || !y_ || strcmp(x_, y_) != 0)                                             \
			FAIL("expected %s to equal %s, but they are '%s' and '%s'", #a_, #b_,      \
			     x_ ? x_ : "(null)", y_ ? y_ : "(null)");                              \
	} while (0)

/* Compares @n_ bytes. */
#define EXPECT_MEMEQ(a_, b_, n_)                                                                   \
	do {                                                                                       \
		const unsigned char *x_ = (const void *)(a_), *y_ = (const void *)(b_);            \
		size_t i_ = 0, len_ = (n_);                                                        \
                                                                                                   \
		while (i_ < len_ && x_[i_] == y_[i_])                                              \
			i_++;                                                                      \
		if (i_ < len_)                                                                     \
			FAIL("expected %s to equal %s, but byte %zu is 0x%x and 0x%x", #a_, #b_,   \
			     i_, x_[i_], y_[i_]);                                                  \
	} while (0)

/* fork(), which a test may hand to kill(): never -1. */
static inline pid_t test_fork(void)
{
	pid_t pid = fork();

	EXPECT_GE(pid, 0);
	return pid;
}

/* Waits for the child, killing it after @seconds. Returns its wait status, -1 if it was killed. */
static int test_wait(pid_t pid, unsigned int seconds)
{
	struct timespec left = {.tv_sec = seconds};
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct timespec step = {.tv_nsec = 100000000};

		sigtimedwait(&child, NULL, &step);
		left.tv_nsec -= 100000000;
		if (left.tv_nsec < 0) {
			left.tv_nsec += 1000000000;
			left.tv_sec--;
		}
		if (left.tv_sec < 0) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
	}
	kill(-pid, SIGKILL);
	return status;
}

/* How long the test may take; run.py --patience allows slow machines more. */
static unsigned int test_seconds(const struct test *test)
{
	const char *patience = getenv("CRBPF_TEST_PATIENCE");

	return test->seconds * (patience ? atoi(patience) : 1);
}

static int test_run_one(const struct test *test)
{
	unsigned int seconds = test_seconds(test);
	sigset_t child, before;
	pid_t pid;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	printf("  %s ", test->name);
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		printf("FAILED: cannot fork: %s\n", strerror(errno));
		return TEST_FAILED;
	}
	if (pid == 0) {
		setpgid(0, 0);
		sigprocmask(SIG_SETMASK, &before, NULL);
		test->run();
		exit(TEST_PASSED);
	}
	setpgid(pid, pid);
	status = test_wait(pid, seconds);
	if (status == -1)
		printf("FAILED: not done after %u s\n", seconds);
	else if (WIFSIGNALED(status))
		printf("FAILED: killed by signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == TEST_PASSED)
		printf("ok\n");
	else if (WEXITSTATUS(status) == TEST_SKIPPED)
		printf("    skipped\n");
	else
		printf("    FAILED (exit status %d)\n", WEXITSTATUS(status));
	fflush(stdout);
	return status == -1 || WIFSIGNALED(status) ? TEST_FAILED : WEXITSTATUS(status);
}

static bool test_is_wanted(const struct test *test, int argc, char **argv)
{
	bool has_pattern = false;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		has_pattern = true;
		if (fnmatch(argv[i], test->name, 0) == 0)
			return true;
	}
	return !has_pattern;
}

int main(int argc, char **argv)
{
	unsigned int passed = 0, failed = 0, skipped = 0;
	bool list = argc > 1 && strcmp(argv[1], "-l") == 0;

	for (const struct test *test = test_first; test; test = test->next) {
		if (!test_is_wanted(test, argc, argv))
			continue;
		if (list) {
			puts(test->name);
			continue;
		}
		switch (test_run_one(test)) {
		case TEST_PASSED:
			passed++;
			break;
		case TEST_SKIPPED:
			skipped++;
			break;
		default:
			failed++;
		}
	}
	if (!list)
		printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed ? 1 : 0;
}

#endif
