/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_INJECT_ENGINE_H
#define CRBPF_INJECT_ENGINE_H

/*
 * The engine runs lists of system calls in other tasks. Its code is one page, its
 * lists lie in an arena: shared memory that is mapped at the same address in
 * every task of a tree, and somewhere in this process. Each injected thread owns
 * one slot of the arena, and so one batch.
 *
 * A thread of the engine is always in one of two states: in a ptrace stop, at the
 * engine's trap, or running its batch. It needs no stack and touches no memory
 * outside engine and arena.
 *
 * The trap is a forced SIGTRAP: it unblocks the signal if it was blocked, and makes
 * its disposition SIG_DFL if it was ignored or blocked. Set both after the last
 * batch (injected_syscall, PTRACE_SETSIGMASK). All other signals stay blocked, and
 * a SIGSTOP that arrives meanwhile is dropped. All calls must come from the thread
 * of this process that made the task, as ptrace wants it.
 *
 * Restore's use: engine_spawn makes the first task, engine_clone its descendants
 * and threads; engine_release hands a thread over to its final registers.
 */

#include <linux/sched.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct batch;
struct error;
struct regs;

struct engine;   /* the arena and its page */
struct injected; /* a thread that the engine drives */

/* Bytes of address space that an engine for @n_threads threads takes: page plus arena. */
size_t engine_size(size_t n_threads);

/*
 * Makes an arena for at most @n_threads threads, to be mapped in tasks at
 * @address (page aligned, engine_size bytes free in every task, and in this process).
 */
int engine_create(struct engine **ret, __u64 address, size_t n_threads, struct error *err);
/*
 * Ends (SIGKILL) and reaps every thread still driven, with the forgotten threads of
 * their processes, and frees all. NULL is fine.
 */
void engine_destroy(struct engine *engine);

/*
 * Clones the first task from this process (clone3 with @args: flags, set_tid,
 * exit_signal, cgroup), seized with PTRACE_O_EXITKILL, TRACESYSGOOD, TRACECLONE,
 * TRACEFORK, TRACEVFORK. It has a copy of this process's memory and descriptors,
 * all signals blocked, all dispositions default, and stands at the engine's trap.
 * Its first batch ought to unmap and close everything else.
 */
int engine_spawn(struct engine *engine, struct clone_args *args, struct injected **ret,
		 struct error *err);

/*
 * Has @parent execute clone3 with @args (addresses in it are prepared by this
 * function: set_tid is an array of this process). With CLONE_THREAD a thread is
 * made. The new one is seized from its first instruction and stands at the trap.
 */
int engine_clone(struct injected *parent, const struct clone_args *args, struct injected **ret,
		 struct error *err);

pid_t injected_tid(const struct injected *task);
struct batch *injected_batch(struct injected *task);
/* Where the engine lies in every task: [engine_address, + engine_size). */
__u64 engine_address(const struct engine *engine);

/*
 * Executes one call outside a batch, without a trap. Result or -errno in *@ret_result.
 * The thread is left in a stop that is no syscall's, so that all of its registers may be set.
 */
int injected_syscall(struct injected *task, long nr, const __u64 args[6], __s64 *ret_result,
		     struct error *err);

/*
 * Executes a call with the instruction at @pc of the task's own code, and waits
 * until it ends or sleeps @settle_ms. A sleeping one is interrupted. *@ret_result
 * is what stands in the result register then (-516: the call waits to be
 * restarted). The thread is left as by injected_syscall, but only its registers may be set
 * and it may be detached.
 */
int injected_sleep(struct injected *task, __u64 pc, long nr, const __u64 args[6],
		   unsigned int settle_ms, __s64 *ret_result, struct error *err);

/*
 * Executes one instruction of the task's, with whatever registers it has been given.
 * Returns 1; 0 if it met memory that is not there, at *@ret_fault, and was not executed;
 * or -errno. Signals that somebody sends meanwhile are dropped.
 */
int injected_step(struct injected *task, __u64 *ret_fault, struct error *err);

/*
 * From now on, until it is let go, no seccomp filter judges the calls of this stopped
 * thread. Takes CAP_SYS_ADMIN, and that this process is under no filter itself. 0 or -errno.
 */
int injected_suspend_seccomp(struct injected *task, struct error *err);

/*
 * Unmaps the engine from the task's memory, by the last thread that runs in it:
 * the others must be past their last batch. The thread is left as by injected_syscall.
 */
int injected_unmap(struct injected *task, struct error *err);

/*
 * Forgets the thread: it stays stopped and traced (with EXITKILL) until the caller
 * detaches it, its slot is free, its tid is the caller's.
 */
void injected_forget(struct injected *task);

#endif
