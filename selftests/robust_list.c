// SPDX-License-Identifier: GPL-2.0-only
/*
 * The robust list of a process and of a thread: when the owner of a robust mutex dies after
 * the restore, the next one is told. The exit of a thread still wakes who joins it.
 */
#include "subject.h"

#include <pthread.h>

struct shared {
	pthread_mutex_t of_process, of_thread;
	volatile int held;
};

static struct shared *shared;

static void init(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(mutex, &attr);
}

static void *hold(void *arg)
{
	pthread_mutex_lock(arg);
	__atomic_add_fetch(&shared->held, 1, __ATOMIC_SEQ_CST);
	subject_wait_restored();
	return NULL;
}

static void own(void)
{
	pthread_t t;

	pthread_create(&t, NULL, hold, &shared->of_thread);
	hold(&shared->of_process);
	/* Both end as owners: the thread first. clear_child_tid wakes the join. */
	pthread_join(t, NULL);
	_exit(0);
}

int main(void)
{
	pid_t pid;
	int code;

	shared = subject_shared(sizeof(*shared));
	init(&shared->of_process);
	init(&shared->of_thread);
	pid = subject_fork();
	if (pid == 0)
		own();
	subject_need(subject_await(shared->held == 2), "nobody holds the mutexes");
	subject_ready();
	subject_wait_restored();
	code = pthread_mutex_lock(&shared->of_thread);
	subject_check(code == EOWNERDEAD, "the thread's mutex: %s", strerror(code));
	code = pthread_mutex_lock(&shared->of_process);
	subject_check(code == EOWNERDEAD, "the process's mutex: %s", strerror(code));
	subject_check(subject_reap(pid) == 0, "the owner failed");
	return subject_end();
}
