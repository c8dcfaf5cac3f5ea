// SPDX-License-Identifier: GPL-2.0-only
/* What the collector says of threads and processes is what the kernel says elsewhere. */

#include "collected.h"

#include <grp.h>
#include <linux/futex.h>
#include <linux/ioprio.h>
#include <linux/securebits.h>
#include <linux/seccomp.h>
#include <linux/filter.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/capability.h>
#include <sys/eventfd.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#define NS 1000000000LL

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

static long long now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

static void nothing(void *arg) {}

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
	int numbers[8] = {}, n = 0;
	char children[64] = "", line[512];
	const struct task_record *t;
	struct collected c;
	pid_t outer, pid;
	FILE *f;

	outer = clone_nested(shared_memory(4096));
	if (outer < 0)
		SKIP("no pid namespaces: %s", strerror(errno));
	usleep(100000);
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
			n = sscanf(line + 6, "%d %d %d %d", &numbers[0], &numbers[1], &numbers[2], &numbers[3]);
	fclose(f);
	EXPECT_EQ(n, 4);
	EXPECT_EQ(t->pid.virt, 1);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(t->pid_numbers[t->pid_level - 4 + i], numbers[i]);
	EXPECT_EQ(t->pid_ns, ns_of(pid, "pid"));
	EXPECT_EQ(process_of(&c)->parent.virt, 0);	/* outside of its namespace */
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
	outer = fork();
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

		EXPECT_EQ(prlimit(getpid(), i, NULL, &want), 0);	/* inherited */
		EXPECT_EQ(p->rlimits[i].cur, want.rlim_cur);
		EXPECT_EQ(p->rlimits[i].max, want.rlim_max);
	}
	end_child(pid);
}

static void handler(int signo) {}

static void set_signals(void *arg)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK };
	stack_t *stack = arg;
	sigset_t blocked;

	sigfillset(&act.sa_mask);
	sigdelset(&act.sa_mask, SIGHUP);
	sigaction(SIGUSR1, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	stack->ss_sp = malloc(65536);
	stack->ss_size = 65536;
	sigaltstack(stack, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	sigaddset(&blocked, SIGRTMIN);
	sigaddset(&blocked, SIGRTMIN + 5);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	for (int i = 0; i < 5; i++)
		sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 100 + i });
	syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2);
}

TEST(signals)
{
	stack_t *stack = shared_memory(4096);
	pid_t pid = child_that(set_signals, stack);
	const struct process_record *p;
	const struct task_record *t;
	const siginfo_t *info;
	struct collected c;

	EXPECT_EQ(sigqueue(pid, SIGRTMIN + 5, (union sigval){ .sival_ptr = (void *)0x123456789a }), 0);
	c = collect_task(pid);
	p = process_of(&c);
	t = task_of(&c, pid);
	EXPECT_EQ(t->blocked, 1ULL << (SIGUSR2 - 1) | 1ULL << (SIGRTMIN - 1) | 1ULL << (SIGRTMIN + 4));
	EXPECT_EQ(t->pending, 1ULL << (SIGUSR2 - 1));
	EXPECT_EQ(t->n_pending, 1);
	info = (void *)((struct siginfo_record *)part_of(&c, t, 0))->siginfo;
	EXPECT_EQ(info->si_signo, SIGUSR2);
	EXPECT_EQ(info->si_code, SI_TKILL);
	EXPECT_EQ(info->si_pid, pid);
	EXPECT_EQ(p->shared_pending, 1ULL << (SIGRTMIN - 1) | 1ULL << (SIGRTMIN + 4));
	EXPECT_EQ(p->n_shared_pending, 6);
	for (int i = 0; i < 6; i++) {
		const struct siginfo_record *s = part_of(&c, p, i);

		info = (void *)s->siginfo;
		EXPECT_EQ(s->where, SIGINFO_SHARED);
		EXPECT_EQ(info->si_code, SI_QUEUE);
		EXPECT_EQ(info->si_signo, i < 5 ? SIGRTMIN : SIGRTMIN + 5);
		if (i < 5)
			EXPECT_EQ(info->si_value.sival_int, 100 + i);
		else
			EXPECT_EQ((long)info->si_value.sival_ptr, 0x123456789a);
		EXPECT_EQ(info->si_pid, i < 5 ? pid : getpid());
	}
	EXPECT_EQ(t->sas_sp, (unsigned long)stack->ss_sp);
	EXPECT_EQ(t->sas_size, 65536);
	EXPECT_EQ(p->actions[SIGUSR1 - 1].handler, (unsigned long)handler);
	EXPECT_EQ(p->actions[SIGUSR1 - 1].flags & (SA_RESTART | SA_ONSTACK), SA_RESTART | SA_ONSTACK);
	EXPECT_EQ(p->actions[SIGUSR1 - 1].mask & 0x7fffffff, 0x7fffffff & ~(1UL << (SIGHUP - 1)) &
		  ~(1UL << (SIGKILL - 1)) & ~(1UL << (SIGSTOP - 1)));
	EXPECT_EQ(p->actions[SIGPIPE - 1].handler, (unsigned long)SIG_IGN);
	EXPECT_EQ(p->actions[SIGTERM - 1].handler, (unsigned long)SIG_DFL);
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
	EXPECT_EQ(process_of(&c)->stop_signal, SIGTSTP);	/* although the parent was told */
	kill(pid, SIGCONT);
	usleep(10000);
	c = collect_task(pid);
	EXPECT_EQ(process_of(&c)->stop_signal, 0);
	end_child(pid);
}

