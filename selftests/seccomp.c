// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seccomp filters: a chain in one thread, an inherited one in a child, and no filter in
 * another thread; each still refuses what it refused, and the child's is still to be logged.
 */
#include "subject.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

#ifndef PTRACE_SECCOMP_GET_METADATA
#define PTRACE_SECCOMP_GET_METADATA 0x420d
#endif

/* @nr fails with @code from now on, in this thread. */
static void refuse(unsigned int nr, int code, unsigned int flags)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {4, filter};

	subject_need(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog) == 0, "seccomp: %m");
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
	refuse(SYS_fdatasync, 71, 0);
	refuse(SYS_fsync, 72, 0);
	is_up++;
	subject_wait_restored();
	check("filtered thread", SYS_fdatasync, 71);
	check("filtered thread", SYS_fsync, 72);
	return NULL;
}

static void child(volatile int *flag)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	refuse(SYS_fsync, 72, SECCOMP_FILTER_FLAG_LOG);
	refuse(SYS_fdatasync, 71, 0);
	*flag = 1;
	subject_wait_restored();
	check("child", SYS_fsync, 72);
	subject_check(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER, "child: no filter");
	if (subject_fork() == 0) {
		check("grandchild", SYS_fsync, 72);
		_exit(0);
	}
	wait(NULL);
	while (*flag != 2)
		subject_sleep(1);
	_exit(0);
}

/* Flags of its filter @n, the oldest first, as a tracer without filters is told. -1: not here. */
static long flags_of(pid_t pid, unsigned long n)
{
	struct {
		uint64_t filter, flags;
	} metadata = {.filter = n};
	long flags = -1;

	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		return -1;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 && waitpid(pid, NULL, __WALL) == pid &&
	    ptrace(PTRACE_SECCOMP_GET_METADATA, pid, (void *)sizeof(metadata), &metadata) > 0)
		flags = (long)metadata.flags;
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return flags;
}

int main(void)
{
	volatile int *flag = subject_shared(4096);
	pid_t pid = subject_fork();
	long flags[2];
	pthread_t t;

	if (pid == 0)
		child(flag);
	pthread_create(&t, NULL, filtered, NULL);
	subject_need(subject_await(is_up && *flag), "nobody comes up");
	for (int i = 0; i < 2; i++)
		flags[i] = flags_of(pid, i);
	subject_need(flags[0] < 0 || flags[0] == SECCOMP_FILTER_FLAG_LOG, "flags %lx", flags[0]);
	subject_ready();
	subject_wait_restored();
	for (int i = 0; i < 2; i++) {
		long now = flags_of(pid, i);

		subject_check(now == flags[i], "filter %d has flags %lx, had %lx", i, now, flags[i]);
	}
	*flag = 2;
	errno = 0;
	check("free thread", SYS_fsync, 0);
	subject_check(prctl(PR_GET_SECCOMP) == 0, "the free thread is under a filter");
	pthread_join(t, NULL);
	subject_check(subject_reap(pid) == 0, "the child failed");
	return subject_end();
}
