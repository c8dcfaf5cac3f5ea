// SPDX-License-Identifier: GPL-2.0-only
/*
 * Orphans stay in the session and group of those who are dead, or who live elsewhere: the
 * leader of a session or group has ended and was reaped, is a zombie, is a sibling, or
 * the child of one.
 */
#include "subject.h"

#include <sys/prctl.h>

#define MAX 16

struct member {
	pid_t pid, ppid, sid, pgid;
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
}

static void check(const struct member *was)
{
	struct member now;

	look(&now);
	subject_check(now.pid == was->pid && now.ppid == was->ppid && now.sid == was->sid &&
			      now.pgid == was->pgid,
		      "%d, child of %d in %d, %d, was %d, child of %d in %d, %d", now.pid, now.ppid,
		      now.sid, now.pgid, was->pid, was->ppid, was->sid, was->pgid);
	__atomic_add_fetch(&shared->checked, 1, __ATOMIC_SEQ_CST);
}

/* Becomes a member once the root has adopted it. */
static void live(pid_t root)
{
	struct member *me;

	subject_need(subject_await(getppid() == root), "it was not adopted");
	me = &shared->members[__atomic_fetch_add(&shared->n, 1, __ATOMIC_SEQ_CST)];
	look(me);
	subject_wait_restored();
	check(me);
	pause();
}

static pid_t start(void)
{
	pid_t pid = subject_fork();

	return pid;
}

/* A leader of a session with two orphans, one in a group whose leader is gone too. */
static pid_t dead_leaders(pid_t root)
{
	pid_t leader = start(), group;

	if (leader)
		return leader;
	setsid();
	if (!start())
		live(root);
	group = start();
	if (!group) {
		setpgid(0, 0);
		if (!start())
			live(root);
		if (!start())
			live(root);
		_exit(0);
	}
	subject_reap(group);
	_exit(0);
}

/* Its leader ends and stays a zombie. */
static pid_t zombie_leader(pid_t root)
{
	pid_t leader = start();

	if (leader)
		return leader;
	setsid();
	if (!start())
		live(root);
	_exit(3);
}

/* Its leader lives, a sibling by adoption. */
static pid_t living_leader(pid_t root)
{
	pid_t leader = start(), between;

	if (leader)
		return leader;
	setsid();
	between = start();
	if (!between) {
		if (!start())
			live(root);
		_exit(0);
	}
	subject_reap(between);
	live(root);
	_exit(0);
}

/* Its leader lives, two generations down. */
static pid_t distant_leader(pid_t root)
{
	pid_t middle = start(), leader, between;

	if (middle)
		return middle;
	leader = start();
	if (leader) {
		subject_wait_restored();
		subject_check(subject_reap(leader) == 5 << 8, "the distant leader failed");
		_exit(5);
	}
	setsid();
	between = start();
	if (!between) {
		if (!start())
			live(root);
		_exit(0);
	}
	subject_reap(between);
	subject_wait_restored();
	subject_check(getsid(0) == getpid(), "the distant leader leads no more");
	_exit(5);
}

int main(void)
{
	pid_t root = getpid(), dead, zombie, living, distant;
	siginfo_t info = {0};
	sigset_t pending;

	shared = subject_shared(sizeof(*shared));
	subject_need(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "subreaper: %m");
	dead = dead_leaders(root);
	zombie = zombie_leader(root);
	living = living_leader(root);
	distant = distant_leader(root);
	subject_need(subject_reap(dead) == 0, "the dead leader failed");
	subject_need(waitid(P_PID, zombie, &info, WEXITED | WNOWAIT) == 0, "waitid: %m");
	subject_need(subject_await(shared->n == 7), "only %d live", shared->n);
	subject_ready();
	subject_wait_restored();

	sigpending(&pending);
	subject_check(!sigismember(&pending, SIGCHLD), "SIGCHLD is pending");
	subject_check(subject_await(shared->checked == 7), "only %d are alive", shared->checked);
	subject_check(subject_reap(zombie) == 3 << 8, "the zombie has another status");
	subject_check(subject_reap(distant) == 5 << 8, "the child of the middle failed");
	for (int i = 0; i < shared->n; i++) {
		kill(shared->members[i].pid, SIGKILL);
		subject_check(subject_reap(shared->members[i].pid) == SIGKILL, "%d did not end",
			      shared->members[i].pid);
	}
	subject_check(living > 0 && waitpid(-1, NULL, WNOHANG) < 0, "there is another child");
	return subject_end();
}
