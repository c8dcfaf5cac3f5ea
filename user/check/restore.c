// SPDX-License-Identifier: GPL-2.0-only
/* What gives a restored process what it had. */
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/arch.h"
#include "check/groups.h"
#include "lib/cleanup.h"

#ifndef TFD_IOC_SET_TICKS
#define TFD_IOC_SET_TICKS _IOW('T', 0, uint64_t)
#endif
#ifndef PR_TIMER_CREATE_RESTORE_IDS
#define PR_TIMER_CREATE_RESTORE_IDS 77
#endif
#define PR_TIMER_CREATE_RESTORE_IDS_GET 2
#define MEMBARRIER_GET_REGISTRATIONS (1 << 9)
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
#define PR_GET_MDWE_NUMBER 66

#define RESTORE_CAPS CAP_BIT(CAP_CHECKPOINT_RESTORE)

/* The number of a process that has just ended is free, or taken by another since: both say yes. */
static void clone_with_tid(const struct check *c, const struct probe *p, struct answer *a)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid_size = 1 };
	pid_t tid = scratch_child(a), pid;

	if (tid < 0)
		return;
	scratch_end(tid);
	args.set_tid = (uintptr_t)&tid;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (!pid)
		_exit(0);
	if (pid < 0 && errno != EEXIST) {
		answer_failed(a, errno, RESTORE_CAPS, "no process with a chosen number");
		return;
	}
	answer_yes(a, "%s", "");
	if (pid > 0 && pid != tid)
		answer_no(a, "the process has another number");
	if (pid > 0)
		scratch_end(pid);
}

static void set_mm_map(const struct check *c, const struct probe *p, struct answer *a)
{
	unsigned int size = 0;

	if (prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0))
		answer_failed(a, errno, 0, "PR_SET_MM_MAP");
	else if (size != sizeof(struct prctl_mm_map))
		answer_no(a, "its structure has %u bytes instead of %zu", size,
			  sizeof(struct prctl_mm_map));
	else
		answer_yes(a, "%s", "");
}

static void timer_ids(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_call(a,
		    prctl(PR_TIMER_CREATE_RESTORE_IDS, PR_TIMER_CREATE_RESTORE_IDS_GET, 0, 0, 0), 0,
		    "PR_TIMER_CREATE_RESTORE_IDS");
}

static void timerfd_ticks(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	uint64_t ticks = 5, got = 0;

	if (fd < 0 || ioctl(fd, TFD_IOC_SET_TICKS, &ticks) || read(fd, &got, sizeof(got)) < 0)
		answer_failed(a, errno, 0, "TFD_IOC_SET_TICKS");
	else if (got != ticks)
		answer_no(a, "it has no effect");
	else
		answer_yes(a, "%s", "");
}

static void membarrier(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_call(a, syscall(SYS_membarrier, MEMBARRIER_GET_REGISTRATIONS, 0, 0), 0,
		    "MEMBARRIER_CMD_GET_REGISTRATIONS");
}

/* Its own value, so that nothing changes but what the kernel thinks of the attempt. */
static void loginuid(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd = open("/proc/self/loginuid", O_RDWR | O_CLOEXEC);
	char text[32];
	ssize_t n;

	if (fd < 0) {
		answer_failed(a, errno, 0, "/proc/self/loginuid");
		return;
	}
	n = read(fd, text, sizeof(text));
	answer_call(a, n < 0 ? n : pwrite(fd, text, (size_t)n, 0), CAP_BIT(CAP_AUDIT_CONTROL),
		    "it cannot be set");
}

static void map_vdso(const struct check *c, const struct probe *p, struct answer *a)
{
	int ret = arch_can_map_vdso();

	a->is_elsewhere = ret == -EOPNOTSUPP;
	if (ret)
		answer_failed(a, ret, 0, "it has to be moved");
	else
		answer_yes(a, "%s", "");
}

static void compat(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_no(a, "crbpf refuses processes that run 32-bit code");
}

static void mdwe(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_call(a, prctl(PR_GET_MDWE_NUMBER, 0, 0, 0, 0), 0, "PR_GET_MDWE");
}

static const struct probe probes[] = {
	{ "clone3_set_tid", "clone3_set_tid", "processes get the number they had", NEED_ALWAYS, NULL,
	  REMEDY_KERNEL, NULL, "5.5", NULL, clone_with_tid },
	{ "set_mm_map", NULL, "a process's bounds can be set", NEED_ALWAYS, NULL, REMEDY_KERNEL,
	  "CONFIG_CHECKPOINT_RESTORE", NULL, NULL, set_mm_map },
	{ "timerfd", "timerfd", "expirations of a timerfd can be set", NEED_FOR,
	  "timerfds that have expired", REMEDY_KERNEL, "CONFIG_CHECKPOINT_RESTORE", NULL, NULL,
	  timerfd_ticks },
	{ "timer_cr_ids", "timer_cr_ids", "timers get the number they had", NEED_FOR,
	  "quick restores of processes that numbered many POSIX timers", REMEDY_KERNEL,
	  "CONFIG_POSIX_TIMERS", "6.15", NULL, timer_ids },
	{ "can_map_vdso", "can_map_vdso", "the vDSO is mapped where it was", NEED_FACT, NULL,
	  REMEDY_NONE, "CONFIG_CHECKPOINT_RESTORE", NULL, NULL, map_vdso },
	{ "mdwe", NULL, "memory deny write execute", NEED_EXTRA, NULL, REMEDY_KERNEL, NULL, "6.3",
	  NULL, mdwe },
	{ "membarrier_get_registrations", "membarrier_get_registrations",
	  "registrations of membarrier", NEED_EXTRA, NULL, REMEDY_KERNEL, "CONFIG_MEMBARRIER", "6.3",
	  NULL, membarrier },
	{ "loginuid", "loginuid", "the login's user can be set", NEED_EXTRA, NULL, REMEDY_KERNEL,
	  "CONFIG_AUDIT", NULL, NULL, loginuid },
	{ "compat_cr", "compat_cr", "32-bit processes", NEED_EXTRA, NULL, REMEDY_NONE, NULL, NULL,
	  NULL, compat },
};

PROBE_GROUP(probes_restore, "restore", "Making processes again", probes, false);