TEST(zombie)
{
	struct collected c;
	pid_t pid = fork();

	if (!pid)
		_exit(42);
	usleep(50000);
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

struct timers {
	timer_t mono, real, cpu, none, fired;
	struct itimerspec left[5];
	struct itimerval itimer[3];
};

static timer_t make_timer(clockid_t clock, int notify, int signo, int value, int flags,
			  long long expires, long long interval)
{
	struct sigevent event = { .sigev_notify = notify, .sigev_signo = signo, .sigev_value.sival_int = value };
	struct itimerspec set = {
		.it_value = { expires / NS, expires % NS },
		.it_interval = { interval / NS, interval % NS },
	};
	timer_t timer;

	if (notify == SIGEV_THREAD_ID)
		event._sigev_un._tid = gettid();
	if (syscall(SYS_timer_create, clock, &event, &timer) ||
	    syscall(SYS_timer_settime, timer, flags, &set, NULL))
		_exit(4);
	return timer;
}

static void set_timers(void *arg)
{
	struct itimerval real = { .it_value = { 500, 7 }, .it_interval = { 3, 4 } };
	struct itimerval cpu = { .it_value = { 600, 0 }, .it_interval = { 0, 250000 } };
	struct timers *t = arg;
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	t->mono = make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1, 77, 0, 1000 * NS, 5 * NS);
	t->real = make_timer(CLOCK_REALTIME, SIGEV_THREAD_ID, SIGUSR1, 1, TIMER_ABSTIME,
			     now_ns(CLOCK_REALTIME) + 2000 * NS, 0);
	t->cpu = make_timer(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR2, 2, 0, 3000 * NS, 0);
	t->none = make_timer(CLOCK_BOOTTIME, SIGEV_NONE, 0, 3, 0, 4000 * NS, 0);
	t->fired = make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 2, 4, 0, NS / 1000, NS / 1000);
	setitimer(ITIMER_REAL, &real, NULL);
	setitimer(ITIMER_VIRTUAL, &cpu, NULL);
	usleep(20000);
	for (int i = 0; i < 3; i++)
		getitimer(i, &t->itimer[i]);
	syscall(SYS_timer_gettime, t->mono, &t->left[0]);
}

static const struct timer_record *timer_of(const struct collected *c, timer_t id)
{
	for_each_record(c, rec)
		if (rec->type == RECORD_TIMER_PART && ((struct timer_record *)rec)->id == (__u32)(long)id)
			return (void *)rec;
	FAIL("there is no timer %ld", (long)id);
}

