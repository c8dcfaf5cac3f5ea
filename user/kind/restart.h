/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_KIND_RESTART_H
#define CRBPF_KIND_RESTART_H

/*
 * A call that sleeps for a time and is stopped leaves its deadline in the
 * kernel's restart block of the thread, and -ERESTART_RESTARTBLOCK in its result register.
 * No interface writes that block, but the call itself does: a restored thread executes it with
 * the time that remained, is interrupted (injected_sleep), and then gets its saved
 * registers with the same result (regs_rearm_syscall): it sleeps on until the
 * deadline. Other calls in between do no harm, a signal handler would.
 */

#include <linux/types.h>
#include <stdbool.h>

struct new_task;
struct restore;

struct restart_call {
	long nr;
	__u64 args[6];
	/* Argument that must point at @time in the task's memory while it executes; -1: none. */
	int time_arg;
	struct {
		__s64 sec, nsec;
	} time; /* a struct timespec */
};

/*
 * Does @t go on with a sleep, and by which call is it armed? To be asked right before the
 * call is executed: it holds times as of now. The result of the call must be
 * -ERESTART_RESTARTBLOCK; any other is what the program's own call now returns, and
 * nothing waits to be restarted then (regs_end_syscall).
 */
bool restart_plan(const struct restore *r, const struct new_task *t, struct restart_call *ret);

#endif
