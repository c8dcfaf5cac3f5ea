// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that stand behind every instruction of the vDSO's clock_gettime, one behind each: the
 * call that they are in has to end with the right time. cases/vdso.py starts it too, and makes the
 * image's vDSO another kernel's.
 */
#include "subject.h"

#include <pthread.h>
#include <sys/ptrace.h>

#include "vdso_find.h"

#define NS        1000000000LL
#define THREADS   64
#define STEPS_MAX 20000 /* from a sleep to the vDSO */

struct place {
	pid_t tid;
	volatile long long began; /* its call: no time before that is right */
};

struct shared {
	volatile int stop, n_up;
	volatile int n_go; /* threads that may call */
	struct place threads[THREADS];
};
static struct shared *shared;

static int (*vdso_gettime)(clockid_t clock, struct timespec *ts);

static long long system_ns(void)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, CLOCK_REALTIME, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

/*
 * Whoever is taken step by step from here must not meet an exclusive load and store, as usleep(3) has
 * them on older processors of ARM64: a stop in between makes them start over for ever.
 */
static void nap(void)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &ms, NULL);
}

static void *watch(void *arg)
{
	int n = (int)(long)arg, ret;
	long long now, after;
	struct timespec ts;

	shared->threads[n].tid = (pid_t)syscall(SYS_gettid);
	__atomic_add_fetch(&shared->n_up, 1, __ATOMIC_SEQ_CST);
	while (shared->n_go <= n)
		nap();
	do {
		ret = vdso_gettime(CLOCK_REALTIME, &ts);
		after = system_ns();
		now = ts.tv_sec * NS + ts.tv_nsec;
		if (ret || now < shared->threads[n].began || now > after) {
			subject_check(false, "instruction %d: %d, %lld, not %lld to %lld", n, ret,
				      now, shared->threads[n].began, after);
			break;
		}
		shared->threads[n].began = now;
		usleep(1000);
	} while (!shared->stop);
	return NULL;
}

static void run_child(void)
{
	pthread_t threads[THREADS];

	for (long i = 0; i < THREADS; i++)
		subject_need(!pthread_create(&threads[i], NULL, watch, (void *)i), "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

static void step(pid_t tid)
{
	int status = 0;

	subject_need(!ptrace(PTRACE_SINGLESTEP, tid, NULL, NULL) &&
			     waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status),
		     "a thread makes no step: %x", status);
}

static uintptr_t instruction(pid_t tid)
{
	struct __ptrace_syscall_info info = {0};

	subject_need(ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) > 0,
		     "PTRACE_GET_SYSCALL_INFO: %m");
	return info.instruction_pointer;
}

/* Takes thread @n behind @n instructions of its first call. */
static void place(int n)
{
	pid_t tid = shared->threads[n].tid;
	int status;

	subject_need(!ptrace(PTRACE_SEIZE, tid, NULL, NULL) &&
			     !ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) &&
			     waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status),
		     "a thread cannot be traced: %m");
	shared->n_go = n + 1;
	for (int i = 0; instruction(tid) != (uintptr_t)vdso_gettime; i++) {
		subject_need(i < STEPS_MAX, "a thread does not come to the vDSO");
		step(tid);
	}
	shared->threads[n].began = system_ns();
	for (int i = 0; i < n; i++)
		step(tid);
}

/* They stop where they are: not an instruction more. */
static void stop_all(pid_t child)
{
	int status = 0;

	kill(child, SIGSTOP);
	for (int i = 0; i < THREADS; i++)
		subject_need(!ptrace(PTRACE_DETACH, shared->threads[i].tid, NULL, NULL),
			     "detach: %m");
	subject_need(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status),
		     "the child does not stop: %x", status);
}

int main(void)
{
	pid_t child;

	vdso_gettime = vdso_find("clock_gettime");
	subject_need(vdso_gettime, "the vDSO knows no clock");
	shared = subject_shared(sizeof(*shared));
	child = subject_fork();
	if (!child)
		run_child();
	subject_need(subject_await(shared->n_up == THREADS), "no threads");
	for (int i = 0; i < THREADS; i++)
		place(i);
	stop_all(child);
	subject_ready();
	subject_wait_restored();
	kill(child, SIGCONT);
	subject_sleep(20);
	shared->stop = 1;
	subject_check(!subject_reap(child), "the child failed");
	return subject_end();
}
