/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_FREEZER_TREE_H
#define CRBPF_FREEZER_TREE_H

/* Inside the freezer: its tables, and the search for tasks in /proc. */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "dump/freezer.h"
#include "lib/ids.h"

enum frozen_state {
	FROZEN_SEIZED,		/* interrupted, its stop has not been seen */
	FROZEN_STOPPED,
	FROZEN_GONE,		/* dead, and ours no more */
};

struct frozen_task {
	pid_t tid, pid;
	enum frozen_state state;
	long long deadline_ns;	/* of the call that its stop ended; 0: not known */
	uint64_t first_argument;	/* of that call */
	bool has_first_argument;
	bool is_repeated;	/* freezer_set_repeated */
};

struct frozen_process {
	pid_t pid, parent;
	int pidfd;		/* -1 once it has gone */
	bool leader_is_dead;	/* a zombie, unless other threads live */
	uint32_t pass;		/* the last pass that met it */
};

struct freezer {
	struct log *log;
	struct frozen_process *processes;
	size_t n_processes;
	struct frozen_task *tasks;
	size_t n_tasks;
	size_t n_running;	/* tasks in FROZEN_SEIZED */
	struct ids process_index, task_index;	/* pid and tid to position + 1 */
	struct ids ignored;	/* pids that are not looked at */
	long long (*ask_deadline)(void *arg, pid_t tid);
	void *ask_arg;
	pid_t *pids;		/* filled when all is frozen */
	size_t n_pids;
	uint32_t pass;
	long long deadline;	/* CLOCK_MONOTONIC, ns */
	long long frozen_at;	/* when all stood still; 0: not yet */
	sigset_t old_mask;
	bool is_masked, is_thawed;
	char *text;		/* what was read last from /proc */
	size_t text_room;
};

/* Opens @pid and remembers it as a child of @parent. Returns 0, -ESRCH if it is no more, or -errno. */
int freezer_add_process(struct freezer *f, pid_t pid, pid_t parent, struct error *err);
/* Seizes and interrupts a thread. A dying one is passed over. Returns 0 or -errno. */
int freezer_seize(struct freezer *f, struct frozen_process *p, pid_t tid, struct error *err);
/* Lets a thread run on and forgets it. */
void freezer_release(struct freezer *f, struct frozen_task *task);
/*
 * One pass over the tree as /proc shows it now: threads and children not known yet
 * are seized. *@ret_changed says whether there were any, or some have gone.
 */
int freezer_scan(struct freezer *f, bool *ret_changed, struct error *err);

/* What /proc/PID/task/TID/status says. */
struct task_status {
	char state;		/* 'R', 'S', 'D', 'Z', 't' … 0: no such task */
	pid_t tgid, ppid, tracer;
	bool is_kernel_thread;
};
int task_status_read(pid_t pid, pid_t tid, struct task_status *ret);

#endif
