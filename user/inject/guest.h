/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_INJECT_GUEST_H
#define CRBPF_INJECT_GUEST_H

/*
 * System calls made by a stopped thread of a living program, which must not be harmed
 * whenever crbpf is killed. No code of ours goes into it: the thread is put at a system
 * call instruction of its own program, its stack pointer at signal frames in fresh pages
 * below its main stack. Should nobody be there any more when the call is over, it returns
 * by way of rt_sigreturn to where it was, with all its registers and its signal mask.
 * Normally ptrace puts all of that back.
 *
 * What a killed crbpf may leave behind: a call with a timeout that starts over.
 */

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "arch/arch.h"
#include "arch/frame.h"

struct error;

/* Where a process can be made to call; as long as its program is the same, good for many calls. */
struct guest_place {
	struct gadgets gadgets;
	__u64 start, size;	/* the pages with the frames; 0: none yet */
};

struct guest {
	pid_t pid, tid;
	int mem;		/* /proc/PID/mem; owned */
	struct guest_place place;
	struct regs saved;	/* all, as they are put back; owned */
	struct regs work;	/* the general ones, with which it calls; owned */
	__u64 mask;		/* its signal mask */
	long long deadline_ns;	/* no call may last longer: CLOCK_MONOTONIC */
	bool is_repeated;	/* the call that its stop has ended is made again */
	bool is_away;		/* it is not where it was */
	bool is_held;		/* it was away, and that call is in its registers now: regs_hold_call */
};

/*
 * Thread @tid is in a stop of PTRACE_INTERRUPT, not waited for, with PTRACE_O_TRACESYSGOOD.
 * -EINVAL, with the reason, for one that cannot be a guest. @repeats (NULL: none) says
 * whether a call that has ended with -EINTR is to be made again. Returns 0 or -errno;
 * guest_close in either case.
 */
int guest_open(struct guest *g, pid_t pid, pid_t tid, bool (*repeats)(const struct regs *),
	       struct error *err);
/* Looks in [start, end) of the program for what g->place.gadgets lacks. */
void guest_search(struct guest *g, __u64 start, __u64 end);
/* Are the instructions of g->place still there? */
bool guest_has_gadgets(const struct guest *g);
/*
 * Writes the frames: into the pages of g->place if they are still ours, else into new
 * ones below @stack, where the mapping of the main stack begins (0: not known; then
 * -EAGAIN if new ones are wanted). Returns 0 or -errno.
 */
int guest_settle(struct guest *g, __u64 stack, struct error *err);

/* A system call. */
struct guest_call {
	long nr;
	__u64 args[6];
};

/* What close_range is told in a clone: CLOSE_RANGE_UNSHARE, which older headers lack. */
#define GUEST_CLOSE_FLAGS 2u
/* All the calls of a clone and of the ways back: into @calls, with room for GUEST_CALLS. Returns their number. */
#define GUEST_CALLS 8
size_t guest_list_calls(const struct guest *g, struct guest_call *calls);
/* Makes the call. Returns 0 or -errno; *@ret_result is the call's. -EAGAIN: a signal came first. */
int guest_call(struct guest *g, long nr, const __u64 args[6], long *ret_result, struct error *err);
/*
 * Clones a child that shares the descriptors and nothing else, tells nobody of its end,
 * and stands still, traced, before its first instruction; it can do nothing but end.
 * *@ret_child is its pid, *@ret_vpid what the thread calls it; *@ret_child is set as soon as it exists.
 * The kernel's refusal is returned as it is (-EAGAIN, -ENOMEM …).
 */
int guest_clone(struct guest *g, pid_t *ret_child, pid_t *ret_vpid, struct error *err);
/* Brings the thread back to where it was, in a stop like the one it came from. 0 or -errno. */
int guest_leave(struct guest *g, struct error *err);
/* Leaves if that was not done, and frees. */
void guest_close(struct guest *g);

/* Lets that child make a call. @place is its parent's. Returns 0 or -errno. */
int guest_child_call(pid_t child, const struct guest_place *place, long nr, const __u64 args[6],
		     long *ret_result, struct error *err);

#endif
