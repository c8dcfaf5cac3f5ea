// SPDX-License-Identifier: GPL-2.0-only
/*
 * Actions of all signals, masks and alternate stacks of threads; and handlers still run, on
 * the stack that was asked for.
 */
#include "subject.h"

#include <pthread.h>

#define STACK (64 << 10)

static volatile int is_up;
static _Thread_local volatile int n_handled;
static _Thread_local void *volatile frame;

static void handle(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	frame = &info;
	n_handled += info->si_value.sival_int;
}

static void other(int sig)
{
	(void)sig;
}

/* The kernel's own structure: libc hides the restorer and 32 bits of the mask. */
struct action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static void look(struct action *actions)
{
	for (int sig = 1; sig <= 64; sig++)
		syscall(SYS_rt_sigaction, sig, NULL, &actions[sig], 8);
}

static void check_stack(const char *who, void *base, int sig)
{
	stack_t stack = {};
	union sigval value = {.sival_int = 1};
	siginfo_t info = {.si_signo = sig, .si_code = SI_QUEUE, .si_value = value};
	int before = n_handled;

	subject_check(sigaltstack(NULL, &stack) == 0 && stack.ss_sp == base && stack.ss_size == STACK,
		      "%s: its stack is %p of %zu", who, stack.ss_sp, stack.ss_size);
	syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), sig, &info);
	subject_check(n_handled == before + 1, "%s: handled %d times", who, n_handled - before);
	subject_check((char *)frame > (char *)base && (char *)frame < (char *)base + STACK,
		      "%s: the handler ran on another stack", who);
}

static void *set_stack(void)
{
	stack_t stack = {.ss_sp = malloc(STACK), .ss_size = STACK};

	subject_need(sigaltstack(&stack, NULL) == 0, "sigaltstack: %m");
	return stack.ss_sp;
}

static void *thread(void *arg)
{
	void *base = set_stack();
	sigset_t mask, now;

	(void)arg;
	sigemptyset(&mask);
	sigaddset(&mask, SIGRTMIN + 7);
	sigaddset(&mask, SIGHUP);
	pthread_sigmask(SIG_SETMASK, &mask, NULL);
	is_up = 1;
	subject_wait_restored();
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	subject_check(memcmp(&now, &mask, 8) == 0, "the thread's mask changed");
	check_stack("thread", base, SIGRTMIN + 5);
	return NULL;
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	static struct action before[65], now[65];
	sigset_t mask, mask_now;
	void *base = set_stack();
	pthread_t t;

	sigaddset(&sa.sa_mask, SIGALRM);
	sigaddset(&sa.sa_mask, SIGRTMAX);
	sigaction(SIGRTMIN + 5, &sa, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, other);
	sa = (struct sigaction){.sa_handler = other, .sa_flags = SA_NODEFER | SA_RESETHAND};
	sigaction(SIGUSR2, &sa, NULL);
	sa.sa_flags = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_RESTART;
	sigaction(SIGCHLD, &sa, NULL);
	sigemptyset(&mask);
	sigaddset(&mask, SIGQUIT);
	sigaddset(&mask, SIGRTMAX - 1);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	pthread_create(&t, NULL, thread, NULL);
	subject_need(subject_await(is_up), "no thread");
	look(before);
	subject_ready();
	subject_wait_restored();

	look(now);
	for (int sig = 1; sig <= 64; sig++)
		subject_check(now[sig].handler == before[sig].handler &&
				      now[sig].flags == before[sig].flags &&
				      now[sig].restorer == before[sig].restorer &&
				      now[sig].mask == before[sig].mask,
			      "signal %d: handler %p flags %lx mask %llx", sig, now[sig].handler,
			      now[sig].flags, (unsigned long long)now[sig].mask);
	sigprocmask(SIG_SETMASK, NULL, &mask_now);
	subject_check(memcmp(&mask_now, &mask, 8) == 0, "the mask changed");
	check_stack("process", base, SIGRTMIN + 5);
	pthread_join(t, NULL);
	return subject_end();
}
