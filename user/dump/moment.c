// SPDX-License-Identifier: GPL-2.0-only
/* What clocks showed when the tree was stopped. */
#include <errno.h>
#include <time.h>

#include "dump/dump.h"
#include "lib/clock.h"

/* A clock id below 0 names a CPU clock: the complement of a pid (0: the caller), and three bits. */
#define CPUCLOCK_PROF      0 /* user and system time, by ticks */
#define CPUCLOCK_VIRT      1 /* user time */
#define CPUCLOCK_SCHED     2 /* as the scheduler measures it: CLOCK_PROCESS_CPUTIME_ID … */
#define CPUCLOCK_KIND      3 /* of the bits; by itself a device's clock, by descriptor */
#define CPUCLOCK_PERTHREAD 4

static clockid_t cpu_clock(pid_t pid, clockid_t bits)
{
	return ~pid * 8 | bits;
}

static pid_t pid_of_clock(clockid_t clock)
{
	return ~(clock >> 3);
}

static bool is_thread_clock(clockid_t clock)
{
	return clock < 0 && clock & CPUCLOCK_PERTHREAD;
}

bool is_own_cpu_clock(clockid_t clock, pid_t tid, clockid_t *ret)
{
	if (clock == CLOCK_THREAD_CPUTIME_ID)
		clock = cpu_clock(0, CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED);
	if (!is_thread_clock(clock) || pid_of_clock(clock))
		return false;
	*ret = cpu_clock(tid, clock & (CPUCLOCK_KIND | CPUCLOCK_PERTHREAD));
	return true;
}

long long dump_clock(const struct dump *d, clockid_t clock)
{
	struct timespec ts = {0};

	clock_gettime(clock, &ts);
	return (long long)ts.tv_sec * 1000000000 + ts.tv_nsec -
	       (d->stats.freeze_ns ? clock_ns() - d->stats.freeze_ns : 0);
}

/* The kernel tells the CPU time of a thread to its own process only; the record has it. */
static int thread_time(const struct process *p, clockid_t clock, long long *ret_ns)
{
	const struct task_record *rec = NULL;

	for (size_t i = 0; i < p->n_tasks && !rec; i++)
		if (p->tasks[i].vtid == pid_of_clock(clock))
			rec = p->tasks[i].rec;
	if (!rec)
		return -ESRCH;
	switch (clock & CPUCLOCK_KIND) {
	case CPUCLOCK_PROF:
		*ret_ns = (long long)(rec->cpu_user_ns + rec->cpu_system_ns);
		return 0;
	case CPUCLOCK_VIRT:
		*ret_ns = (long long)rec->cpu_user_ns;
		return 0;
	case CPUCLOCK_SCHED:
		*ret_ns = (long long)rec->cpu_run_ns;
		return 0;
	}
	return -EINVAL;
}

int dump_task_clock(const struct dump *d, const struct task *t, clockid_t clock, long long *ret_ns)
{
	struct timespec ts;

	(void)is_own_cpu_clock(clock, t->vtid, &clock);
	if (is_thread_clock(clock))
		return thread_time(t->process, clock, ret_ns);
	if (clock == CLOCK_PROCESS_CPUTIME_ID)
		clock = cpu_clock(0, CPUCLOCK_SCHED);
	if (clock >= 0) {
		*ret_ns = dump_clock(d, clock);
		return 0;
	}
	if (!pid_of_clock(clock))
		clock = cpu_clock(t->process->pid, clock & CPUCLOCK_KIND);
	if (clock_gettime(clock, &ts))
		return -errno;
	*ret_ns = (long long)ts.tv_sec * 1000000000 + ts.tv_nsec;
	return 0;
}
