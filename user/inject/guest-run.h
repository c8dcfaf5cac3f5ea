/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_INJECT_GUEST_RUN_H
#define CRBPF_INJECT_GUEST_RUN_H

/* Between guest.c and guest-run.c: a thread from stop to stop. */

#include <stdbool.h>
#include <sys/types.h>

struct error;

enum guest_stop {
	GUEST_SYSCALL = 1,	/* entry or exit of a call */
	GUEST_CLONE,		/* a child was made */
	GUEST_INTERRUPT,	/* PTRACE_INTERRUPT, group stop, birth */
	GUEST_SIGNAL,		/* *ret_signal is on its way to it, and still is */
};

/*
 * Waits for the next stop of @tid, without taking it: a signal would be lost with us.
 * Returns an enum guest_stop, or -errno (-ESRCH: it is dead).
 */
int guest_wait(pid_t tid, long long deadline_ns, int *ret_signal, struct error *err);
/* Resumes by @request with @signal, and waits. */
int guest_resume(pid_t tid, int request, int signal, long long deadline_ns, int *ret_signal,
		 struct error *err);
/*
 * From the stop after entry to exit of a call: *@ret_child is set if one was made
 * meanwhile, which then stands still. Returns 0 or -errno.
 */
int guest_finish_call(pid_t tid, long long deadline_ns, pid_t *ret_child, struct error *err);

#endif
