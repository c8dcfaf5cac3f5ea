// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that verify themselves all the time and beat into a file, so that whatever is done
 * to them shows at once. Run by cases/killed_dump.py with what to do as argument.
 */
#include "beat.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "vector_registers.h"

static volatile uint64_t *beat; /* the driver reads it from the file */

static void *keep_registers(void *arg)
{
	static volatile int stop;
	struct vectors want, got;

	for (unsigned int seed = 1;; seed++) {
		vectors_fill(&want, &got, seed);
		stop = 0;
		/* The main thread ends the spin. */
		*(volatile int **)arg = (int *)&stop;
		vectors_keep(&want, &got, &stop);
		subject_need(memcmp(&want, &got, sizeof(want)) == 0, "vector registers changed");
	}
	return NULL;
}

/* A pattern wanders through memory and is verified; a thread spins with full registers. */
static void memory(void)
{
	size_t n = 4 << 20, words = n / sizeof(uint64_t);
	uint64_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static int *volatile stop;
	sigset_t mask, now;
	pthread_t t;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	pthread_create(&t, NULL, keep_registers, (void *)&stop);
	for (uint64_t round = 0;; round++) {
		for (size_t i = 0; i < words; i++) {
			subject_need(!round || p[i] == (round - 1) * 0x9e3779b97f4a7c15 + i,
				     "word %zu changed", i);
			p[i] = round * 0x9e3779b97f4a7c15 + i;
		}
		sigprocmask(SIG_SETMASK, NULL, &now);
		subject_need(sigismember(&now, SIGUSR2) && !sigismember(&now, SIGUSR1),
			     "the mask changed");
		if (stop)
			*stop = 1;
		++*beat;
	}
}

static volatile int expected, pid_other;

static void in_order(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	subject_need(info->si_value.sival_int == expected, "signal %d arrived, not %d",
		     info->si_value.sival_int, expected);
	expected++;
}

static void count(int sig)
{
	(void)sig;
	pid_other++;
}

/* Numbered signals in order from a child, others at random; every one counts. */
static void signals(void)
{
	struct sigaction sa = {.sa_sigaction = in_order, .sa_flags = SA_SIGINFO | SA_RESTART};
	volatile int *taken = subject_shared(4096);
	pid_t parent = getpid();

	sigaction(SIGRTMIN, &sa, NULL);
	signal(SIGUSR1, count);
	if (subject_fork() == 0) {
		for (int i = 0; getppid() == parent; i++) {
			union sigval value = {.sival_int = i};

			while (sigqueue(parent, SIGRTMIN, value) < 0)
				sched_yield();
			kill(parent, SIGUSR1);
			while (*taken + 50 < i)
				sched_yield();
		}
		_exit(0);
	}
	for (;;) {
		subject_sleep(0.2);
		*taken = expected;
		*beat = expected;
	}
}

/* Children that share memory while the parent waits in vfork. */
static void vforks(void)
{
	for (volatile int i = 0;; i++) {
		volatile int seen = -1;
		pid_t pid = vfork();
		int status;

		if (pid == 0) {
			seen = i;
			_exit(i & 0x7f);
		}
		subject_need(pid > 0, "vfork: %m");
		subject_need(seen == i, "the child's write is not seen");
		subject_need(waitpid(pid, &status, 0) == pid && status == (i & 0x7f) << 8,
			     "status %x", status);
		++*beat;
	}
}

/* Nearly every call kills: only what the loop needs is allowed. */
static void filtered(void)
{
	static const int allowed[] = {SYS_nanosleep, SYS_clock_nanosleep, SYS_write, SYS_getpid,
				      SYS_rt_sigreturn, SYS_exit_group, SYS_restart_syscall};
	struct sock_filter filter[2 * sizeof(allowed) / sizeof(allowed[0]) + 2];
	struct sock_fprog prog = {0, filter};

	filter[prog.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
							   offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		filter[prog.len++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		filter[prog.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[prog.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	subject_need(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0, "seccomp: %m");
	for (;;) {
		subject_sleep(0.5);
		++*beat;
	}
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t twice[2];

static void *hammer(void *arg)
{
	uint64_t own = 0;

	for (;;) {
		pthread_mutex_lock(&mutex);
		subject_need(twice[0] == twice[1], "the mutex does not exclude");
		twice[0]++;
		*beat = twice[0];
		twice[1]++;
		pthread_mutex_unlock(&mutex);
		if (++own % 64 == 0)
			sched_yield();
	}
	return arg;
}

static void threads(void)
{
	pthread_t t;

	/* No beat before all are there. */
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 31; i++)
		pthread_create(&t, NULL, hammer, NULL);
	pthread_mutex_unlock(&mutex);
	hammer(NULL);
}

/* Sleeps never fail and never end early. */
static void sleeps(void)
{
	struct timespec ts = {0, 20000000};

	for (;;) {
		double start = subject_ms();

		subject_need(nanosleep(&ts, NULL) == 0, "nanosleep: %m");
		subject_need(subject_ms() - start >= 20, "it slept %f ms", subject_ms() - start);
		++*beat;
	}
}

/* A call that was cut short sleeps on for the rest, as a program does that knows of signals. */
static void naps(void)
{
	for (;;) {
		struct timespec ts = {0, 20000000};
		double start = subject_ms();

		while (nanosleep(&ts, &ts))
			subject_need(errno == EINTR, "nanosleep: %m");
		subject_need(subject_ms() - start >= 20, "it slept %f ms", subject_ms() - start);
		++*beat;
	}
}

static const struct mode modes[] = {
	{"memory", memory},   {"signals", signals}, {"vforks", vforks},
	{"filtered", filtered}, {"threads", threads}, {"sleeps", sleeps},
	{"naps", naps},
};

int main(int argc, char **argv)
{
	beat = beat_open();
	return mode_run(modes, sizeof(modes) / sizeof(modes[0]), argc, argv);
}