TEST(timers)
{
	struct timers *want = shared_memory(sizeof(*want));
	pid_t pid = child_that(set_timers, want);
	struct collected c = collect_task(pid);
	const struct process_record *p = process_of(&c);
	const struct timer_record *t;

	EXPECT_EQ(p->n_timers, 5);
	/* one signal of the fired timer is queued */
	EXPECT_EQ(p->head.part, p->n_timers + p->n_shared_pending);
	t = timer_of(&c, want->mono);
	EXPECT_EQ(t->clock, CLOCK_MONOTONIC);
	EXPECT_EQ(t->notify, SIGEV_SIGNAL);
	EXPECT_EQ(t->signo, SIGRTMIN + 1);
	EXPECT_EQ((int)t->sigval, 77);
	EXPECT_EQ(t->interval_ns, 5 * NS);
	EXPECT_EQ(t->is_armed, 1);
	EXPECT_EQ(t->is_pending, 0);
	EXPECT_EQ(t->base_clock, CLOCK_MONOTONIC);
	EXPECT_LT(llabs((long long)t->expires_ns - now_ns(CLOCK_MONOTONIC) - 1000 * NS), NS / 2);
	t = timer_of(&c, want->real);
	EXPECT_EQ(t->notify, SIGEV_THREAD_ID);
	EXPECT_EQ(t->target.host, pid);
	EXPECT_EQ(t->signo, SIGUSR1);
	EXPECT_EQ(t->base_clock, CLOCK_REALTIME);
	EXPECT_LT(llabs((long long)t->expires_ns - now_ns(CLOCK_REALTIME) - 2000 * NS), NS / 2);
	t = timer_of(&c, want->cpu);
	EXPECT_EQ(t->is_armed, 1);
	EXPECT_LT(llabs((long long)t->expires_ns - 3000 * NS), NS / 2);
	t = timer_of(&c, want->none);
	EXPECT_EQ(t->notify, SIGEV_NONE);
	EXPECT_EQ(t->is_armed, 1);
	EXPECT_LT(llabs((long long)t->expires_ns - now_ns(CLOCK_BOOTTIME) - 4000 * NS), NS / 2);
	t = timer_of(&c, want->fired);
	EXPECT_EQ(t->is_pending, 1);
	EXPECT_EQ(t->is_armed, 1);
	EXPECT_EQ(t->is_periodic_pending, 1);
	EXPECT_EQ(p->itimers[0].interval_ns, 3 * NS + 4000);
	EXPECT_LT(llabs((long long)p->itimers[0].value_ns - now_ns(CLOCK_MONOTONIC) - 500 * NS), NS / 2);
	EXPECT_EQ(p->itimers[1].interval_ns, 250000000);
	EXPECT_LT(llabs((long long)(p->itimers[1].value_ns - p->cpu_virtual_ns) -
			want->itimer[1].it_value.tv_sec * NS), NS / 2);
	EXPECT_EQ(p->itimers[2].value_ns, 0);
	end_child(pid);
}

static long long profiled_left(void)
{
	struct itimerval left;

	getitimer(ITIMER_PROF, &left);
	return left.it_value.tv_sec * NS + left.it_value.tv_usec * 1000LL;
}

/* CPU time in the measure in which interval timers run: ticks, not what rusage makes of them. */
TEST(cpu_time)
{
	struct itimerval far = { .it_value = { 1000, 0 } };
	const struct process_record *p;
	volatile unsigned long n = 0;
	long long before, told;
	struct collected c;

	setitimer(ITIMER_PROF, &far, NULL);
	while (profiled_left() > 1000 * NS - NS / 4)
		n++;
	before = profiled_left();
	c = collect_task(getpid());
	p = process_of(&c);
	told = p->itimers[2].value_ns - p->cpu_prof_ns;
	EXPECT_LT(told, before + NS / 20);
	EXPECT_GT(told, profiled_left() - NS / 20);
	EXPECT_LE(p->cpu_virtual_ns, p->cpu_prof_ns);
	EXPECT_EQ(p->n_threads, 1);
}
