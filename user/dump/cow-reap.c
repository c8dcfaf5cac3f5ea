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
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"

#define DEATH_NS 10000000000ll
#define TRIES    3

static const struct timespec pause_between = {.tv_nsec = 50000000};

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
	char path[32], line[512];
	unsigned long long start, found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		if (strstr(line, "[stack]") && sscanf(line, "%llx", &start) == 1)
			found = start;
	if (f)
		fclose(f);
	return found;
}

/* Another program may run there by now. */
static void find_gadgets(struct guest *g)
{
	unsigned long long start, end;
	char path[32], line[512], flags[8];
	FILE *f;

	if (guest_has_gadgets(g))
		return;
	g->place = (struct guest_place){0};
	snprintf(path, sizeof(path), "/proc/%d/maps", g->pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx-%llx %7s", &start, &end, flags) == 3 && flags[2] == 'x')
			guest_search(g, start, end);
	if (f)
		fclose(f);
}

static int reap_by_parent(const struct cow_clone *clone, struct error *err)
{
	const __u64 args[6] = {(__u64)clone->vchild, 0, __WALL | WNOHANG};
	struct guest g;
	long result = 0;
	int ret = guest_open(&g, clone->pid, clone->pid, call_was_interrupted, err);

	g.place = clone->place;
	if (!ret) {
		find_gadgets(&g);
		if (!g.place.gadgets.call || !g.place.gadgets.sigreturn)
			ret = fail(err, ENOEXEC, "another program runs there");
	}
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
	guest_close(&g);
	return ret;
}

/* A clone outlives its parent only as a child of somebody else, who reaps what he is given. */
static bool has_parent(const struct cow_clone *clone)
{
	struct task_status status;

	return !task_status_read(clone->child, clone->child, &status) && status.ppid == clone->pid;
}

static int reap_one(struct freezer *f, struct cow_clone *clone, bool traced, struct error *err)
{
	siginfo_t si = {0};
	int ret = 0;

	if (!clone->child)
		return 0;
	/* Now its parent could see it, but stands still. */
	if (traced && waitid(P_PID, (id_t)clone->child, &si, WEXITED | WNOHANG | __WALL) == 0 &&
	    !si.si_pid)
		return fail(err, EBUSY, "clone %d does not end", clone->child);
	if (has_parent(clone) && freezer_pidfd(f, clone->pid) >= 0)
		ret = reap_by_parent(clone, err);
	if (ret)
		return fail_in(err, "process %d", clone->pid);
	clone->child = 0;
	return 0;
}

static int try_reap(struct cow_clones *clones, pid_t root, bool traced, unsigned int timeout,
		    long long (*ask)(void *arg, pid_t tid), void *arg, struct log *log,
		    struct error *err)
{
	long long start = 0;
	struct freezer *f = NULL;
	int ret = freezer_create(&f, root, log, err);

	if (ret)
		return ret;
	freezer_ask_deadlines(f, ask, arg);
	for (size_t i = 0; i < clones->n && !ret; i++)
		if (clones->list[i].child)
			ret = freezer_ignore(f, clones->list[i].child);
	if (!ret) {
		start = clock_ns();
		ret = freezer_freeze(f, timeout, err);
	}
	/* of those who are made to call now, before that wakes them up */
	for (size_t i = 0; i < clones->n && !ret && ask; i++)
		if (clones->list[i].child)
			freezer_set_deadline(f, clones->list[i].pid, ask(arg, clones->list[i].pid));
	for (size_t i = 0; i < clones->n && !ret; i++)
		ret = reap_one(f, &clones->list[i], traced, err);
	freezer_thaw(f, THAW_RUN, NULL);
	if (start)
		log_info(log, "the clones were taken away in a stop of %.3f ms",
			 (double)(clock_ns() - start) / 1e6);
	freezer_destroy(f);
	return ret;
}

int cow_reap(struct cow_clones *clones, pid_t root, bool traced, unsigned int timeout,
	     long long (*ask)(void *arg, pid_t tid), void *arg, struct log *log, struct error *err)
{
	int ret = -EAGAIN;

	for (int i = 0; i < TRIES && ret; i++) {
		if (i)
			nanosleep(&pause_between, NULL);
		error_deinit(err);
		ret = try_reap(clones, root, traced, timeout, ask, arg, log, err);
	}
	/* whoever is left (the tree is gone, or does not stop) is let go */
	for (size_t i = 0; i < clones->n && traced; i++)
		if (clones->list[i].child)
			waitpid(clones->list[i].child, NULL, WNOHANG | __WALL);
	return ret;
}
