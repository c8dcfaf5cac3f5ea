/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_LOG_H
#define CRBPF_LIB_LOG_H

/*
 * What crbpf says while it works. Errors are not logged here: they travel as
 * struct error and main prints the one that reached it. lib/ logs only debug.
 *
 * The numbers are those of CRIU's -v: 1 error, 2 warn, 3 info, 4 debug.
 */

#include <stdio.h>

enum log_level { LOG_ERROR = 1, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log {
	enum log_level level;	/* messages above it are dropped */
	FILE *out;		/* stderr, or the file of -o; owned if not stderr */
	long long start_ns;	/* CLOCK_MONOTONIC when the log was opened */
};

/* Logs to standard error. */
void log_init(struct log *log, enum log_level level);

/* Sends the rest to @path, relative to @dirfd, truncated, mode 0600. Returns 0 or -errno. */
int log_open(struct log *log, int dirfd, const char *path);

void log_deinit(struct log *log);

/* A line with the seconds since the start before it. A NULL @log drops it. */
void log_print(struct log *log, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Something was not done, and the work goes on: the text ends in "ignoring" where that is so. */
#define log_warn(log, ...)  log_print(log, LOG_WARN, __VA_ARGS__)
#define log_info(log, ...)  log_print(log, LOG_INFO, __VA_ARGS__)
#define log_debug(log, ...) log_print(log, LOG_DEBUG, __VA_ARGS__)

#endif
