/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_INJECT_INJECTED_H
#define CRBPF_INJECT_INJECTED_H

/* What batch.c, injected.c and engine.c share. Nobody else includes this. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "arch/arch.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/err.h"

/* Enough for a seccomp filter of BPF_MAXINSNS (32 KB) or an iovec of UIO_MAXIOV (16 KB) beside its
 * calls. */
#define ENGINE_SLOT_SIZE 65536

/* What a queued call is called in messages, and where its result goes. */
struct batch_note {
	const char *what;
	__u64 what1, what2;
	__s64 *ret_result;
};

struct batch {
	struct injected *task;
	struct engine_list
		*list; /* at the start of the slot: the same address here and in the task */
	size_t n;      /* calls queued */
	size_t data;   /* offset in the slot of the lowest byte of data; calls grow up to it */
	struct batch_note *notes; /* one per queued call; owned */
	bool is_running;
	struct error err; /* of a run to make room, kept for the next batch_run */
};

struct injected {
	struct engine *engine;
	struct injected *prev, *next; /* in the order of their making */
	pid_t tid;
	size_t slot;
	struct regs regs; /* general registers only, with which it enters the engine */
	struct batch batch;
	bool is_dead; /* its end has been waited for */
};

struct engine {
	__u64 address;
	size_t code_size, n_slots;
	bool *slot_is_used; /* owned */
	struct injected *first, *last;
};

/* --- batch.c ------------------------------------------------------------ */

void batch_init(struct batch *batch, struct injected *task, void *slot);
void batch_deinit(struct batch *batch);
/* Hands out the results of a list that is at its end, and empties the batch. 0 or -errno. */
int batch_collect(struct batch *batch, struct error *err);
/* Puts the call that the task is in before the message. Returns err->code. */
int batch_fail_in(const struct batch *batch, struct error *err);

/* --- injected.c --------------------------------------------------------- */

enum stop {
	STOP_TRAP = 1,      /* the engine's list is at its end */
	STOP_SYSCALL = 2,   /* entry or exit of a call, after PTRACE_SYSCALL */
	STOP_CLONE = 4,     /* PTRACE_EVENT_CLONE, FORK or VFORK */
	STOP_INTERRUPT = 8, /* PTRACE_EVENT_STOP: birth, PTRACE_INTERRUPT, group stop */
	STOP_OTHER = 16,    /* a signal that somebody sent */
};

/*
 * Waits until the task is in one of the @wanted stops and returns which, or -errno
 * if it died or ran into a fault. Any other stop is left again with @request.
 */
int injected_wait(struct injected *task, int request, unsigned int wanted, struct error *err);
/* Restarts the task with @request and no signal; one that has died since is found by injected_wait.
 */
int injected_resume(struct injected *task, int request, struct error *err);
/* Reads the general registers of the task, in a stop, to be those with which it enters the engine.
 */
int injected_read_regs(struct injected *task, struct error *err);
/* Makes it run its list. */
int injected_enter(struct injected *task, struct error *err);

#endif
