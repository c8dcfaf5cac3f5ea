// SPDX-License-Identifier: GPL-2.0-only
/* The end of clones: killed, and reaped by the processes that they are children of. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dump/cow.h"
#include "dump/freezer-tree.h"
#include "dump/interrupted.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"

/* Fields of /proc/PID/stat, counted from the state, which is behind the name. */
#define FIELD_STATE       0
#define FIELD_PPID        1
#define FIELD_EXIT_SIGNAL 35
#define DEATH_NS 10000000000ll
#define TRIES    3

static const struct timespec pause_between = {.tv_nsec = 50000000};

/* A number of /proc/PID/stat; -1 if there is no such process. */
static long stat_field(const char *line, int field)
{
	const char *at = strrchr(line, ')');

	for (int i = -1; at && i < field; i++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return !at ? -1 : field == FIELD_STATE ? *at : strtol(at, NULL, 10);
}

char cow_state(const struct cow_clone *clone)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[32], line[1024];

	snprintf(path, sizeof(path), "/proc/%d/stat", clone->child);
	f = fopen(path, "re");
	/* whose end is told to nobody: no program makes such a child */
	if (!f || !fgets(line, sizeof(line), f) || stat_field(line, FIELD_PPID) != clone->pid ||
	    stat_field(line, FIELD_EXIT_SIGNAL) != 0)
		return 0;
	return (char)stat_field(line, FIELD_STATE);
}

/* The number by which its process knows it: the last of those that it has. */
static pid_t find_number(const struct cow_clone *clone)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[32], line[512];
	pid_t found = 0;

	if (clone->vchild)
		return clone->vchild;
	snprintf(path, sizeof(path), "/proc/%d/status", clone->child);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		if (!strncmp(line, "NSpid:", 6))
			found = (pid_t)strtol(strrchr(line, '\t') ?: "", NULL, 10);
	return found;
}

static bool is_dead(pid_t pid)
{
	siginfo_t si = {0};

	return waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 || si.si_pid;
}

void cow_kill(struct cow_clones *clones)
{
	const struct timespec step = {.tv_nsec = 200000};
	long long until = clock_ns() + DEATH_NS;

	for (size_t i = 0; i < clones->n; i++)
		if (clones->list[i].child)
			kill(clones->list[i].child, SIGKILL);
	/* what takes time, the freeing of page tables, is over before the program is stopped */
	for (size_t i = 0; i < clones->n; i++)
		while (clones->list[i].child && !is_dead(clones->list[i].child) &&
		       clock_ns() < until)
			nanosleep(&step, NULL);
}

/* Where the mapping of the main stack begins now; 0 if there is none. */
static __u64 find_stack(pid_t pid)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[32], line[512];
	unsigned long long start, found = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		if (strstr(line, "[stack]") && sscanf(line, "%llx", &start) == 1)
			found = start;
	return found;
}

static int reap_by_parent(struct freezer *f, const struct cow_clone *clone, struct error *err)
{
	const __u64 args[6] = {(__u64)find_number(clone), 0, __WALL | WNOHANG};
	struct guest g;
	long result = 0;
	int ret;

	/* 0 would be any of its children */
	if (!args[0])
		return fail(err, ESRCH, "the number of its clone is not known");
	ret = guest_open(&g, clone->pid, clone->pid, call_was_interrupted, err);
	g.place = clone->place;
	if (!ret && !cow_find_gadgets(&g))
		ret = fail(err, 0, "another program runs there");
	if (!ret)
		ret = guest_settle(&g, 0, NULL);
	if (ret == -EAGAIN)
		ret = guest_settle(&g, find_stack(clone->pid), err);
	if (!ret && !cow_filter_allows(&g))
		ret = fail(err, 0, "its seccomp filter is in the way");
	if (!ret)
		ret = guest_call(&g, SYS_wait4, args, &result, err);
	if (!ret && result < 0 && result != -ECHILD)
		ret = fail(err, (int)result, "wait4");
	if (!ret && !result)
		ret = fail(err, EBUSY, "its clone has not ended");
	guest_close(&g);
	if (g.is_held)
		freezer_set_repeated(f, g.tid);
	return ret;
}

