// SPDX-License-Identifier: GPL-2.0-only
/* What the collector says of threads and processes is what the kernel says elsewhere. */

#include "collected.h"

#include <grp.h>
#include <linux/ioprio.h>
#include <linux/securebits.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/personality.h>
#include <sys/resource.h>

static struct collected collect_task(pid_t pid)
{
	return collect(pid, COLLECT_TASKS | COLLECT_RUNNING);
}

static const char *proc(pid_t pid, const char *file)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return path;
}

static __u32 ns_of(pid_t pid, const char *ns)
{
	char file[32];
	struct stat st;

	snprintf(file, sizeof(file), "ns/%s", ns);
	EXPECT_EQ(stat(proc(pid, file), &st), 0);
	return st.st_ino;
}

static void nothing(void *arg)
{
}

#ifdef SYS_arch_prctl
TEST(permitted_register_states)
{
	pid_t pid = child_that(nothing, NULL);
	struct collected c = collect_task(pid);
	__u64 states = 0;

	if (syscall(SYS_arch_prctl, 0x1022 /* ARCH_GET_XCOMP_PERM */, &states))
		SKIP("needs ARCH_GET_XCOMP_PERM");
	EXPECT_NE(states, 0);
	EXPECT_EQ(task_of(&c, pid)->marks.xfeatures & states, states);
}
#endif

TEST(numbers_and_namespaces)
{
	pid_t pid = child_that(nothing, NULL);
	struct collected c = collect_task(pid);
	const struct process_record *p = process_of(&c);
	const struct task_record *t = task_of(&c, pid);
	char exe[PATH_MAX] = "", cwd[PATH_MAX] = "";
	struct stat st;

	EXPECT_EQ(t->pid.virt, pid);
	EXPECT_EQ(t->tgid.host, pid);
	EXPECT_EQ(t->pid_numbers[t->pid_level - 1], pid);
	EXPECT_EQ(p->pid.host, pid);
	EXPECT_EQ(p->parent.host, getpid());
	EXPECT_EQ(p->pgid.host, getpgid(pid));
	EXPECT_EQ(p->sid.host, getsid(pid));
	EXPECT_EQ(p->n_threads, 1);
	EXPECT_EQ(t->pid_ns, ns_of(pid, "pid"));
	EXPECT_EQ(t->pid_ns_children, ns_of(pid, "pid_for_children"));
	EXPECT_EQ(t->net_ns, ns_of(pid, "net"));
	EXPECT_EQ(t->ipc_ns, ns_of(pid, "ipc"));
	EXPECT_EQ(t->uts_ns, ns_of(pid, "uts"));
	EXPECT_EQ(t->mnt_ns, ns_of(pid, "mnt"));
	EXPECT_EQ(t->user_ns, ns_of(pid, "user"));
	EXPECT_EQ(t->cgroup_ns, ns_of(pid, "cgroup"));
	EXPECT_EQ(t->time_ns, ns_of(pid, "time"));
	EXPECT_EQ(t->time_ns_children, ns_of(pid, "time_for_children"));
	EXPECT_EQ(t->exit_signal, SIGCHLD);
	EXPECT_EQ(t->pdeath_signal, SIGKILL);
	EXPECT_EQ(t->ptrace, 0);
	EXPECT_GT(readlink(proc(pid, "exe"), exe, sizeof(exe) - 1), 0);
	EXPECT_GT(readlink(proc(pid, "cwd"), cwd, sizeof(cwd) - 1), 0);
	EXPECT_STREQ(path_of(p, p->exe), exe);
	EXPECT_STREQ(path_of(p, p->cwd), cwd);
	EXPECT_STREQ(path_of(p, p->root), "/");
	EXPECT_EQ(stat(proc(pid, "exe"), &st), 0);
	EXPECT_EQ(p->exe_ino, st.st_ino);
	EXPECT_EQ(stat(proc(pid, "cwd"), &st), 0);
	EXPECT_EQ(p->cwd_ino, st.st_ino);
	EXPECT_EQ(p->cwd_nlink, st.st_nlink);
	EXPECT_EQ(stat("/", &st), 0);
	EXPECT_EQ(p->root_ino, st.st_ino);
	end_child(pid);
}

