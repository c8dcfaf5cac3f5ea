// SPDX-License-Identifier: GPL-2.0-only
/*
 * Thread-local storage, stack protector, errno and what libc keeps there, in a process whose
 * threads come and go: new ones can be made after the restore, and detached ones end.
 */
#include "subject.h"

#include <pthread.h>

static _Thread_local int value = 5;
static _Thread_local int *pointer;
static volatile int n_up, n_over;
static pthread_key_t key;

static void over(void *p)
{
	(void)p;
	__atomic_add_fetch(&n_over, 1, __ATOMIC_SEQ_CST);
}

static void *work(void *arg)
{
	long n = (long)arg;

	value = 100 + n;
	pointer = &value;
	pthread_setspecific(key, (void *)(n + 1));
	errno = 1000 + n;
	__atomic_add_fetch(&n_up, 1, __ATOMIC_SEQ_CST);
	while (!subject_told("go")) {
		errno = 1000 + n;
		for (volatile int i = 0; i < 100000; i++)
			;
		subject_check(errno == 1000 + n, "thread %ld: errno is %d", n, errno);
	}
	subject_check(value == 100 + n, "thread %ld: value is %d", n, value);
	subject_check(pointer == &value, "thread %ld: its TLS moved", n);
	subject_check(pthread_getspecific(key) == (void *)(n + 1), "thread %ld: its key changed", n);
	return NULL;
}

int main(void)
{
	pthread_t threads[4], late[4];
	pthread_attr_t detached;

	pthread_key_create(&key, over);
	for (long i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	subject_need(subject_await(n_up == 4), "no threads");
	subject_ready();
	subject_wait_restored();

	subject_check(value == 5, "value is %d", value);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	for (long i = 0; i < 4; i++) {
		int code = pthread_create(&late[i], &detached, work, (void *)(i + 10));

		subject_check(code == 0, "a new thread: %s", strerror(code));
	}
	subject_check(subject_await(n_over == 8), "only %d threads ended", n_over);
	return subject_end();
}
