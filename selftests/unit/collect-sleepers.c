// SPDX-License-Identifier: GPL-2.0-only
/* Threads in sleeping calls, what the C library registered, seccomp, memory's outline. */

#include "collected.h"

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>

#define NS    1000000000LL
#define SLACK (20 * NS) /* of times in minutes: what a slow machine may take to look at them */

static long long now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

/* Stops a task as a dump does, so that its call is interrupted and keeps what it needs to go on. */
static struct collected collect_stopped(pid_t pid)
{
	struct collected c;
	int status;

	EXPECT_EQ(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	EXPECT_EQ(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	EXPECT_EQ(waitpid(pid, &status, __WALL), pid);
	c = collect(pid, COLLECT_ALL);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return c;
}

static pid_t sleeper(void (*call)(void *), void *arg)
{
	pid_t pid = test_fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		call(arg);
		_exit(9);
	}
	await_state(pid, 'S');
	return pid;
}

static void nap(void *arg)
{
	struct timespec ts = {300, 5}, *left = arg;

	clock_nanosleep(CLOCK_BOOTTIME, 0, &ts, left);
}

TEST(nanosleep)
{
	void *left = shared_memory(64);
	pid_t pid = sleeper(nap, left);
	struct collected c = collect_stopped(pid);
	const struct record_restart *r = &task_of(&c, pid)->restart;

	EXPECT_NE(r->fn, 0);
	EXPECT_EQ(r->nanosleep_clock, CLOCK_BOOTTIME);
	EXPECT_EQ(r->nanosleep_type, 1);
	EXPECT_EQ(r->nanosleep_rmtp, (unsigned long)left);
	EXPECT_LT(llabs((long long)r->nanosleep_expires - now_ns(CLOCK_BOOTTIME) - 300 * NS), SLACK);
	EXPECT_NE(task_of(&c, pid)->ptrace, 0);
	EXPECT_EQ(task_of(&c, pid)->tracer.host, getpid());
	end_child(pid);
}

/* Where there is only ppoll a stop makes it start over with what remains: no restart block. */
#ifndef SYS_poll
#define SYS_poll -1
#endif

static void wait_in_poll(void *arg)
{
	syscall(SYS_poll, NULL, 0, 200000);
}

TEST(poll)
{
	const struct record_restart *r;
	struct collected c;
	pid_t pid;

	if (SYS_poll < 0)
		SKIP("no poll() on this architecture");
	pid = sleeper(wait_in_poll, NULL);
	c = collect_stopped(pid);
	r = &task_of(&c, pid)->restart;
	EXPECT_EQ(r->poll_has_timeout, 1);
	EXPECT_LT(llabs((long long)(r->poll_sec * NS + r->poll_nsec) - now_ns(CLOCK_MONOTONIC) -
			200 * NS),
		  SLACK);
	end_child(pid);
}

static void wait_in_futex(void *arg)
{
	struct timespec ts = {150, 0};

	syscall(SYS_futex, arg, FUTEX_WAIT, 7, &ts, NULL, 0);
}

TEST(futex)
{
	__u32 *word = shared_memory(64);
	const struct record_restart *r;
	struct collected c;
	pid_t pid;

	*word = 7;
	pid = sleeper(wait_in_futex, word);
	c = collect_stopped(pid);
	r = &task_of(&c, pid)->restart;
	EXPECT_EQ(r->futex_uaddr, (unsigned long)word);
	EXPECT_EQ(r->futex_val, 7);
	EXPECT_EQ(r->futex_bitset, ~0U);
	EXPECT_LT(llabs((long long)r->futex_time - now_ns(CLOCK_MONOTONIC) - 150 * NS), SLACK);
	end_child(pid);
}

static void wait_with_mask(void *arg)
{
	sigset_t block, open;

	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigprocmask(SIG_SETMASK, &block, NULL);
	sigfillset(&open);
	sigdelset(&open, SIGUSR1);
	sigsuspend(&open);
}

/* In the stop the mask is still the call's; the task's own one waits to be put back. */
TEST(sigsuspend_keeps_a_mask)
{
	pid_t pid = sleeper(wait_with_mask, NULL);
	const struct task_record *t;
	__u64 mask = 0;
	struct collected c;
	int status;

	EXPECT_EQ(ptrace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	EXPECT_EQ(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	EXPECT_EQ(waitpid(pid, &status, __WALL), pid);
	EXPECT_EQ(ptrace(PTRACE_GETSIGMASK, pid, (void *)8, &mask), 0);
	c = collect(pid, COLLECT_TASKS);
	t = task_of(&c, pid);
	EXPECT_EQ(t->saved_blocked, 1ULL << (SIGUSR1 - 1));
	EXPECT_NE(t->blocked, t->saved_blocked);
	EXPECT_EQ(mask, t->saved_blocked);
	EXPECT(t->restore_sigmask == 1 || t->restore_sigmask == 2);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	end_child(pid);
}

struct registered {
	unsigned long robust, rseq, rseq_len;
	pid_t tid;
};

static void *thread(void *arg)
{
	struct registered *r = arg;
	size_t size;

	r->tid = gettid();
	syscall(SYS_get_robust_list, 0, &r->robust, &size);
	for (;;)
		pause();
	return NULL;
}

static void start_thread(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, thread, arg);
	while (!((volatile struct registered *)arg)->robust)
		usleep(1000);
}

TEST(what_the_c_library_registered)
{
	struct registered *r = shared_memory(sizeof(*r));
	struct {
		__u64 address;
		__u32 size, signature, flags, pad;
	} rseq = {};
	pid_t pid = child_that(start_thread, r);
	const struct task_record *t;
	struct collected c;
	int status;

	c = collect(pid, COLLECT_TASKS);
	EXPECT_EQ(count_records(&c, RECORD_TASK), 2);
	EXPECT_EQ(process_of(&c)->n_threads, 2);
	t = task_of(&c, r->tid);
	EXPECT_EQ(t->robust_list, r->robust);
	EXPECT_EQ(t->tgid.host, pid);
	EXPECT_EQ(t->exit_signal, -1);
	EXPECT_NE(t->clear_child_tid, 0);
	EXPECT_EQ(t->group, process_of(&c)->head.owner);
	EXPECT_EQ(t->mm, process_of(&c)->mm);
	EXPECT_EQ(t->files, task_of(&c, pid)->files);
	EXPECT_EQ(ptrace(PTRACE_SEIZE, r->tid, NULL, NULL), 0);
	EXPECT_EQ(ptrace(PTRACE_INTERRUPT, r->tid, NULL, NULL), 0);
	EXPECT_EQ(waitpid(r->tid, &status, __WALL), r->tid);
	EXPECT_EQ(ptrace(0x420f /* PTRACE_GET_RSEQ_CONFIGURATION */, r->tid, (void *)sizeof(rseq),
			 &rseq),
		  (long)sizeof(rseq));
	EXPECT_EQ(t->rseq, rseq.address);
	EXPECT_EQ(t->rseq_len, rseq.size);
	EXPECT_EQ(t->rseq_sig, rseq.signature);
	ptrace(PTRACE_DETACH, r->tid, NULL, NULL);
	end_child(pid);
}

static void confine(void *arg)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

TEST(seccomp)
{
	pid_t pid = child_that(confine, NULL);
	struct collected c = collect(pid, COLLECT_TASKS);

	EXPECT_EQ(task_of(&c, pid)->seccomp_mode, SECCOMP_MODE_FILTER);
	EXPECT_EQ(task_of(&c, pid)->seccomp_count, 2);
	EXPECT_NE(task_of(&c, pid)->seccomp_filter, 0);
	EXPECT_EQ(task_of(&c, pid)->atomic_flags & 1, 1);
	end_child(pid);
}

static void dispatch(void *arg)
{
	/* PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON; everything is allowed here */
	*(int *)arg = prctl(59, 1, 0, ~0UL >> 1, (char *)arg + 64);
}

TEST(syscall_user_dispatch)
{
	int *result = shared_memory(4096);
	pid_t pid = child_that(dispatch, result);
	struct collected c = collect(pid, COLLECT_TASKS);
	const struct task_record *t = task_of(&c, pid);

	if (*result)
		SKIP("no syscall user dispatch here");
	EXPECT_EQ(t->syscall_user_dispatch, 1);
	EXPECT_EQ(t->sud_selector, (unsigned long)result + 64);
	EXPECT_EQ(t->sud_offset, 0);
	EXPECT_EQ(t->sud_len, ~0UL >> 1);
	end_child(pid);
}

static unsigned long stat_field(pid_t pid, int field)
{
	char path[64], line[2048], *at;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	EXPECT(f && fgets(line, sizeof(line), f));
	fclose(f);
	at = strrchr(line, ')') + 1; /* before field 3 */
	for (int i = 3; i < field; i++)
		at = strchr(at + 1, ' ');
	return strtoul(at, NULL, 10);
}

static void say_brk(void *arg)
{
	*(void **)arg = sbrk(0);
}

TEST(outline_of_memory)
{
	unsigned long *brk = shared_memory(64);
	pid_t pid = child_that(say_brk, brk);
	struct collected c = collect(pid, COLLECT_ALL);
	const struct process_record *p = process_of(&c);
	unsigned long auxv[2 * 64] = {};
	char path[64];
	ssize_t n;
	int fd;

	EXPECT_EQ(p->start_code, stat_field(pid, 26));
	EXPECT_EQ(p->end_code, stat_field(pid, 27));
	EXPECT_EQ(p->start_stack, stat_field(pid, 28));
	EXPECT_EQ(p->start_data, stat_field(pid, 45));
	EXPECT_EQ(p->end_data, stat_field(pid, 46));
	EXPECT_EQ(p->start_brk, stat_field(pid, 47));
	EXPECT_EQ(p->arg_start, stat_field(pid, 48));
	EXPECT_EQ(p->arg_end, stat_field(pid, 49));
	EXPECT_EQ(p->env_start, stat_field(pid, 50));
	EXPECT_EQ(p->env_end, stat_field(pid, 51));
	EXPECT_EQ(p->brk, *brk);
	snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
	fd = open(path, O_RDONLY);
	n = read(fd, auxv, sizeof(auxv));
	EXPECT_GT(n, 64);
	EXPECT_LE((size_t)n, sizeof(deep_of(&c, p)->auxv));
	EXPECT_MEMEQ(deep_of(&c, p)->auxv, auxv, n);
	EXPECT_EQ(p->map_count, count_records(&c, RECORD_VMA));
	EXPECT_EQ(p->mm_users, 1);
	EXPECT_EQ(p->aio_table, 0);
	EXPECT_EQ(p->membarrier_state, 0);
	end_child(pid);
}

static void use_aio(void *arg)
{
	unsigned long context = 0;

	*(long *)arg = syscall(SYS_io_setup, 8, &context);
}

static void use_and_end_aio(void *arg)
{
	unsigned long context = 0;

	syscall(SYS_io_setup, 8, &context);
	*(long *)arg = syscall(SYS_io_destroy, context);
}

TEST(aio_contexts)
{
	long *result = shared_memory(64);
	pid_t pid = child_that(use_aio, result);
	struct collected c;

	if (*result)
		SKIP("no AIO here");
	c = collect(pid, COLLECT_TASKS);
	EXPECT_NE(process_of(&c)->aio_table, 0);
	end_child(pid);
	pid = child_that(use_and_end_aio, result);
	c = collect(pid, COLLECT_TASKS);
	EXPECT_EQ(process_of(&c)->aio_table, 0);
	end_child(pid);
}