static int reap_one(struct freezer *f, struct cow_clone *clone, bool traced, struct error *err)
{
	siginfo_t si = {0};
	int ret = 0;

	/* whose process has left the tree meanwhile is another round's */
	if (!clone->child || freezer_pidfd(f, clone->pid) < 0)
		return 0;
	/* Now its parent could see it, but stands still. */
	if (traced && waitid(P_PID, (id_t)clone->child, &si, WEXITED | WNOHANG | __WALL) == 0 &&
	    !si.si_pid)
		return fail(err, EBUSY, "clone %d does not end", clone->child);
	if (cow_state(clone))
		ret = reap_by_parent(f, clone, err);
	if (ret)
		return fail_in(err, "process %d", clone->pid);
	clone->child = 0;
	return 0;
}

static int try_reap(struct cow_clones *clones, pid_t root, bool traced, unsigned int timeout,
		    const struct cow_waits *waits, struct log *log, struct error *err)
{
	long long start = 0;
	struct freezer *f = NULL;
	int ret = freezer_create(&f, root, log, err);

	if (ret)
		return ret;
	if (waits)
		freezer_ask_deadlines(f, waits->deadline, waits->arg);
	for (size_t i = 0; i < clones->n && !ret; i++)
		if (clones->list[i].child)
			ret = freezer_ignore(f, clones->list[i].child);
	if (!ret) {
		start = clock_ns();
		ret = freezer_freeze(f, timeout, err);
	}
	if (waits && !ret)
		waits->learn(waits->arg, f);
	/* of those who are made to call now, before that wakes them up */
	for (size_t i = 0; i < clones->n && !ret && waits; i++)
		if (clones->list[i].child)
			freezer_set_deadline(f, clones->list[i].pid,
					     waits->deadline(waits->arg, clones->list[i].pid));
	for (size_t i = 0; i < clones->n && !ret; i++)
		ret = reap_one(f, &clones->list[i], traced, err);
	freezer_thaw(f, THAW_RUN, NULL);
	if (!ret)
		log_info(log, "the clones were taken away in a stop of %.3f ms",
			 (double)(clock_ns() - start) / 1e6);
	freezer_destroy(f);
	return ret;
}

/*
 * A clone outlives its process only as a child of somebody else, who reaps what he is given.
 * Returns whether all are such.
 */
static bool let_orphans_go(struct cow_clones *clones, bool traced)
{
	bool is_any = false;

	for (size_t i = 0; i < clones->n; i++) {
		struct cow_clone *clone = &clones->list[i];

		if (!clone->child)
			continue;
		if (cow_state(clone)) {
			is_any = true;
			continue;
		}
		if (traced)
			waitpid(clone->child, NULL, WNOHANG | __WALL);
		clone->child = 0;
	}
	return !is_any;
}

static bool is_running(pid_t pid)
{
	struct task_status status;

	return !task_status_read(pid, pid, &status) && status.state != 'Z' && status.state != 'X';
}

static pid_t first_process(const struct cow_clones *clones)
{
	for (size_t i = 0; i < clones->n; i++)
		if (clones->list[i].child)
			return clones->list[i].pid;
	return 0;
}

int cow_reap(struct cow_clones *clones, pid_t root, bool traced, unsigned int timeout,
	     const struct cow_waits *waits, struct log *log, struct error *err)
{
	int failures = 0, ret = 0;

	/* all at once; then one by one those who do not belong to the tree any more */
	while (failures < TRIES && !let_orphans_go(clones, traced)) {
		if (!root || !is_running(root))
			root = first_process(clones);
		error_deinit(err);
		ret = try_reap(clones, root, traced, timeout, waits, log, err);
		if (ret && ++failures < TRIES)
			nanosleep(&pause_between, NULL);
		root = ret ? root : 0;
	}
	if (failures < TRIES)
		return 0;
	/* those who are left (the tree does not stop) are the guard's */
	for (size_t i = 0; i < clones->n && traced; i++)
		if (clones->list[i].child)
			waitpid(clones->list[i].child, NULL, WNOHANG | __WALL);
	return ret;
}
