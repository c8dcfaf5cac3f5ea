// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every resource limit, soft and hard, in two processes with different ones.
 */
#include "subject.h"

#include <sys/resource.h>

static void look(struct rlimit *limits)
{
	for (int i = 0; i < RLIM_NLIMITS; i++)
		getrlimit(i, &limits[i]);
}

static void check(const struct rlimit *before)
{
	struct rlimit now[RLIM_NLIMITS];

	look(now);
	for (int i = 0; i < RLIM_NLIMITS; i++)
		subject_check(now[i].rlim_cur == before[i].rlim_cur &&
				      now[i].rlim_max == before[i].rlim_max,
			      "limit %d is %lld of %lld, was %lld of %lld", i,
			      (long long)now[i].rlim_cur, (long long)now[i].rlim_max,
			      (long long)before[i].rlim_cur, (long long)before[i].rlim_max);
}

int main(void)
{
	struct rlimit limits[RLIM_NLIMITS];
	volatile int *flag = subject_shared(4096);
	pid_t pid = subject_fork();

	if (pid == 0) {
		setrlimit(RLIMIT_NOFILE, &(struct rlimit){100, 200});
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		setrlimit(RLIMIT_STACK, &(struct rlimit){4 << 20, 64 << 20});
		setrlimit(RLIMIT_CPU, &(struct rlimit){1000, 2000});
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 30, RLIM_INFINITY});
		setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){1234, 5678});
		look(limits);
		*flag = 1;
		subject_wait_restored();
		check(limits);
		_exit(0);
	}
	look(limits);
	subject_need(subject_await(*flag), "no child");
	subject_ready();
	subject_wait_restored();
	check(limits);
	subject_check(subject_reap(pid) == 0, "the child failed");
	return subject_end();
}
