// SPDX-License-Identifier: GPL-2.0-only
/* Signals, timers and CPU time of processes as the collector tells them. */

#include "collected.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

#define NS    1000000000LL
#define SLACK (20 * NS) /* of times in minutes: what a slow machine may take to look at them */

static struct collected collect_task(pid_t pid)
{
	return collect(pid, COLLECT_TASKS | COLLECT_RUNNING);
}

static long long now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NS + ts.tv_nsec;
}

static void handler(int signo)
{
}

static void set_signals(void *arg)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK};
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
		sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 100 + i});
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

	EXPECT_EQ(sigqueue(pid, SIGRTMIN + 5, (union sigval){.sival_ptr = (void *)0x123456789a}),
		  0);
	c = collect_task(pid);
	p = process_of(&c);
	t = task_of(&c, pid);
	EXPECT_EQ(t->blocked,
		  1ULL << (SIGUSR2 - 1) | 1ULL << (SIGRTMIN - 1) | 1ULL << (SIGRTMIN + 4));
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
	EXPECT_EQ(deep_of(&c, p)->actions[SIGUSR1 - 1].handler, (unsigned long)handler);
	EXPECT_EQ(deep_of(&c, p)->actions[SIGUSR1 - 1].flags & (SA_RESTART | SA_ONSTACK),
		  SA_RESTART | SA_ONSTACK);
	EXPECT_EQ(deep_of(&c, p)->actions[SIGUSR1 - 1].mask & 0x7fffffff, 0x7fffffff & ~(1UL << (SIGHUP - 1)) &
								     ~(1UL << (SIGKILL - 1)) &
								     ~(1UL << (SIGSTOP - 1)));
	EXPECT_EQ(deep_of(&c, p)->actions[SIGPIPE - 1].handler, (unsigned long)SIG_IGN);
	EXPECT_EQ(deep_of(&c, p)->actions[SIGTERM - 1].handler, (unsigned long)SIG_DFL);
	end_child(pid);
}

struct timers {
	timer_t mono, real, cpu, none, fired;
	struct itimerspec left[5];
	struct itimerval itimer[3];
};

static timer_t make_timer(clockid_t clock, int notify, int signo, int value, int flags,
			  long long expires, long long interval)
{
	struct sigevent event = {
		.sigev_notify = notify, .sigev_signo = signo, .sigev_value.sival_int = value};
	struct itimerspec set = {
		.it_value = {expires / NS, expires % NS},
		.it_interval = {interval / NS, interval % NS},
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
	struct itimerval real = {.it_value = {500, 7}, .it_interval = {3, 4}};
	struct itimerval cpu = {.it_value = {600, 0}, .it_interval = {0, 250000}};
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
	t->fired =
		make_timer(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 2, 4, 0, NS / 1000, NS / 1000);
	setitimer(ITIMER_REAL, &real, NULL);
	setitimer(ITIMER_VIRTUAL, &cpu, NULL);
	usleep(20000);
	for (int i = 0; i < 3; i++)
		getitimer(i, &t->itimer[i]);
	syscall(SYS_timer_gettime, t->mono, &t->left[0]);
}

static const struct timer_record *timer_of(const struct collected *c, timer_t id)
{
	for_each_record(c, rec) if (rec->type == RECORD_TIMER_PART &&
				    ((struct timer_record *)rec)->id ==
					    (__u32)(long)id) return (void *)rec;
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
	EXPECT_EQ(p->head.part, p->n_timers + p->n_shared_pending + 1);
	t = timer_of(&c, want->mono);
	EXPECT_EQ(t->clock, CLOCK_MONOTONIC);
	EXPECT_EQ(t->notify, SIGEV_SIGNAL);
	EXPECT_EQ(t->signo, SIGRTMIN + 1);
	EXPECT_EQ((int)t->sigval, 77);
	EXPECT_EQ(t->interval_ns, 5 * NS);
	EXPECT_EQ(t->is_armed, 1);
	EXPECT_EQ(t->is_pending, 0);
	EXPECT_EQ(t->base_clock, CLOCK_MONOTONIC);
	EXPECT_LT(llabs((long long)t->expires_ns - now_ns(CLOCK_MONOTONIC) - 1000 * NS), SLACK);
	t = timer_of(&c, want->real);
	EXPECT_EQ(t->notify, SIGEV_THREAD_ID);
	EXPECT_EQ(t->target.host, pid);
	EXPECT_EQ(t->signo, SIGUSR1);
	EXPECT_EQ(t->base_clock, CLOCK_REALTIME);
	EXPECT_LT(llabs((long long)t->expires_ns - now_ns(CLOCK_REALTIME) - 2000 * NS), SLACK);
	t = timer_of(&c, want->cpu);
	EXPECT_EQ(t->is_armed, 1);
	EXPECT_LT(llabs((long long)t->expires_ns - 3000 * NS), NS / 2);
	t = timer_of(&c, want->none);
	EXPECT_EQ(t->notify, SIGEV_NONE);
	EXPECT_EQ(t->is_armed, 1);
	EXPECT_LT(llabs((long long)t->expires_ns - now_ns(CLOCK_BOOTTIME) - 4000 * NS), SLACK);
	t = timer_of(&c, want->fired);
	EXPECT_EQ(t->is_pending, 1);
	EXPECT_EQ(t->is_armed, 1);
	EXPECT_EQ(t->is_periodic_pending, 1);
	EXPECT_EQ(p->itimers[0].interval_ns, 3 * NS + 4000);
	EXPECT_LT(llabs((long long)p->itimers[0].value_ns - now_ns(CLOCK_MONOTONIC) - 500 * NS),
		  SLACK);
	EXPECT_EQ(p->itimers[1].interval_ns, 250000000);
	EXPECT_LT(llabs((long long)(p->itimers[1].value_ns - p->cpu_virtual_ns) -
			want->itimer[1].it_value.tv_sec * NS),
		  NS / 2);
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
	struct itimerval far = {.it_value = {1000, 0}};
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
