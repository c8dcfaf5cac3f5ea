// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seccomp filters: two over each other, put on all threads at once and inherited by a child;
 * another one on a single thread of a process; strict mode. None judges the restore's own calls,
 * all judge the program's, and the threads still share their chain.
 */
#include "subject.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>

#define ARRAY(a) (sizeof(a) / sizeof((a)[0]))

static volatile int is_up;
static int *verdict;

/* Answers call @nr with error @code, through one more filter. */
static int deny(long nr, int code, unsigned int flags)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {ARRAY(filter), filter};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

/* munmap and rt_sigaction are what a restore cannot do without. */
static void check_denied(const char *who)
{
	void *page = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	subject_check(syscall(SYS_munmap, page, 1) < 0 && errno == EDOM, "%s: munmap: %m", who);
	subject_check(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 8) < 0 && errno == EXDEV,
		      "%s: rt_sigaction: %m", who);
}

static void *shared_thread(void *arg)
{
	(void)arg;
	is_up++;
	subject_wait_restored();
	check_denied("thread");
	return NULL;
}

static void *own_thread(void *arg)
{
	(void)arg;
	subject_need(deny(SYS_getppid, ENOTTY, 0) == 0, "seccomp: %m");
	is_up++;
	subject_wait_restored();
	subject_check(syscall(SYS_getppid) < 0 && errno == ENOTTY, "thread: getppid: %m");
	return NULL;
}

/* Its leader has no filter, one of its threads has. */
static void one_thread_only(void)
{
	pthread_t t;

	is_up = 0;
	pthread_create(&t, NULL, own_thread, NULL);
	subject_need(subject_await(is_up), "no thread");
	verdict[0] = 1;
	subject_wait_restored();
	subject_check(syscall(SYS_getppid) > 0, "leader: getppid: %m");
	pthread_join(t, NULL);
	_exit(0);
}

static void strict(void)
{
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
	verdict[1] = 1;
	/* No call but read, write, exit: so it looks at memory. */
	while (!*(volatile int *)&verdict[3])
		;
	verdict[2] = 1;
	syscall(SYS_exit, 0);
}

static pid_t child(void (*run)(void))
{
	pid_t pid = subject_fork();

	if (pid == 0) {
		run();
		_exit(0);
	}
	return pid;
}

static void inherit(void)
{
	verdict[4] = 1;
	subject_wait_restored();
	check_denied("child");
}

int main(void)
{
	pid_t own, under_strict, heir;
	pthread_t t[2];

	verdict = subject_shared(4096);
	own = child(one_thread_only);
	under_strict = child(strict);
	subject_need(subject_await(verdict[0] && verdict[1]), "no children");
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, shared_thread, NULL);
	subject_need(subject_await(is_up == 2), "no threads");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	subject_need(deny(SYS_rt_sigaction, EXDEV, SECCOMP_FILTER_FLAG_TSYNC) == 0, "seccomp: %m");
	subject_need(deny(SYS_munmap, EDOM, SECCOMP_FILTER_FLAG_TSYNC) == 0, "seccomp: %m");
	heir = child(inherit);
	subject_need(subject_await(verdict[4]), "no child");
	subject_ready();
	subject_wait_restored();

	check_denied("leader");
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	subject_check(subject_reap(heir) == 0, "the child failed");
	subject_check(subject_reap(own) == 0, "the process with one filter failed");
	verdict[3] = 1;
	subject_check(subject_await(verdict[2]), "the one in strict mode does not go on");
	subject_check(subject_reap(under_strict) == 0, "the one in strict mode failed");
	return subject_end();
}
