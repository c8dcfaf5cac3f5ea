/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_SUBJECT_H
#define CRBPF_SELFTESTS_SUBJECT_H

/*
 * A subject is a program that is checkpointed: it makes its object, says that it
 * is ready, waits until it has been restored, and looks again.
 *
 *	int main(void)
 *	{
 *		int fd = eventfd(7, 0);
 *		uint64_t count;
 *
 *		subject_need(fd >= 0, "eventfd: %m");
 *		subject_ready();
 *		subject_wait_restored();
 *		subject_check(read(fd, &count, 8) == 8 && count == 7, "count is %lu", count);
 *		return subject_end();
 *	}
 *
 * run.py starts it in an empty directory of its own, mode 0777, as leader of a
 * session, with /dev/null as descriptors 0 to 2. It is dumped and restored any
 * number of times (or dumped and left running) between subject_ready and the
 * return of subject_wait_restored. Both sides talk by files in that directory, which
 * are closed again at once, so that nothing of the conversation is in the image.
 * Any process of the subject may check; only the first one starts and ends.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Set before main, so that subjects may change directory and root. */
static char subject_dir[PATH_MAX - 32];

__attribute__((constructor)) static void subject_init(void)
{
	if (!getcwd(subject_dir, sizeof(subject_dir)))
		abort();
	umask(0);
}

/* Appends a line to file @name of the conversation. */
static inline void subject_tell(const char *name, const char *fmt, va_list args)
{
	char path[PATH_MAX], text[512];
	int fd, n;

	snprintf(path, sizeof(path), "%s/%s", subject_dir, name);
	n = vsnprintf(text, sizeof(text) - 1, fmt, args);
	if (n > (int)sizeof(text) - 2)
		n = sizeof(text) - 2;
	text[n++] = '\n';
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, text, n) != n)
		abort();
	close(fd);
}

__attribute__((format(printf, 2, 3))) static inline void subject_say(const char *name,
								     const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	subject_tell(name, fmt, args);
	va_end(args);
}

/* The dump and the restore of this subject need these options, as in "--file-locks". */
static inline void subject_options(const char *options)
{
	subject_say("options", "%s", options);
}

/* Ends the subject: this machine lacks something, which is named. */
#define subject_skip(...)                                                                          \
	do {                                                                                       \
		subject_say("skipped", __VA_ARGS__);                                               \
		_exit(0);                                                                          \
	} while (0)

/* Ends the subject as failed unless @cond_ holds: its object could not be made. */
#define subject_need(cond_, ...)                                                                   \
	do {                                                                                       \
		if (!(cond_)) {                                                                    \
			subject_say("failures", __VA_ARGS__);                                      \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

/* Counts as a failure unless @cond_ holds; the format says what was found. Goes on. */
#define subject_check(cond_, ...)                                                                  \
	do {                                                                                       \
		if (!(cond_))                                                                      \
			subject_say("failures", __VA_ARGS__);                                      \
	} while (0)

static inline bool subject_told(const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", subject_dir, name);
	return access(path, F_OK) == 0;
}

/* CLOCK_MONOTONIC in milliseconds. */
static inline double subject_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* Sleeps @ms in full, whatever signals arrive. */
static inline void subject_sleep(double ms)
{
	double end = subject_ms() + ms, left;

	while ((left = end - subject_ms()) > 0) {
		struct timespec ts = {left / 1e3, (long)(left * 1e6) % 1000000000};

		if (left > ms + 1)
			break; /* the clock is another machine's, where we have been restored */
		nanosleep(&ts, NULL);
	}
}

/* How many times longer than usual is to be waited: run.py --patience. */
static inline double subject_patience(void)
{
	const char *text = getenv("CRBPF_TEST_PATIENCE");

	return text ? atof(text) : 1;
}

/* Waits up to 10 s until @cond_ holds; says whether it does. */
#define subject_await(cond_)                                                                       \
	({                                                                                         \
		double end_ = subject_ms() + 10000 * subject_patience();                           \
		bool holds_;                                                                       \
                                                                                                   \
		while (!(holds_ = (cond_)) && subject_ms() < end_)                                 \
			subject_sleep(1);                                                          \
		holds_;                                                                            \
	})

/* The object is made. The file gets its name when no descriptor of it is left. */
static inline void subject_ready(void)
{
	char from[PATH_MAX], to[PATH_MAX];

	subject_say("ready.new", "%d", getpid());
	snprintf(from, sizeof(from), "%s/ready.new", subject_dir);
	snprintf(to, sizeof(to), "%s/ready", subject_dir);
	if (rename(from, to) < 0)
		abort();
}

/* Whether it was restored, and not only dumped and left running. To be asked after the wait. */
static inline bool subject_was_restored(void)
{
	return subject_told("restored");
}

/*
 * Is CRIU on the way (run.py --interop)? What it cannot dump or restore at all is left out then, for
 * the rest to be proven. What it only loses is listed in interop.py.
 */
static inline bool subject_through_criu(void)
{
	return getenv("CRBPF_TEST_CRIU") != NULL;
}

/* Returns when the subject has been dumped and restored as often as is wanted. */
static inline void subject_wait_restored(void)
{
	while (!subject_told("go"))
		subject_sleep(5);
}

/* The verdict: the exit status of main. */
static inline int subject_end(void)
{
	subject_say("done", "%d", getpid());
	return subject_told("failures");
}

/* Zeroed memory which children share: flags to await without another kind of object. */
static inline void *subject_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	subject_need(p != MAP_FAILED, "mmap shared: %m");
	return p;
}

/* fork(): 0 in the child. Where there can be no child the subject ends, so that the result may be
 * handed to kill(), for which -1 is everybody. */
static inline pid_t subject_fork(void)
{
	pid_t pid = fork();

	subject_need(pid >= 0, "fork: %m");
	return pid;
}

/* Waits for child @pid; returns its wait status, -1 if there is no such child. */
static inline int subject_reap(pid_t pid)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, __WALL);
	while (got < 0 && errno == EINTR);
	return got == pid ? status : -1;
}

#endif
