// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tree of processes keeps its pids, parents, sessions and groups, also where the leader of
 * a group or session lives elsewhere in the tree. Each one looks at itself.
 */
#include "subject.h"

#include <sys/prctl.h>

#define MAX 16

struct member {
	pid_t pid, ppid, sid, pgid;
	char comm[16];
};

struct shared {
	volatile int n, checked;
	struct member members[MAX];
};

static struct shared *shared;

static void look(struct member *m)
{
	m->pid = getpid();
	m->ppid = getppid();
	m->sid = getsid(0);
	m->pgid = getpgid(0);
	prctl(PR_GET_NAME, m->comm);
}

static void enter(const char *name)
{
	prctl(PR_SET_NAME, name);
	look(&shared->members[__atomic_fetch_add(&shared->n, 1, __ATOMIC_SEQ_CST)]);
}

static void wait_and_check(void)
{
	struct member now = {}, *was = shared->members;

	subject_wait_restored();
	look(&now);
	while (was < shared->members + shared->n && was->pid != now.pid)
		was++;
	subject_check(was < shared->members + shared->n, "pid %d is new", now.pid);
	/* The root's parent is not in the tree: it may have ended meanwhile. */
	subject_check(now.ppid == was->ppid || was == shared->members, "%s: parent %d, was %d",
		      was->comm, now.ppid, was->ppid);
	subject_check(now.sid == was->sid, "%s: session %d, was %d", was->comm, now.sid, was->sid);
	subject_check(now.pgid == was->pgid, "%s: group %d, was %d", was->comm, now.pgid, was->pgid);
	subject_check(strcmp(now.comm, was->comm) == 0, "name %s, was %s", now.comm, was->comm);
	__atomic_add_fetch(&shared->checked, 1, __ATOMIC_SEQ_CST);
}

/* A child that runs @begin, then waits with its own children. Returns its pid. */
static pid_t spawn(const char *name, void (*begin)(void))
{
	pid_t pid = subject_fork();

	if (pid == 0) {
		begin();
		enter(name);
		wait_and_check();
		while (wait(NULL) > 0)
			;
		_exit(0);
	}
	return pid;
}

static void nothing(void)
{
}

static void own_session(void)
{
	setsid();
	spawn("in-session", nothing);
}

static void own_group(void)
{
	setpgid(0, 0);
	spawn("in-group", nothing);
}

/* Its group is that of a sibling which was born later. */
static void group_of_sibling(void)
{
	pid_t leader = spawn("late-leader", own_group);

	subject_need(subject_await(getpgid(leader) == leader), "no late leader");
	subject_need(setpgid(0, leader) == 0, "setpgid: %m");
}

/* Forked in the session of its grandparent, whose child began a new one afterwards. */
static void old_session(void)
{
	spawn("before-setsid", nothing);
	setsid();
	spawn("after-setsid", own_group);
}

int main(void)
{
	pid_t pids[4];

	shared = subject_shared(sizeof(*shared));
	enter("root");
	pids[0] = spawn("own-session", own_session);
	pids[1] = spawn("own-group", own_group);
	pids[2] = spawn("sibling-group", group_of_sibling);
	pids[3] = spawn("old-session", old_session);
	subject_need(subject_await(shared->n == 12), "only %d processes", shared->n);
	subject_ready();
	wait_and_check();
	subject_check(subject_await(shared->checked == 12), "only %d are alive", shared->checked);
	for (int i = 0; i < 4; i++)
		subject_check(subject_reap(pids[i]) == 0, "child %d failed", i);
	return subject_end();
}
