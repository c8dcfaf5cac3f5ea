// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seccomp filters: a chain in one thread, an inherited one in a child, and no filter in
 * another thread; each still refuses what it refused.
 */
#include "subject.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>

/* @nr fails with @code from now on, in this thread. */
static void refuse(unsigned int nr, int code)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {4, filter};

	subject_need(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == 0, "seccomp: %m");
}

static void check(const char *who, long nr, int code)
{
	long result = syscall(nr, -1L, -1L, -1L);

	subject_check(code ? result < 0 && errno == code : errno != 71 && errno != 72,
		      "%s: call %ld gives %ld, %m", who, nr, result);
}

static volatile int is_up;

static void *filtered(void *arg)
{
	(void)arg;
	refuse(SYS_fdatasync, 71);
	refuse(SYS_fsync, 72);
	is_up++;
	subject_wait_restored();
	check("filtered thread", SYS_fdatasync, 71);
	check("filtered thread", SYS_fsync, 72);
	return NULL;
}

static void child(volatile int *flag)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	refuse(SYS_fsync, 72);
	*flag = 1;
	subject_wait_restored();
	check("child", SYS_fsync, 72);
	subject_check(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER, "child: no filter");
	if (subject_fork() == 0) {
		check("grandchild", SYS_fsync, 72);
		_exit(0);
	}
	wait(NULL);
	_exit(0);
}

int main(void)
{
	volatile int *flag = subject_shared(4096);
	pid_t pid = subject_fork();
	pthread_t t;

	if (pid == 0)
		child(flag);
	pthread_create(&t, NULL, filtered, NULL);
	subject_need(subject_await(is_up && *flag), "nobody comes up");
	subject_ready();
	subject_wait_restored();
	errno = 0;
	check("free thread", SYS_fsync, 0);
	subject_check(prctl(PR_GET_SECCOMP) == 0, "the free thread is under a filter");
	pthread_join(t, NULL);
	subject_check(subject_reap(pid) == 0, "the child failed");
	return subject_end();
}
