/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_FREEZER_H
#define CRBPF_FREEZER_H

/*
 * Brings a process tree to a standstill and holds it there: every thread of every
 * process is seized (PTRACE_SEIZE) and interrupted, until a whole pass over the
 * tree finds nothing new and nothing that runs. Nothing is changed in the tasks.
 *
 * What happens when crbpf is killed meanwhile: the kernel detaches, and every task
 * goes on. For that to be true, stops are looked at with WNOWAIT only: a signal on
 * its way to a task would otherwise be lost with us. A task stopped by job control
 * stays stopped: the kernel puts it back.
 *
 * One thread does all of it: ptrace knows tracers, not processes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct freezer;
struct log;

enum thaw_how {
	THAW_RUN,	/* goes on as before */
	THAW_STOP,	/* stopped by SIGSTOP before its next instruction */
	THAW_KILL,	/* killed without executing another instruction */
};

/*
 * Opens the root of the tree; nothing is stopped yet. Refuses what is no process,
 * and a tree to which this process belongs. SIGCHLD is blocked until
 * freezer_destroy. Returns 0 or -errno.
 */
int freezer_create(struct freezer **ret, pid_t root, struct log *log, struct error *err);
/*
 * Freezes, in @timeout seconds at most (0: no limit). On failure some tasks may stand still:
 * freezer_thaw is to be called. -ETIMEDOUT: something cannot be stopped, or the
 * tree changes faster than it can be caught. Returns 0 or -errno.
 */
int freezer_freeze(struct freezer *f, unsigned int timeout, struct error *err);
/* The call in which thread @tid was stopped is to end at this moment of CLOCK_MONOTONIC, at the latest. */
void freezer_set_deadline(struct freezer *f, pid_t tid, long long deadline_ns);
/* What that call's first argument was (struct record_marks). */
void freezer_tell_first(struct freezer *f, pid_t tid, uint64_t first);
/* The moment, asked for when it is needed: 0 if it is not known. */
void freezer_ask_deadlines(struct freezer *f, long long (*ask)(void *arg, pid_t tid), void *arg);
/*
 * Thread @tid has been made to call meanwhile, and its registers make the call again that the
 * stop ended with -EINTR: if a signal has come it is to be EINTR after all.
 */
void freezer_set_repeated(struct freezer *f, pid_t tid);
/* @pid, a child of somebody in the tree, is no part of it. Before freezer_freeze. Returns 0 or -errno. */
int freezer_ignore(struct freezer *f, pid_t pid);
/*
 * Ends the freeze. THAW_RUN executes calls again which a stop made return EINTR.
 * THAW_KILL waits until the tasks are dead. Once called, does nothing more. Tasks
 * that have gone meanwhile are no error. Returns 0 or -errno.
 */
int freezer_thaw(struct freezer *f, enum thaw_how how, struct error *err);
/* Thaws (THAW_RUN) if that was not done, and frees. NULL is fine. */
void freezer_destroy(struct freezer *f);

/* The processes held, zombies too; the root first. Borrowed. */
size_t freezer_pids(const struct freezer *f, const pid_t **ret);
/* A pidfd of the process; borrowed, -1 if it is not held. */
int freezer_pidfd(const struct freezer *f, pid_t pid);

#endif
