// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restartable sequences: libc's area stays registered, for the process and a thread, and the
 * kernel keeps it up to date.
 */
#include "subject.h"

#include <pthread.h>
#include <sched.h>
#include <sys/rseq.h>

static volatile int is_up;

static struct rseq *area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static void check(const char *who)
{
	struct rseq *rs = area();
	cpu_set_t all, one;
	bool is_followed = true;

	/* Registering it again is refused if it is registered: as busy, or (newer libc) as shorter. */
	subject_check(syscall(SYS_rseq, rs, 32, 0, RSEQ_SIG) < 0 && (errno == EBUSY || errno == EINVAL),
		      "%s: not registered: %m", who);
	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		is_followed = is_followed && *(volatile __u32 *)&rs->cpu_id == (__u32)cpu;
	}
	sched_setaffinity(0, sizeof(all), &all);
	subject_check(is_followed, "%s: cpu_id is %u and does not follow", who, rs->cpu_id);
}

static void *thread(void *arg)
{
	(void)arg;
	is_up = 1;
	subject_wait_restored();
	check("thread");
	return NULL;
}

int main(void)
{
	pthread_t t;

	if (!__rseq_size)
		subject_skip("needs a libc that registers rseq");
	pthread_create(&t, NULL, thread, NULL);
	subject_need(subject_await(is_up), "no thread");
	subject_ready();
	subject_wait_restored();
	check("process");
	pthread_join(t, NULL);
	return subject_end();
}
