// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads scheduled by deadline: runtime, deadline, period and flags, of the main thread (told when it
 * overruns) and of another.
 */
#include "subject.h"

#include <linux/types.h>
#include <pthread.h>

#define DEADLINE         6
#define RESET_ON_FORK    1
#define TELL_OF_OVERRUNS 4
#define MS               1000000ull

struct attributes {
	__u32 size, policy;
	__u64 flags;
	__s32 nice;
	__u32 priority;
	__u64 runtime, deadline, period;
};

static struct attributes main_wants = {sizeof(struct attributes), DEADLINE, RESET_ON_FORK, 0, 0,
				       2 * MS, 200 * MS, 300 * MS};
static struct attributes thread_wants = {sizeof(struct attributes), DEADLINE,
					 RESET_ON_FORK | TELL_OF_OVERRUNS, 0, 0,
					 1 * MS, 100 * MS, 400 * MS};
static volatile int is_up;

static int set(struct attributes *wants)
{
	return (int)syscall(SYS_sched_setattr, 0, wants, 0);
}

static void check(const char *who, const struct attributes *wants)
{
	struct attributes is = {};

	subject_check(syscall(SYS_sched_getattr, 0, &is, sizeof(is), 0) == 0, "sched_getattr: %m");
	subject_check(is.policy == DEADLINE && is.flags == wants->flags, "%s: policy %u, flags %llx",
		      who, is.policy, (unsigned long long)is.flags);
	subject_check(is.runtime == wants->runtime && is.deadline == wants->deadline &&
			      is.period == wants->period,
		      "%s: %llu of %llu in %llu", who, (unsigned long long)is.runtime,
		      (unsigned long long)is.deadline, (unsigned long long)is.period);
}

static void *thread(void *unused)
{
	is_up = set(&thread_wants) ? -errno : 1;
	subject_wait_restored();
	if (is_up > 0)
		check("thread", &thread_wants);
	return NULL;
}

int main(void)
{
	pthread_t other;

	/* Beyond its runtime a thread is told by SIGXCPU. */
	signal(SIGXCPU, SIG_IGN);
	subject_need(pthread_create(&other, NULL, thread, NULL) == 0, "pthread_create");
	subject_need(subject_await(is_up), "the thread does not run");
	if (is_up < 0 || set(&main_wants))
		subject_skip("no thread may be scheduled by deadline here: %s",
			     strerror(is_up < 0 ? -is_up : errno));
	subject_ready();
	subject_wait_restored();

	check("main", &main_wants);
	pthread_join(other, NULL);
	return subject_end();
}
