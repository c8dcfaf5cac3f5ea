// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <time.h>

#include "dump/dump.h"
#include "lib/clock.h"

/* A clock id below 0 names a CPU clock: the complement of a pid, and three bits. */
#define CPUCLOCK_SCHED	    2	/* the scheduler's own measure, as of CLOCK_PROCESS_CPUTIME_ID */
#define CPUCLOCK_PERTHREAD  4
#define CPUCLOCK_BITS	    7
#define CPUCLOCK_FD	    3	/* a device's clock, by a descriptor */

static clockid_t cpu_clock(pid_t pid, clockid_t bits)
{
	return ~pid * 8 | bits;
}

long long dump_clock(const struct dump *d, clockid_t clock)
{
	struct timespec ts = { 0 };

	clock_gettime(clock, &ts);
	return (long long)ts.tv_sec * 1000000000 + ts.tv_nsec -
	       (d->stats.freeze_ns ? clock_ns() - d->stats.freeze_ns : 0);
}

int dump_task_clock(const struct dump *d, const struct task *t, clockid_t clock, long long *ret_ns)
{
	struct timespec ts;

	if (clock == CLOCK_PROCESS_CPUTIME_ID)
		clock = cpu_clock(t->process->pid, CPUCLOCK_SCHED);
	else if (clock == CLOCK_THREAD_CPUTIME_ID)
		clock = cpu_clock(t->tid, CPUCLOCK_SCHED | CPUCLOCK_PERTHREAD);
	if (clock >= 0) {
		*ret_ns = dump_clock(d, clock);
		return 0;
	}
	if ((clock & CPUCLOCK_BITS) == CPUCLOCK_FD)
		return -EINVAL;
	/* Number 0 is the caller's own. */
	if (!~(clock >> 3))
		clock = cpu_clock(clock & CPUCLOCK_PERTHREAD ? t->tid : t->process->pid,
				  clock & CPUCLOCK_BITS);
	if (clock_gettime(clock, &ts))
		return -errno;
	*ret_ns = (long long)ts.tv_sec * 1000000000 + ts.tv_nsec;
	return 0;
}