#define STACK 65536

static pid_t clone_nested(int *depth);

static int nested(void *arg)
{
	int *depth = arg;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (++*depth < 3)
		clone_nested(depth);
	for (;;)
		pause();
	return 0;
}

static pid_t clone_nested(int *depth)
{
	return clone(nested, (char *)shared_memory(STACK) + STACK, CLONE_NEWPID | SIGCHLD, depth);
}

/* Three pid namespaces, each inside the one before. */
TEST(nested_pid_namespaces)
{
	volatile int *depth = shared_memory(4096);
	int numbers[8] = {}, n = 0;
	char children[64] = "", line[512];
	const struct task_record *t;
	struct collected c;
	pid_t outer, pid;
	FILE *f;

	outer = clone_nested((int *)depth);
	if (outer < 0)
		SKIP("no pid namespaces: %s", strerror(errno));
	for (int i = 0; i < 10000 && *depth < 3; i++)
		usleep(1000);
	pid = outer;
	for (int i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "task/%d/children", pid);
		f = fopen(proc(pid, line), "re");
		EXPECT(f && fgets(children, sizeof(children), f));
		fclose(f);
		pid = atoi(children);
	}
	c = collect_task(pid);
	t = task_of(&c, pid);
	f = fopen(proc(pid, "status"), "re");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "NSpid:", 6))
			n = sscanf(line + 6, "%d %d %d %d", &numbers[0], &numbers[1], &numbers[2],
				   &numbers[3]);
	fclose(f);
	EXPECT_EQ(n, 4);
	EXPECT_EQ(t->pid.virt, 1);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(t->pid_numbers[t->pid_level - 4 + i], numbers[i]);
	EXPECT_EQ(t->pid_ns, ns_of(pid, "pid"));
	EXPECT_EQ(process_of(&c)->parent.virt, 0); /* outside of its namespace */
	EXPECT_GT(process_of(&c)->parent.host, 1);
	end_child(outer);
}

/* The collector itself in a pid namespace counts as that namespace does. */
TEST(numbers_are_those_of_the_caller)
{
	pid_t outer;
	int status;

	if (unshare(CLONE_NEWPID))
		SKIP("no pid namespaces: %s", strerror(errno));
	outer = test_fork();
	if (!outer) {
		pid_t pid = child_that(nothing, NULL);
		struct collected c = collect_task(pid);

		EXPECT_EQ(getpid(), 1);
		EXPECT_EQ(process_of(&c)->pid.host, pid);
		EXPECT_EQ(process_of(&c)->pid.virt, pid);
		EXPECT_EQ(process_of(&c)->parent.host, 1);
		EXPECT_GE(task_of(&c, pid)->pid_level, 2);
		exit(TEST_PASSED);
	}
	EXPECT_EQ(waitpid(outer, &status, 0), outer);
	EXPECT(WIFEXITED(status));
	exit(WEXITSTATUS(status));
}

static void set_attributes(void *arg)
{
	gid_t groups[150];
	cpu_set_t cpus;

	for (int i = 0; i < 150; i++)
		groups[i] = 1000 + 3 * i;
	prctl(PR_SET_NAME, "an odd name");
	prctl(PR_SET_TIMERSLACK, 123456);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	personality(ADDR_NO_RANDOMIZE);
	umask(027);
	setpriority(PRIO_PROCESS, 0, 7);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6));
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &(struct sched_param){});
	setgroups(150, groups);
	prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP);
	if (setresgid(11, 12, 13) || setresuid(21, 22, 23))
		_exit(3);
	prctl(PR_SET_DUMPABLE, 1);
}

