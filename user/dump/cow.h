/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_DUMP_COW_H
#define CRBPF_DUMP_COW_H

/*
 * The copy-on-write snapshot of a tree that is to run on: processes with much memory are
 * cloned inside while all stand still, the tree is thawed, and their memory is read from the
 * clones. A second short stop takes the clones away again. What a clone would not
 * have is copied in the first stop, as are processes without one.
 *
 * A clone never executes an instruction of the program, holds no descriptor, belongs
 * to a session of its own, and its end is told to nobody. If crbpf is killed it is killed
 * too, and a guard (cow-guard.c) reaps it in the same way.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dump/page-source.h"
#include "inject/guest.h"

struct cow;
struct cow_guard;
struct dump;
struct error;
struct log;
struct process;
struct waits;

/* A clone, as those who reap it know it. */
struct cow_clone {
	pid_t pid;		/* of the process that was cloned */
	pid_t child;		/* its clone; 0: none (any more) */
	pid_t vchild;		/* the number by which the process knows it */
	struct guest_place place;
};

#define COW_CLONES_MAX 4096
/* In memory shared with the guard. */
struct cow_clones {
	size_t n;
	struct cow_clone list[COW_CLONES_MAX];
};

/* --- cow.c: the stage ----------------------------------------------------- */

/* While the tree runs: makes the guard if there is much memory and it may be cloned. Returns 0 or -errno. */
int cow_prepare(struct dump *d, struct error *err);
void cow_deinit(struct dump *d);
/* The clone to read @p's memory from, and what it has not got; 0: there is none. */
pid_t cow_child(const struct dump *d, const struct process *p, const struct saved_pages **ret_saved);

/* --- cow-room.c ------------------------------------------------------------ */

/* Bytes of anonymous memory that the process has now; 0 if that cannot be told. */
uint64_t cow_private_bytes(pid_t pid);
/*
 * Could @pid write to @bytes of memory that it now has to itself, without anybody
 * running short? Else *@ret_why says where there is no room (caller frees).
 */
bool cow_has_room(pid_t pid, uint64_t bytes, char **ret_why);

/* --- cow-filter.c ---------------------------------------------------------- */

/* Do the seccomp filters of @g, which is settled, let all our calls pass, those of the way back too? */
bool cow_filter_allows(const struct guest *g);

/* --- cow-reap.c ------------------------------------------------------------ */

/*
 * The state letter of a clone, as /proc shows it. 0: it is gone, or no child of the process any
 * more that it was cloned from; its number may be somebody else's by now.
 */
char cow_state(const struct cow_clone *clone);
/* Kills the clones, which are ours, and waits until their memory is free. */
void cow_kill(struct cow_clones *clones);
/*
 * Stops the tree of @root and has the processes reap their dead clones. @ask: see
 * freezer_ask_deadlines. @traced: they still are ours by ptrace. Those whose process has
 * ended need nobody to stop. Returns 0 or -errno.
 */
int cow_reap(struct cow_clones *clones, pid_t root, bool traced, unsigned int timeout,
	     long long (*ask)(void *arg, pid_t tid), void *arg, struct log *log, struct error *err);

/* --- cow-guard.c ----------------------------------------------------------- */

/* A process that reaps the clones if this one dies. Returns 0 or -errno. */
int cow_guard_create(struct cow_guard **ret, pid_t root, struct error *err);
/* The list it looks at. */
struct cow_clones *cow_guard_clones(struct cow_guard *guard);
/* Tells it to end, and waits for that; or (not @is_done) leaves the clones to it. NULL is fine. */
void cow_guard_destroy(struct cow_guard *guard, bool is_done);

#endif
