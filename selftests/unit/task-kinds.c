// SPDX-License-Identifier: GPL-2.0-only
/* Kinds of tasks: what an image says is put into a task by the engine, and read back from it. */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define TEST_MAY_LEAK
#include "core.pb-c.h"
#include "kind.h"
#include "kind/restart.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "sa.pb-c.h"
#include "seccomp.pb-c.h"
#include "tasks.h"

extern const struct kind kind_creds, kind_sched, kind_signals, kind_timers, kind_rlimits, kind_seccomp,
	kind_restart, kind_process;

/* One process of one thread, and the smallest image of it that kinds accept. */
struct stage_set {
	struct engine *engine;
	struct error err;
	struct log log;
	InventoryEntry *inventory;
	struct restore r;
	struct new_process process;
	struct new_task task;
	CoreEntry core;
	TaskCoreEntry tc;
	ThreadCoreEntry thread;
	CredsEntry creds;
	uint32_t caps[2], no_caps[2];
};

static void set_up(struct stage_set *s)
{
	struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	memset(s, 0, sizeof(*s));
	log_init(&s->log, LOG_ERROR);
	core_entry__init(&s->core);
	task_core_entry__init(&s->tc);
	thread_core_entry__init(&s->thread);
	creds_entry__init(&s->creds);
	s->core.tc = &s->tc;
	s->core.thread_core = &s->thread;
	s->thread.creds = &s->creds;
	EXPECT_EQ(syscall(SYS_capget, &head, data), 0);
	s->caps[0] = data[0].permitted;
	s->caps[1] = data[1].permitted;
	s->creds.n_cap_inh = s->creds.n_cap_prm = s->creds.n_cap_eff = s->creds.n_cap_bnd = 2;
	s->creds.cap_inh = s->no_caps;
	s->creds.cap_prm = s->creds.cap_eff = s->creds.cap_bnd = s->caps;
	s->r.err = &s->err;
	s->r.log = &s->log;
	s->task.process = &s->process;
	s->task.core = &s->core;
	s->process.tasks = &s->task;
	s->process.n_tasks = 1;
	s->engine = make_engine();
	s->task.injected = spawn(s->engine);
	s->task.tid = s->process.pid = injected_tid(s->task.injected);
}

static int run(struct stage_set *s, const struct kind *kind, enum task_phase phase)
{
	struct batch *batch = injected_batch(s->task.injected);
	int ret = kind->task->restore[phase](&s->r, &s->task, batch);

	return batch_run(batch, &s->err) ?: ret;
}

#define RUN(s, kind, phase)                                                                        \
	do {                                                                                       \
		if (run(s, kind, phase))                                                           \
			FAIL("%s: %s", (kind)->name, (s)->err.text);                               \
	} while (0)

static __s64 call(struct stage_set *s, long nr, __u64 a, __u64 b, __u64 c, __u64 d)
{
	__s64 result = -1;

	OK(injected_syscall(s->task.injected, nr, (const __u64[6]){a, b, c, d}, &result, &err));
	return result;
}

static bool status_has(pid_t pid, const char *line)
{
	char path[64], text[8192] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY);
	EXPECT(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strstr(text, line);
}

TEST(another_user_with_one_capability)
{
	struct stage_set s;
	uint32_t raw[2] = {1 << CAP_NET_RAW}, more[2] = {1 << CAP_NET_RAW | 1 << CAP_CHOWN};
	uint32_t groups[] = {5, 1000, 4000000};

	if (geteuid())
		SKIP("needs root");
	set_up(&s);
	s.creds.uid = 201, s.creds.euid = 202, s.creds.suid = 203, s.creds.fsuid = 204;
	s.creds.gid = 101, s.creds.egid = 102, s.creds.sgid = 103, s.creds.fsgid = 104;
	s.creds.n_groups = 3;
	s.creds.groups = groups;
	s.creds.n_cap_amb = 2;
	s.creds.cap_inh = s.creds.cap_amb = s.creds.cap_eff = raw;
	s.creds.cap_prm = s.creds.cap_bnd = more;
	s.creds.secbits = 1 << 4; /* SECBIT_KEEP_CAPS */
	s.creds.has_no_new_privs = s.creds.no_new_privs = 1;
	EXPECT_EQ(kind_creds.task->check(&s.r, &s.task), 0);
	RUN(&s, &kind_creds, PHASE_CREDS);
	RUN(&s, &kind_creds, PHASE_LAST);
	EXPECT(status_has(s.task.tid, "Uid:\t201\t202\t203\t204\n"));
	EXPECT(status_has(s.task.tid, "Gid:\t101\t102\t103\t104\n"));
	EXPECT(status_has(s.task.tid, "Groups:\t5 1000 4000000 \n"));
	EXPECT(status_has(s.task.tid, "CapInh:\t0000000000002000\nCapPrm:\t0000000000002001\n"
				      "CapEff:\t0000000000002000\nCapBnd:\t0000000000002001\n"
				      "CapAmb:\t0000000000002000\nNoNewPrivs:\t1\n"));
	EXPECT_EQ(call(&s, SYS_prctl, PR_GET_SECUREBITS, 0, 0, 0), 1 << 4);
	engine_destroy(s.engine);
}