TEST(attributes)
{
	pid_t pid = child_that(set_attributes, NULL);
	struct collected c = collect_task(pid);
	const struct process_record *p = process_of(&c);
	const struct task_record *t = task_of(&c, pid);
	const char *status = strdup(proc(pid, "status"));

	EXPECT_STREQ(t->comm, "an odd name");
	EXPECT_EQ(t->timer_slack_ns, 123456);
	EXPECT_EQ(t->no_new_privs, 1);
	EXPECT_EQ(t->personality, ADDR_NO_RANDOMIZE);
	EXPECT_EQ(t->nice, 7);
	EXPECT_EQ(t->policy, SCHED_BATCH);
	EXPECT_EQ(t->sched_reset_on_fork, 1);
	EXPECT_EQ(t->ioprio, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6));
	EXPECT_EQ(t->cpus[0], 1);
	EXPECT_EQ(t->cpus[1], 0);
	EXPECT_EQ(t->creds.uid, 21);
	EXPECT_EQ(t->creds.euid, 22);
	EXPECT_EQ(t->creds.suid, 23);
	EXPECT_EQ(t->creds.fsuid, 22);
	EXPECT_EQ(t->creds.gid, 11);
	EXPECT_EQ(t->creds.egid, 12);
	EXPECT_EQ(t->creds.sgid, 13);
	EXPECT_EQ(t->creds.fsgid, 12);
	EXPECT_EQ(t->creds.securebits, SECBIT_KEEP_CAPS | SECBIT_NO_SETUID_FIXUP);
	EXPECT_EQ(t->creds.caps.permitted, proc_number(status, "CapPrm:", 16));
	EXPECT_EQ(t->creds.caps.effective, proc_number(status, "CapEff:", 16));
	EXPECT_EQ(t->creds.caps.inheritable, proc_number(status, "CapInh:", 16));
	EXPECT_EQ(t->creds.caps.bounding, proc_number(status, "CapBnd:", 16));
	EXPECT_EQ(t->creds.caps.ambient, proc_number(status, "CapAmb:", 16));
	EXPECT_EQ(t->creds.n_groups, 150);
	EXPECT_EQ(t->head.part, 3);
	for (int i = 0; i < 150; i++) {
		const struct groups_record *g = part_of(&c, t, i / RECORD_GROUPS);

		EXPECT_EQ(g->head.type, RECORD_GROUPS_PART);
		EXPECT_EQ(g->first, i / RECORD_GROUPS * RECORD_GROUPS);
		EXPECT_EQ(g->gid[i % RECORD_GROUPS], 1000 + 3 * i);
	}
	EXPECT_EQ(p->umask, 027);
	EXPECT_EQ(p->is_child_subreaper, 1);
	EXPECT_EQ(p->dumpable, 1);
	EXPECT_EQ(p->oom_score_adj, (int)proc_number(proc(pid, "oom_score_adj"), "", 10));
	EXPECT_EQ(p->loginuid, (__u32)proc_number(proc(pid, "loginuid"), "", 10));
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit want;

		EXPECT_EQ(prlimit(getpid(), i, NULL, &want), 0); /* inherited */
		EXPECT_EQ(deep_of(&c, p)->rlimits[i].cur, want.rlim_cur);
		EXPECT_EQ(deep_of(&c, p)->rlimits[i].max, want.rlim_max);
	}
	end_child(pid);
}

TEST(stopped_and_traced)
{
	pid_t pid = child_that(nothing, NULL);
	struct collected c;
	int status;

	kill(pid, SIGTSTP);
	EXPECT_EQ(waitpid(pid, &status, WUNTRACED), pid);
	c = collect_task(pid);
	EXPECT_EQ(process_of(&c)->stop_signal, SIGTSTP); /* although the parent was told */
	kill(pid, SIGCONT);
	await_state(pid, 'S');
	c = collect_task(pid);
	EXPECT_EQ(process_of(&c)->stop_signal, 0);
	end_child(pid);
}

TEST(zombie)
{
	struct collected c;
	pid_t pid = test_fork();

	if (!pid)
		_exit(42);
	await_state(pid, 'Z');
	c = collect(pid, COLLECT_ALL);
	EXPECT_EQ(task_of(&c, pid)->exit_state, 0x20);
	EXPECT_EQ(task_of(&c, pid)->exit_code, 42 << 8);
	EXPECT_EQ(task_of(&c, pid)->mm, 0);
	EXPECT_EQ(process_of(&c)->mm, 0);
	EXPECT_EQ(process_of(&c)->pid.host, pid);
	EXPECT_EQ(process_of(&c)->parent.host, getpid());
	EXPECT_EQ(count_records(&c, RECORD_VMA) + count_records(&c, RECORD_FILE), 0);
	waitpid(pid, NULL, 0);
}
