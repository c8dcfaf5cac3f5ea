/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_STAGE_H
#define CRBPF_STAGE_H

/*
 * Dump and restore are tables of stages. Every stage that was entered is left
 * again, last first, on success and on failure alike: tasks cannot stay frozen,
 * half an image cannot stay behind. What differs then, a leave function reads from
 * its work (has it failed? which stage was the last one?).
 */

#include <stdbool.h>
#include <stddef.h>

struct error;
struct log;

struct stage {
	const char *name;
	/* Returns 0, or -errno with the error set. */
	int (*enter)(void *work, struct error *err);
	/*
	 * NULL: nothing to undo. @failed: a stage (this one too) failed. Called also for
	 * a stage whose enter failed half way. May set @err: a first error stays.
	 */
	void (*leave)(void *work, bool failed, struct error *err);
};

#define STAGES_MAX 16
/* How long each stage took to be entered. */
struct stage_times {
	size_t n;
	struct {
		const char *name;
		long long ns;
	} list[STAGES_MAX];
};
/* A line for each, in microseconds, to standard output: for --display-stats. */
void stage_times_print(const struct stage_times *times);

/* Where action scripts and notifications hang: called before a stage is entered and after it is left. */
struct stage_hook {
	int (*before)(void *arg, const struct stage *stage, struct error *err);
	void *arg;
	struct stage_times *times;	/* filled; NULL: nobody asks */
};

/*
 * Enters the stages in order, and leaves those entered in reverse order. Logs a
 * line with the time of each. @hook may be NULL. Returns 0 or the first -errno.
 */
int stages_run(const struct stage *stages, size_t n, void *work, const struct stage_hook *hook,
	       struct log *log, struct error *err);

#endif