TEST(capability_that_cannot_be_given)
{
	struct stage_set s;
	uint32_t all[2] = {UINT32_MAX, UINT32_MAX};

	set_up(&s);
	s.creds.cap_prm = all;
	EXPECT_LT(kind_creds.task->check(&s.r, &s.task), 0);
	EXPECT(strstr(s.err.text, "which this session cannot give"));
	engine_destroy(s.engine);
}

TEST(root_as_we_are_takes_no_call)
{
	struct stage_set s;

	if (geteuid() || getgroups(0, NULL))
		SKIP("needs root without groups");
	set_up(&s);
	RUN(&s, &kind_creds, PHASE_CREDS);
	EXPECT_EQ(call(&s, SYS_getuid, 0, 0, 0, 0), 0);
	EXPECT_EQ(call(&s, SYS_prctl, PR_GET_SECUREBITS, 0, 0, 0), 0);
	engine_destroy(s.engine);
}

TEST(scheduling)
{
	struct stage_set s;

	if (geteuid())
		SKIP("needs root");
	set_up(&s);
	s.thread.has_sched_nice = s.thread.has_sched_policy = s.thread.has_timer_slack_ns = true;
	s.thread.has_ioprio = true;
	s.thread.sched_nice = -7;
	s.thread.sched_policy = SCHED_BATCH | SCHED_RESET_ON_FORK;
	s.thread.timer_slack_ns = 123456;
	s.thread.ioprio = 2 << 13 | 6;
	EXPECT_EQ(kind_sched.task->check(&s.r, &s.task), 0);
	RUN(&s, &kind_sched, PHASE_THREAD);
	EXPECT_EQ(getpriority(PRIO_PROCESS, s.task.tid), -7);
	EXPECT_EQ(sched_getscheduler(s.task.tid), SCHED_BATCH | SCHED_RESET_ON_FORK);
	EXPECT_EQ(call(&s, SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0), 123456);
	EXPECT_EQ(syscall(SYS_ioprio_get, 1, s.task.tid), 2 << 13 | 6);
	s.thread.sched_policy = 99;
	EXPECT_LT(kind_sched.task->check(&s.r, &s.task), 0);
	engine_destroy(s.engine);
}

static void make_timers(TaskTimersEntry *timers, ItimerEntry *itimer, PosixTimerEntry **list,
			PosixTimerEntry *posix, size_t n)
{
	task_timers_entry__init(timers);
	itimer_entry__init(itimer);
	timers->real = timers->virt = timers->prof = itimer;
	for (size_t i = 0; i < n; i++) {
		posix_timer_entry__init(&posix[i]);
		posix[i].it_sigev_notify = SIGEV_NONE;
		posix[i].clock_id = CLOCK_MONOTONIC;
		list[i] = &posix[i];
	}
	timers->posix = list;
	timers->n_posix = n;
}

/* A kernel without PR_TIMER_CREATE_RESTORE_IDS: a filter answers in its stead. */
static void deny_timer_ids(struct stage_set *s)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 77, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct batch *batch = injected_batch(s->task.injected);
	struct sock_fprog prog = {sizeof(code) / sizeof(code[0])};

	prog.filter = (void *)(unsigned long)batch_data(batch, code, sizeof(code), NULL);
	batch_do(batch, "no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	batch_do(batch, "filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
		 batch_data(batch, &prog, sizeof(prog), NULL));
	OK(batch_run(batch, &err));
}

