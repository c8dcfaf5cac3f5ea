// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "inject/injected.h"
#include "lib/clock.h"

#define SETTLE_STEP_NS 1000000

pid_t injected_tid(const struct injected *task)
{
	return task->tid;
}

struct batch *injected_batch(struct injected *task)
{
	return &task->batch;
}

static int fail_dead(struct injected *task, int status, struct error *err)
{
	task->is_dead = true;
	if (WIFSIGNALED(status))
		return fail(err, 0, "killed by signal %d (%s)", WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
	return fail(err, 0, "ended with status %d", WEXITSTATUS(status));
}

/* Sent by the kernel on account of an instruction, and not by a process? */
static bool is_fault(const struct injected *task)
{
	siginfo_t info;

	return ptrace(PTRACE_GETSIGINFO, task->tid, NULL, &info) == 0 && info.si_code > 0;
}

/* An enum stop; 0 for a fault. */
static unsigned int stop_of(const struct injected *task, int status)
{
	switch (status >> 16) {
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		return STOP_CLONE;
	case PTRACE_EVENT_STOP:
		return STOP_INTERRUPT;
	}
	switch (WSTOPSIG(status)) {
	case SIGTRAP | 0x80:
		return STOP_SYSCALL;
	case SIGTRAP:
		return is_fault(task) ? STOP_TRAP : STOP_OTHER;
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGSYS:
		return is_fault(task) ? 0 : STOP_OTHER;
	}
	return STOP_OTHER;
}

/* Waits for a change of state; with @options WNOHANG 0 may be returned for none, else 1. */
static int wait_status(struct injected *task, int options, int *ret_status, struct error *err)
{
	pid_t pid;

	do {
		pid = waitpid(task->tid, ret_status, __WALL | options);
	} while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return fail(err, errno, "cannot wait for the task");
	if (pid == 0)
		return 0;
	if (!WIFSTOPPED(*ret_status))
		return fail_dead(task, *ret_status, err);
	return 1;
}

int injected_wait(struct injected *task, int request, unsigned int wanted, struct error *err)
{
	for (;;) {
		unsigned int stop;
		int status, code;

		code = wait_status(task, 0, &status, err);
		if (code < 0)
			return code;
		stop = stop_of(task, status);
		if (!stop)
			return fail(err, 0, "stopped by signal %d (%s)", WSTOPSIG(status),
				    strsignal(WSTOPSIG(status)));
		if (stop & wanted)
			return (int)stop;
		code = injected_resume(task, request, err);
		if (code < 0)
			return code;
	}
}

int injected_resume(struct injected *task, int request, struct error *err)
{
	/* ESRCH: SIGKILL has ended the stop. The next wait tells. */
	if (ptrace(request, task->tid, NULL, NULL) < 0 && errno != ESRCH)
		return fail(err, errno, "cannot resume the task");
	return 0;
}

int injected_read_regs(struct injected *task, struct error *err)
{
	regs_deinit(&task->regs);
	return regs_get_general(&task->regs, task->tid, err);
}

int injected_enter(struct injected *task, struct error *err)
{
	int code;

	regs_prepare_engine(&task->regs, task->engine->address,
			    (__u64)(unsigned long)task->batch.list);
	code = regs_set(&task->regs, task->tid, err);
	if (code < 0)
		return code;
	return injected_resume(task, PTRACE_CONT, err);
}

int injected_step(struct injected *task, __u64 *ret_fault, struct error *err)
{
	for (;;) {
		siginfo_t info;
		int status, code = injected_resume(task, PTRACE_SINGLESTEP, err);

		if (code == 0)
			code = wait_status(task, 0, &status, err);
		if (code < 0)
			return code;
		if (stop_of(task, status) == STOP_TRAP)
			return 1;
		if (stop_of(task, status))
			continue;
		if (WSTOPSIG(status) != SIGSEGV ||
		    ptrace(PTRACE_GETSIGINFO, task->tid, NULL, &info))
			return fail(err, 0, "stopped by signal %d (%s)", WSTOPSIG(status),
				    strsignal(WSTOPSIG(status)));
		*ret_fault = (__u64)(unsigned long)info.si_addr;
		return 0;
	}
}

/* Result of the call in whose exit stop the task is. */
static int read_result(struct injected *task, __s64 *ret_result, struct error *err)
{
	struct regs regs;
	int code = regs_get_general(&regs, task->tid, err);

	if (code < 0)
		return code;
	*ret_result = regs_syscall_result(&regs);
	regs_deinit(&regs);
	return 0;
}

static int interrupt(struct injected *task, struct error *err)
{
	if (ptrace(PTRACE_INTERRUPT, task->tid, NULL, NULL) < 0 && errno != ESRCH)
		return fail(err, errno, "cannot interrupt the task");
	return 0;
}

/*
 * Reads the result of a call in its exit stop, and leaves that for the stop from which the kernel
 * would restart the call: on ARM64 the exit stop has a mark of its own in x7, and what is written
 * there is lost. Any stop uses up a request to stop, so this one needs its own.
 */
static int end_syscall(struct injected *task, __s64 *ret_result, struct error *err)
{
	int code = read_result(task, ret_result, err);

	if (code == 0)
		code = interrupt(task, err);
	if (code == 0)
		code = injected_resume(task, PTRACE_CONT, err);
	if (code == 0)
		code = injected_wait(task, PTRACE_CONT, STOP_INTERRUPT, err);
	return code < 0 ? code : 0;
}

/* Takes the task to the entry stop of a call at @pc. */
static int enter_syscall(struct injected *task, __u64 pc, long nr, const __u64 args[6],
			 struct error *err)
{
	int code;

	if (task->batch.is_running)
		return fail(err, EBUSY, "cannot inject a call while a batch runs");
	regs_prepare_syscall(&task->regs, pc, nr, args);
	code = regs_set(&task->regs, task->tid, err);
	if (code < 0)
		return code;
	code = injected_resume(task, PTRACE_SYSCALL, err);
	if (code < 0)
		return code;
	code = injected_wait(task, PTRACE_SYSCALL, STOP_SYSCALL, err);
	return code < 0 ? code : 0;
}

int injected_syscall(struct injected *task, long nr, const __u64 args[6], __s64 *ret_result,
		     struct error *err)
{
	__u64 pc = task->engine->address + (__u64)(arch_engine_syscall - arch_engine);
	int code = enter_syscall(task, pc, nr, args, err);

	if (code < 0)
		return code;
	code = injected_resume(task, PTRACE_SYSCALL, err);
	if (code < 0)
		return code;
	code = injected_wait(task, PTRACE_SYSCALL, STOP_SYSCALL, err);
	return code < 0 ? code : end_syscall(task, ret_result, err);
}

/* Waits until the call ends, at most @settle_ms. 1: it is in its exit stop; 0: still sleeping. */
static int wait_settled(struct injected *task, unsigned int settle_ms, struct error *err)
{
	long long end = clock_ns() + settle_ms * 1000000LL;

	for (;;) {
		const struct timespec step = {.tv_nsec = SETTLE_STEP_NS};
		int status, code = wait_status(task, WNOHANG, &status, err);

		if (code < 0)
			return code;
		if (code == 0) {
			if (clock_ns() >= end)
				return 0;
			nanosleep(&step, NULL);
			continue;
		}
		switch (stop_of(task, status)) {
		case STOP_SYSCALL:
			return 1;
		case 0:
			return fail(err, 0, "stopped by signal %d", WSTOPSIG(status));
		}
		code = injected_resume(task, PTRACE_SYSCALL, err);
		if (code < 0)
			return code;
	}
}

int injected_sleep(struct injected *task, __u64 pc, long nr, const __u64 args[6],
		   unsigned int settle_ms, __s64 *ret_result, struct error *err)
{
	int code = enter_syscall(task, pc, nr, args, err);

	if (code < 0)
		return code;
	if (settle_ms) {
		code = injected_resume(task, PTRACE_SYSCALL, err);
		if (code == 0)
			code = wait_settled(task, settle_ms, err);
		if (code < 0)
			return code;
		if (code > 0)
			return end_syscall(task, ret_result, err);
	}
	/* Before the call it works as well: the call finds the request when it wants to sleep. */
	code = interrupt(task, err);
	if (code == 0 && !settle_ms)
		code = injected_resume(task, PTRACE_SYSCALL, err);
	if (code < 0)
		return code;
	code = injected_wait(task, PTRACE_SYSCALL, STOP_SYSCALL, err);
	return code < 0 ? code : end_syscall(task, ret_result, err);
}

int injected_unmap(struct injected *task, struct error *err)
{
	const struct engine *engine = task->engine;
	const __u64 args[6] = {engine->address, engine_size(engine->n_slots)};
	__s64 result = 0;
	int code = injected_syscall(task, SYS_munmap, args, &result, err);

	if (code < 0)
		return code;
	return result < 0 ? fail(err, (int)result, "cannot unmap the engine") : 0;
}
