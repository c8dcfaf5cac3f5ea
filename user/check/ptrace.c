// SPDX-License-Identifier: GPL-2.0-only
/* Looking into other processes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kcmp.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check/groups.h"
#include "lib/cleanup.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif
#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif
#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif
#define PIDFS_MAGIC 0x50494446

#define TRACE_CAPS CAP_BIT(CAP_SYS_PTRACE)

/* A child's whole life for one call that looks at it. */
#define WITH_CHILD(pid_)                                                                           \
	for (int pid_ = scratch_child(a); pid_ > 0; scratch_end(pid_), pid_ = -1)

static void seize(const struct check *c, const struct probe *p, struct answer *a)
{
	WITH_CHILD(pid) {
		if (!scratch_seize(pid, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL, a))
			answer_yes(a, "%s", "");
	}
}

static void signal_queue(const struct check *c, const struct probe *p, struct answer *a)
{
	siginfo_t info[4];
	struct __ptrace_peeksiginfo_args args = { .nr = 4 };

	WITH_CHILD(pid) {
		if (!scratch_seize(pid, 0, a))
			answer_call(a, ptrace(PTRACE_PEEKSIGINFO, pid, &args, info), 0,
				    "the queue of signals cannot be read");
	}
}

static void seccomp_suspend(const struct check *c, const struct probe *p, struct answer *a)
{
	const unsigned long long caps = CAP_BIT(CAP_SYS_ADMIN);

	WITH_CHILD(pid) {
		if (!scratch_seize(pid, 0, a))
			answer_call(a,
				    ptrace(PTRACE_SETOPTIONS, pid, NULL,
					   (void *)PTRACE_O_SUSPEND_SECCOMP),
				    caps, "seccomp cannot be suspended");
	}
}

/* One filter that allows all; in the child only, for who is under seccomp may not read filters. */
static int set_filter(void)
{
	struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW } };
	struct sock_fprog filter = { 1, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

static void seccomp_filters(const struct check *c, const struct probe *p, struct answer *a)
{
	struct sock_filter code[8];
	int pid = scratch_child_prepared(set_filter, a);

	if (pid < 0)
		return;
	if (!scratch_seize(pid, 0, a))
		answer_call(a, ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)0, code),
			    CAP_BIT(CAP_SYS_ADMIN), "they cannot be read");
	scratch_end(pid);
}

static void rseq_configuration(const struct check *c, const struct probe *p, struct answer *a)
{
	unsigned char config[24];

	WITH_CHILD(pid) {
		if (!scratch_seize(pid, 0, a))
			answer_call(a,
				    ptrace(PTRACE_GET_RSEQ_CONFIGURATION, pid, sizeof(config),
					   config),
				    0, "it cannot be read");
	}
}

static void read_memory(const struct check *c, const struct probe *p, struct answer *a)
{
	char from = 'x', to = 0;
	struct iovec local = { &to, 1 }, remote = { &from, 1 };

	WITH_CHILD(pid) {
		answer_call(a, process_vm_readv(pid, &local, 1, &remote, 1, 0), TRACE_CAPS,
			    "process_vm_readv");
		if (a->state == ANSWER_YES && to != from)
			answer_no(a, "it reads something else");
	}
}

static void pidfd_getfd(const struct check *c, const struct probe *p, struct answer *a)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return;
	WITH_CHILD(pid) {
		int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

		if (pidfd < 0)
			answer_call(a, pidfd, 0, "pidfd_open");
		else
			answer_call(a, syscall(SYS_pidfd_getfd, pidfd, fds[0], 0), TRACE_CAPS,
				    "pidfd_getfd");
	}
}

static void pidfs(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct statfs fs;

	if (fd < 0 || fstatfs(fd, &fs))
		answer_call(a, -1, 0, "pidfd_open");
	else if (fs.f_type != PIDFS_MAGIC)
		answer_no(a, "pidfds are anonymous inodes: all look alike");
	else
		answer_yes(a, "%s", "");
}

static void kcmp_vm(const struct check *c, const struct probe *p, struct answer *a)
{
	WITH_CHILD(pid) {
		answer_call(a, syscall(SYS_kcmp, getpid(), pid, KCMP_VM, 0, 0), TRACE_CAPS, "kcmp");
	}
}

static void kcmp_epoll(const struct check *c, const struct probe *p, struct answer *a)
{
	struct kcmp_epoll_slot slot = { 0 };
	struct epoll_event event = { .events = EPOLLIN };
	_cleanup_close_ int poll = epoll_create1(EPOLL_CLOEXEC);
	int fds[2];

	if (poll < 0 || pipe2(fds, O_CLOEXEC) || epoll_ctl(poll, EPOLL_CTL_ADD, fds[0], &event)) {
		answer_failed(a, errno, 0, "epoll");
		return;
	}
	slot.efd = (__u32)poll;
	slot.tfd = (__u32)fds[0];
	answer_call(a, syscall(SYS_kcmp, getpid(), getpid(), KCMP_EPOLL_TFD, fds[0], &slot),
		    TRACE_CAPS, "kcmp");
}

static const struct probe probes[] = {
	{ "ptrace_seize", NULL, "processes can be seized and stopped", NEED_ALWAYS, NULL,
	  REMEDY_CALLER, NULL, NULL, NULL, seize },
	{ "peek_siginfo", NULL, "queues of signals can be read", NEED_ALWAYS, NULL, REMEDY_KERNEL,
	  "CONFIG_CHECKPOINT_RESTORE", NULL, NULL, signal_queue },
	{ "process_vm_readv", NULL, "memory of others can be read", NEED_ALWAYS, NULL,
	  REMEDY_KERNEL, "CONFIG_CROSS_MEMORY_ATTACH", NULL, NULL, read_memory },
	{ "pidfd_getfd", "pidfd_store", "descriptors of others can be had", NEED_ALWAYS, NULL,
	  REMEDY_KERNEL, NULL, "5.6", NULL, pidfd_getfd },
	{ "get_rseq_conf", "get_rseq_conf", "restartable sequences can be read", NEED_ALWAYS, NULL,
	  REMEDY_KERNEL, "CONFIG_CHECKPOINT_RESTORE and CONFIG_RSEQ", NULL, NULL,
	  rseq_configuration },
	{ "kcmp", "kcmp", "tasks can be compared", NEED_FOR,
	  "dumping a process while it waits in vfork", REMEDY_KERNEL, "CONFIG_KCMP", NULL, NULL,
	  kcmp_vm },
	{ "seccomp_filters", "seccomp_filters", "seccomp filters can be read", NEED_FOR,
	  "processes with seccomp filters", REMEDY_KERNEL,
	  "CONFIG_CHECKPOINT_RESTORE and CONFIG_SECCOMP_FILTER", NULL, NULL, seccomp_filters },
	{ "seccomp_suspend", "seccomp_suspend", "seccomp can be suspended", NEED_FOR,
	  "restoring processes under seccomp", REMEDY_KERNEL,
	  "CONFIG_CHECKPOINT_RESTORE and CONFIG_SECCOMP", NULL, NULL, seccomp_suspend },
	{ "pidfs", NULL, "pidfds tell which process they mean", NEED_FACT, NULL, REMEDY_KERNEL,
	  "CONFIG_FS_PID", "6.9", NULL, pidfs },
	{ "kcmp_epoll", "kcmp_epoll", "targets of epoll can be compared", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, "CONFIG_KCMP", NULL, NULL, kcmp_epoll },
};

PROBE_GROUP(probes_ptrace, "ptrace", "Looking into processes", probes, false);