static void check_timer_ids(bool is_old_kernel)
{
	struct stage_set s;
	TaskTimersEntry timers;
	ItimerEntry itimer;
	PosixTimerEntry posix[3], *list[3];
	static __u64 spec[4];

	set_up(&s);
	make_timers(&timers, &itimer, list, posix, 3);
	posix[0].it_id = 70000;	/* out of order: check sorts */
	posix[0].vsec = 100, posix[0].isec = 7;
	posix[1].it_id = 3;
	posix[1].vsec = 50;
	posix[2].it_id = 4;
	s.tc.timers = &timers;
	if (is_old_kernel)
		deny_timer_ids(&s);
	EXPECT_EQ(kind_timers.task->check(&s.r, &s.task), 0);
	RUN(&s, &kind_timers, PHASE_TIMERS);
	for (int i = 0; i < 3; i++) {
		void *now;
		__u64 at = batch_data(injected_batch(s.task.injected), spec, sizeof(spec), &now);

		EXPECT_EQ(call(&s, SYS_timer_gettime, posix[i].it_id, at, 0, 0), 0);
		memcpy(spec, now, sizeof(spec));
		EXPECT_EQ(spec[0], posix[i].isec);
		/* some have run since: tens of thousands of calls, on a kernel that counts up */
		EXPECT(spec[2] <= posix[i].vsec && spec[2] + 30 > posix[i].vsec);
		EXPECT(posix[i].vsec || !spec[3]);
	}
	EXPECT_EQ(call(&s, SYS_timer_getoverrun, 0, 0, 0, 0), -EINVAL);
	EXPECT_EQ(call(&s, SYS_timer_getoverrun, 69999, 0, 0, 0), -EINVAL);
	engine_destroy(s.engine);
}

TEST(timers_keep_their_ids)
{
	check_timer_ids(false);
}

TEST(timers_keep_their_ids_where_they_are_counted)
{
	check_timer_ids(true);
}

TEST(two_timers_of_one_number)
{
	struct stage_set s;
	TaskTimersEntry timers;
	ItimerEntry itimer;
	PosixTimerEntry posix[2], *list[2];

	set_up(&s);
	make_timers(&timers, &itimer, list, posix, 2);
	s.tc.timers = &timers;
	EXPECT_LT(kind_timers.task->check(&s.r, &s.task), 0);
	engine_destroy(s.engine);
}

TEST(pending_signals_in_their_order)
{
	struct stage_set s;
	SignalQueueEntry shared, own;
	SiginfoEntry entries[3], *list[3];
	siginfo_t infos[3] = {};
	struct __ptrace_peeksiginfo_args peek = {.flags = PTRACE_PEEKSIGINFO_SHARED, .nr = 3};
	siginfo_t got[3];

	set_up(&s);
	for (int i = 0; i < 3; i++) {
		infos[i].si_signo = SIGRTMIN + (i == 1);
		infos[i].si_code = i ? SI_QUEUE : SI_USER;
		infos[i].si_pid = 77;
		infos[i].si_value.sival_int = i;
		siginfo_entry__init(&entries[i]);
		entries[i].siginfo.data = (void *)&infos[i];
		entries[i].siginfo.len = sizeof(infos[i]);
		list[i] = &entries[i];
	}
	signal_queue_entry__init(&shared);
	signal_queue_entry__init(&own);
	shared.signals = list;
	shared.n_signals = 3;
	own.signals = list + 1;
	own.n_signals = 1;
	s.tc.signals_s = &shared;
	s.thread.signals_p = &own;
	/* What comes by itself meanwhile must not stay. */
	kill(s.task.tid, SIGCHLD);
	RUN(&s, &kind_signals, PHASE_LAST);
	EXPECT_EQ(ptrace(PTRACE_PEEKSIGINFO, s.task.tid, &peek, got), 3);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(got[i].si_signo, infos[i].si_signo);
		EXPECT_EQ(got[i].si_code, infos[i].si_code);
		EXPECT_EQ(got[i].si_pid, 77);
	}
	peek.flags = 0;
	EXPECT_EQ(ptrace(PTRACE_PEEKSIGINFO, s.task.tid, &peek, got), 1);
	EXPECT_EQ(got[0].si_signo, SIGRTMIN + 1);
	engine_destroy(s.engine);
}

