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
#include "lib/ids.h"

struct cow;
struct cow_guard;
struct dump;
struct error;
struct freezer;
struct log;
struct process;

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

/* The last answer, which is that of all processes in the same control groups. */
struct cow_room {
	char *groups;		/* as /proc/PID/cgroup has them; owned */
	char *why;		/* there is no room; owned, NULL: there is */
};
/*
 * Could @pid write to @bytes of memory that it now has to itself, without anybody
 * running short? Returns NULL, or why not (borrowed).
 */
const char *cow_has_no_room(struct cow_room *room, pid_t pid, uint64_t bytes);
void cow_room_deinit(struct cow_room *room);

/* --- cow-plan.c ------------------------------------------------------------ */

/* A process as it was while the tree ran. */
struct cow_candidate {
	pid_t pid;
	uint64_t bytes;		/* of anonymous memory */
	struct gadgets gadgets;	/* in its program, if it is worth cloning */
};
struct cow_plan {
	struct cow_candidate *candidates;	/* owned */
	size_t n, n_worthy;
	struct ids index;	/* pid to position + 1 */
	uint64_t bytes;		/* of the whole tree */
	struct cow_room room;
};

/* While the tree of @root runs. Worth cloning is what has @worth bytes or more to itself. Returns 0 or -errno. */
int cow_plan(struct cow_plan *plan, pid_t root, uint64_t worth);
/* The candidate with that pid, or NULL. */
const struct cow_candidate *cow_candidate(const struct cow_plan *plan, pid_t pid);
void cow_plan_deinit(struct cow_plan *plan);
/* Bytes of anonymous memory that the process has now; 0 if that cannot be told. */
uint64_t cow_private_bytes(pid_t pid);
/* Instructions in the program of @g, which needs pid and mem only: those of g->place if they are there. */
bool cow_find_gadgets(struct guest *g);

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
/* What the dump knows of the calls that the second stop takes threads out of. */
struct cow_waits {
	long long (*deadline)(void *arg, pid_t tid);	/* see freezer_ask_deadlines */
	void (*learn)(void *arg, struct freezer *f);	/* all stand still, nobody has called yet */
	void *arg;
};
/*
 * Stops the tree of @root and has the processes reap their dead clones. @waits: NULL: nothing
 * is known. @traced: they still are ours by ptrace. Those whose process has ended need
 * nobody to stop. Returns 0 or -errno.
 */
int cow_reap(struct cow_clones *clones, pid_t root, bool traced, unsigned int timeout,
	     const struct cow_waits *waits, struct log *log, struct error *err);

/* --- cow-guard.c ----------------------------------------------------------- */

/* A process that reaps the clones if this one dies. Returns 0 or -errno. */
int cow_guard_create(struct cow_guard **ret, pid_t root, struct error *err);
/* The list it looks at. */
struct cow_clones *cow_guard_clones(struct cow_guard *guard);
/* Tells it to end, and waits for that; or (not @is_done) leaves the clones to it. NULL is fine. */
void cow_guard_destroy(struct cow_guard *guard, bool is_done);

#endif
