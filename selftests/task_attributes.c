// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of a process: dumpable, personality, child subreaper, parent-death signal, OOM
 * score, THP, memory merging. And of threads: nice, policy, affinity, timer slack, IO priority.
 */
#include "subject.h"

#include <pthread.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int oom_score_adj(const char *set)
{
	char text[16] = "";
	int fd = open("/proc/self/oom_score_adj", set ? O_RDWR : O_RDONLY);

	if (set)
		(void)!write(fd, set, strlen(set));
	(void)!pread(fd, text, sizeof(text) - 1, 0);
	close(fd);
	return atoi(text);
}

/* linux/sched/types.h and libc cannot be included together. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

struct task {
	long nice, timer_slack, ioprio;
	struct attributes attr;
	cpu_set_t cpus;
};

static void look(struct task *t)
{
	memset(t, 0, sizeof(*t));
	t->nice = getpriority(PRIO_PROCESS, 0);
	t->timer_slack = prctl(PR_GET_TIMERSLACK);
	t->ioprio = syscall(SYS_ioprio_get, 1, 0);
	syscall(SYS_sched_getattr, 0, &t->attr, sizeof(t->attr), 0);
	sched_getaffinity(0, sizeof(t->cpus), &t->cpus);
}

static void check(const struct task *before, const char *who)
{
	struct task now;

	look(&now);
	subject_check(now.nice == before->nice, "%s: nice %ld, was %ld", who, now.nice, before->nice);
	subject_check(now.timer_slack == before->timer_slack, "%s: timer slack %ld, was %ld", who,
		      now.timer_slack, before->timer_slack);
	subject_check(now.ioprio == before->ioprio, "%s: IO priority %lx, was %lx", who, now.ioprio,
		      before->ioprio);
	subject_check(now.attr.policy == before->attr.policy &&
			      now.attr.priority == before->attr.priority &&
			      now.attr.flags == before->attr.flags,
		      "%s: policy %u priority %u flags %llx", who, now.attr.policy,
		      now.attr.priority, (unsigned long long)now.attr.flags);
	subject_check(CPU_EQUAL(&now.cpus, &before->cpus), "%s: affinity changed", who);
}

static volatile int is_up;

static void *thread(void *arg)
{
	struct sched_param param = {.sched_priority = 0};
	struct task before;
	cpu_set_t cpus;

	(void)arg;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &param);
	setpriority(PRIO_PROCESS, 0, 11);
	prctl(PR_SET_TIMERSLACK, 123456);
	syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6);
	look(&before);
	is_up = 1;
	subject_wait_restored();
	check(&before, "thread");
	return NULL;
}

static void *realtime(void *arg)
{
	struct sched_param param = {.sched_priority = 7};
	struct task before;

	(void)arg;
	/* Not everywhere allowed: then it is an ordinary thread. */
	(void)!sched_setscheduler(0, SCHED_RR, &param);
	look(&before);
	is_up = 2;
	subject_wait_restored();
	check(&before, "realtime thread");
	return NULL;
}

/*
 * The signal at a parent's death is a child's here: the first process of a tree has lost its
 * parent, and one that got the signal from crbpf would be told of the wrong death.
 */
static void mourn(volatile int *flag)
{
	int death = 0;

	prctl(PR_SET_PDEATHSIG, SIGUSR2);
	*flag = 1;
	subject_wait_restored();
	subject_check(prctl(PR_GET_PDEATHSIG, &death) == 0 && death == SIGUSR2, "pdeathsig %d", death);
	_exit(0);
}

int main(void)
{
	volatile int *flag = subject_shared(4096);
	pthread_t a, b;
	struct task before;
	int score, reaper = 0;
	pid_t child = subject_fork();

	if (child == 0)
		mourn(flag);

	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	personality(ADDR_NO_RANDOMIZE | SHORT_INODE);
	score = oom_score_adj("321");
	setpriority(PRIO_PROCESS, 0, 3);
	pthread_create(&a, NULL, thread, NULL);
	subject_need(subject_await(is_up == 1), "no thread");
	pthread_create(&b, NULL, realtime, NULL);
	subject_need(subject_await(is_up == 2), "no realtime thread");
	look(&before);
	subject_need(subject_await(*flag), "no child");
	subject_ready();
	subject_wait_restored();

	subject_check(prctl(PR_GET_DUMPABLE) == 0, "dumpable is %d", prctl(PR_GET_DUMPABLE));
	subject_check(prctl(PR_GET_CHILD_SUBREAPER, &reaper) == 0 && reaper, "no subreaper");
	subject_check(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1, "THP is no longer disabled");
	subject_check(personality(0xffffffff) == (ADDR_NO_RANDOMIZE | SHORT_INODE), "personality %x",
		      personality(0xffffffff));
	subject_check(oom_score_adj(NULL) == score, "oom_score_adj %d, was %d", oom_score_adj(NULL),
		      score);
	check(&before, "leader");
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	subject_check(subject_reap(child) == 0, "the child failed");
	return subject_end();
}