TEST(a_filter_that_kills_judges_nothing_of_ours)
{
	struct stage_set s;
	struct sock_filter kill_all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
	struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	SeccompEntry table;
	SeccompFilter filters[2], *list[] = {&filters[0], &filters[1]};
	struct sock_filter got[4];
	int status;

	if (geteuid() || prctl(PR_GET_SECCOMP))
		SKIP("needs root outside of a sandbox");
	set_up(&s);
	seccomp_entry__init(&table);
	for (int i = 0; i < 2; i++) {
		/* The newest first: what is called prev comes behind it. */
		seccomp_filter__init(&filters[i]);
		filters[i].filter.data = (void *)(i ? allow : kill_all);
		filters[i].filter.len = sizeof(kill_all);
		filters[i].has_prev = i;
		filters[i].prev = 0;
	}
	table.seccomp_filters = list;
	table.n_seccomp_filters = 2;
	s.r.seccomp = &table;
	s.thread.has_seccomp_mode = s.thread.has_seccomp_filter = true;
	s.thread.seccomp_mode = SECCOMP_MODE__filter;
	s.thread.seccomp_filter = 1;
	EXPECT_EQ(kind_seccomp.task->check(&s.r, &s.task), 0);
	RUN(&s, &kind_seccomp, PHASE_THREAD);
	EXPECT(status_has(s.task.tid, "Seccomp:\t2\nSeccomp_filters:\t2\n"));
	EXPECT_EQ(call(&s, SYS_getpid, 0, 0, 0, 0), s.task.tid);
	EXPECT_EQ(ptrace(PTRACE_SECCOMP_GET_FILTER, s.task.tid, 1, got), 1);
	EXPECT_EQ(got[0].k, SECCOMP_RET_KILL_PROCESS);
	/* Let go, it makes its first call, and dies of it. */
	EXPECT_EQ(ptrace(PTRACE_DETACH, s.task.tid, 0, 0), 0);
	EXPECT_EQ(waitpid(s.task.tid, &status, __WALL), s.task.tid);
	EXPECT(WIFSIGNALED(status));
}

TEST(chains_that_run_in_circles)
{
	struct stage_set s;
	struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	SeccompEntry table;
	SeccompFilter filter, *list[] = {&filter};

	if (geteuid() || prctl(PR_GET_SECCOMP))
		SKIP("needs root outside of a sandbox");
	set_up(&s);
	seccomp_entry__init(&table);
	seccomp_filter__init(&filter);
	filter.filter.data = (void *)allow;
	filter.filter.len = sizeof(allow);
	filter.has_prev = true;
	table.seccomp_filters = list;
	table.n_seccomp_filters = 1;
	s.r.seccomp = &table;
	s.thread.has_seccomp_mode = true;
	s.thread.seccomp_mode = SECCOMP_MODE__filter;
	EXPECT_LT(kind_seccomp.task->check(&s.r, &s.task), 0);
	EXPECT(strstr(s.err.text, "filter 0 follows filter 0"));
	s.err.code = 0;
	error_deinit(&s.err);
	s.thread.seccomp_filter = 9;
	EXPECT_LT(kind_seccomp.task->check(&s.r, &s.task), 0);
	EXPECT(strstr(s.err.text, "has no filter 9"));
	engine_destroy(s.engine);
}

TEST(sleeps_are_armed_with_what_remained)
{
	struct new_task task = {};
	struct restore r = {};
	struct restart_call call;
	CoreEntry core = CORE_ENTRY__INIT;
	ThreadCoreEntry thread = THREAD_CORE_ENTRY__INIT;
	RestartEntry entry = RESTART_ENTRY__INIT;
	uint64_t args[6] = {0x1000, 0x2000, 3, 4, 5, 6};

	task.core = &core;
	core.thread_core = &thread;
	EXPECT(!restart_plan(&r, &task, &call));
	thread.restart = &entry;
	entry.args = args;
	entry.n_args = 6;
	entry.has_remaining_ns = true;
	entry.remaining_ns = 2500000001;

	entry.nr = SYS_nanosleep;
	EXPECT(restart_plan(&r, &task, &call));
	EXPECT_EQ(call.time_arg, 0);
	EXPECT_EQ(call.time.sec, 2);
	EXPECT_EQ(call.time.nsec, 500000001);
	EXPECT_EQ(call.args[1], 0x2000);

	entry.nr = SYS_clock_nanosleep;
	EXPECT(restart_plan(&r, &task, &call));
	EXPECT_EQ(call.time_arg, 2);

	args[1] = FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME;
	entry.nr = SYS_futex;
	entry.has_expires_ns = true;
	entry.clock = CLOCK_REALTIME;
	entry.expires_ns = 7000000009;
	EXPECT(restart_plan(&r, &task, &call));
	EXPECT_EQ(call.time_arg, 3);
	EXPECT_EQ(call.time.sec, 7);
	EXPECT_EQ(call.time.nsec, 9);
#ifdef SYS_poll
	entry.nr = SYS_poll;
	EXPECT(restart_plan(&r, &task, &call));
	EXPECT_EQ(call.time_arg, -1);
	EXPECT_EQ(call.args[2], 2501);
	entry.has_remaining_ns = false;
	EXPECT(restart_plan(&r, &task, &call));
	EXPECT_EQ((int)call.args[2], -1);
#endif
}
