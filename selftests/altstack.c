// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal handler on an alternate stack, dumped while it runs: one thread with a plain stack,
 * one with SS_AUTODISARM. It returns to where the signal came, and the stack is still there.
 */
#include "subject.h"

#include <pthread.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
#define SIZE 65536

static volatile int inside;

static void handler(int sig)
{
	char here;
	stack_t ss;

	(void)sig;
	__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
	subject_wait_restored();
	sigaltstack(NULL, &ss);
	subject_check(ss.ss_flags & SS_DISABLE ||
			      (&here >= (char *)ss.ss_sp && &here < (char *)ss.ss_sp + ss.ss_size &&
			       ss.ss_flags & SS_ONSTACK),
		      "the handler is not on its stack (flags %x)", ss.ss_flags);
}

static void *thread(void *arg)
{
	unsigned int flags = (unsigned int)(uintptr_t)arg;
	stack_t ss = {.ss_sp = malloc(SIZE), .ss_size = SIZE, .ss_flags = (int)flags}, now;
	volatile int local = 4711 + (int)(flags != 0);

	subject_need(sigaltstack(&ss, NULL) == 0, "sigaltstack: %m");
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	subject_check(local == 4711 + (int)(flags != 0), "a local variable changed");
	subject_check(sigaltstack(NULL, &now) == 0 && now.ss_sp == ss.ss_sp && now.ss_size == SIZE &&
			      now.ss_flags == ss.ss_flags,
		      "the stack is %p, %zu bytes, flags %x", now.ss_sp, now.ss_size, now.ss_flags);
	return NULL;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	pthread_t t[2];

	sigaction(SIGUSR1, &sa, NULL);
	pthread_create(&t[0], NULL, thread, NULL);
	pthread_create(&t[1], NULL, thread, (void *)(uintptr_t)SS_AUTODISARM);
	subject_need(subject_await(inside == 2), "no handlers");
	subject_ready();
	subject_wait_restored();
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	return subject_end();
}
