/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_COLLECTOR_H
#define CRBPF_COLLECTOR_H

/*
 * The kernel's answers: loads the BPF iterators, runs them over a set of processes
 * and hands over what they say, as bpf/record.h describes it.
 *
 *	collector_open(&c, COLLECT_ALL, log, err);		before anything is frozen
 *	collector_run(c, tgids, n, take_record, arg, err);	as often as needed
 *	collector_close(c);
 *
 * Loading is the greater part of the work, so a privileged caller leaves programs
 * and maps pinned below /sys/fs/bpf/crbpf, for root alone, where the next finds them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "bpf/record.h"

struct collector;
struct error;
struct log;

enum collect_flags {
	COLLECT_TASKS = 1,	/* task and process records */
	COLLECT_FILES = 2,
	COLLECT_VMAS = 4,
	COLLECT_GLANCE = 8,	/* alone: for collector_glance() and nothing else */
	COLLECT_ALL = COLLECT_TASKS | COLLECT_FILES | COLLECT_VMAS,

	COLLECT_RUNNING = 16,	/* the tasks are not frozen: what comes and goes meanwhile is no error */
	COLLECT_NO_PARTS = 32,	/* no siginfo, timer, groups, lock, epoll records; their counts are 0 */
	COLLECT_NO_PATHS = 64,	/* no struct record_path is filled */
	COLLECT_NO_DETAILS = 128,	/* detail_type is DETAIL_NONE throughout */

	/*
	 * Tasks alone, and until when they sleep (task_record.wake_ns): to be asked while
	 * they run, for a stop ends the sleep.
	 */
	COLLECT_WAKE = 512,

	/*
	 * What a verdict needs, not what an image needs. A mapping or file like one handed over
	 * before comes as a struct vma_twin or file_twin with its shape; there are no
	 * siginfo, groups and deep parts (n_groups is 0), no paths of pipes and
	 * sockets, no cloexec; sleeping calls, interval timers, CPU times and what the C
	 * library registered are 0.
	 */
	COLLECT_SHALLOW = 1024,

	COLLECT_MAY_END = 4096,	/* processes of @tgids that do not exist are no error */
	COLLECT_FLIGHTS = 2048,	/* what is in flight in Unix sockets: RECORD_FLIGHT_PART */
	COLLECT_NO_CACHE = 256,	/* neither use what is pinned nor pin anything */
};

/*
 * Does all that can be done before a freeze: programs (only those that @flags ask
 * for) in the kernel, ring mapped, memory allocated. Takes them from the pinned
 * cache if it is there, else loads and tries to pin them: that it cannot is only
 * logged. Waits for nobody: while another crbpf uses the pinned ring, own programs are
 * loaded. Returns 0 or -errno; -EPERM comes with advice.
 */
int collector_open(struct collector **ret, unsigned int flags, struct log *log, struct error *err);

/*
 * One pass over processes @tgids (as this process sees them); all of the system's
 * if @n is 0. @record is called for each record, first tasks, then files, then
 * mappings, parts always directly before their owner; @rec is aligned to 8 and good
 * during the call. What it returns other than 0 ends the pass and is returned.
 *
 * What several processes share is handed over once in a pass: the descriptors of one
 * table (record files) and the mappings of one mm, with the first process that showed
 * them. With COLLECT_RUNNING they come once for each process.
 *
 * Returns 0 only if every record that the kernel side wrote has arrived and each
 * process answered; unless COLLECT_RUNNING was given, also the kernel's own counts
 * of threads, descriptors and mappings must agree with the records. Else -ESRCH (a
 * process of @tgids does not exist) or -EAGAIN (counts disagree), with @err set:
 * what was handed over is then worthless, and the pass may be run again.
 */
int collector_run(struct collector *c, const pid_t *tgids, size_t n,
		  int (*record)(void *arg, const struct record_head *rec), void *arg,
		  struct error *err);

/*
 * One pass that finds out of whom nobody would object to anything (bpf/glance.bpf.c), over the
 * processes @tgids, or all of the system's but kernel threads if @n is 0. @record gets a
 * struct glance_record for each thread, in any order; and of mappings and files of which no
 * like came before a struct vma_record or file_record, which it is to judge at once, by
 * collector_judge_shape. Of a file that has a path it is not told. Returns 0 or -errno;
 * -ENOTSUP if this kernel does not take the program.
 */
int collector_glance(struct collector *c, const pid_t *tgids, size_t n,
		     int (*record)(void *arg, const struct record_head *rec), void *arg,
		     struct error *err);

/* Changes what is not COLLECT_ALL, COLLECT_GLANCE or COLLECT_NO_CACHE for the passes to come. */
void collector_set_flags(struct collector *c, unsigned int flags);

/*
 * For the callback of a shallow pass or a glance: if @is_clean, no twins of @rec, which has a
 * shape, need be handed over any more. Some may still come.
 */
void collector_judge_shape(struct collector *c, const struct record_head *rec, bool is_clean);

/* Did the programs come from the pinned cache? */
int collector_is_cached(const struct collector *c);

/* Gives everything back; NULL is fine. What is pinned stays. */
void collector_close(struct collector *c);

/*
 * Removes everything that any version of crbpf has pinned. Returns 0 (also if there
 * was nothing) or -errno.
 */
int collector_unpin(struct error *err);

#endif
