// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a sleeping thread will be woken. A call like epoll_wait keeps its deadline in a timer on
 * its kernel stack and nowhere else, and a stop makes it forget: so it is looked for before, while
 * the thread sleeps. The timer's words begin a struct hrtimer_sleeper, which points back at the
 * thread: that address is searched from the stack pointer upwards.
 */

#include "task.h"

#define STACK_WORDS   512 /* of the innermost frames: a call sleeps some hundred bytes deep */
#define MAX_CLOCKS    16U
#define INTERRUPTIBLE 1   /* TASK_INTERRUPTIBLE */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct hrtimer_sleeper___wake {
	struct hrtimer timer;
	struct task_struct *task;
};
struct hrtimer___soft {
	__s64 _softexpires;
	struct hrtimer_clock_base *base;
};
struct sched_entity___run {
	__u64 sum_exec_runtime;
};
struct task_struct___state {
	unsigned int __state;
	unsigned long nvcsw;
	struct sched_entity___run se;
};
/* where a thread that does not run has left its stack pointer: x86, arm64 */
struct thread_struct___sp {
	unsigned long sp;
};
struct task_struct___sp {
	struct thread_struct___sp thread;
};
struct cpu_context___sp {
	unsigned long sp;
};
struct thread_struct___context {
	struct cpu_context___sp cpu_context;
};
struct task_struct___context {
	struct thread_struct___context thread;
};
#pragma clang attribute pop

/* Not static: the compiler would take it apart, and its BTF no longer fit. */
struct stack_walk {
	__u64 at, sleeper;
} stack_walk;

/* The address stands in other places too: what is before it must be a timer that runs. */
static __always_inline bool is_running_timer(__u64 address)
{
	struct hrtimer___soft *timer = (void *)address;
	__s64 expires = hrtimer_expires(address), soft = BPF_CORE_READ(timer, _softexpires);

	return soft > 0 && expires >= soft && (__u32)BPF_CORE_READ(timer, base, clockid) < MAX_CLOCKS;
}

static long look_at_word(__u32 i, void *unused)
{
	__u64 word = 0, sleeper;

	if (bpf_probe_read_kernel(&word, sizeof(word), (void *)(stack_walk.at + (__u64)i * 8)))
		return 1;
	if (word != view.task)
		return 0;
	sleeper = stack_walk.at + (__u64)i * 8 -
		  bpf_core_field_offset(struct hrtimer_sleeper___wake, task);
	if (sleeper < stack_walk.at ||
	    !is_running_timer(sleeper + bpf_core_field_offset(struct hrtimer_sleeper___wake, timer)))
		return 0;
	stack_walk.sleeper = sleeper;
	return 1;
}

static __always_inline __u64 stack_pointer(void)
{
	struct task_struct___sp *x86 = (void *)view.task;
	struct task_struct___context *arm64 = (void *)view.task;

	if (bpf_core_field_exists(x86->thread.sp))
		return BPF_CORE_READ(x86, thread.sp);
	if (bpf_core_field_exists(arm64->thread.cpu_context.sp))
		return BPF_CORE_READ(arm64, thread.cpu_context.sp);
	return 0;
}

int task_wake(void)
{
	struct task_struct___state *task = (void *)view.task;
	struct hrtimer___soft *timer;

	if (control.flags & CONTROL_SHALLOW)
		return 0;
	task_now.nvcsw = BPF_CORE_READ(task, nvcsw);
	task_now.cpu_run_ns = BPF_CORE_READ(task, se.sum_exec_runtime);
	if (!(control.flags & CONTROL_WAKE) || !(BPF_CORE_READ(task, __state) & INTERRUPTIBLE))
		return 0;
	stack_walk.at = stack_pointer();
	stack_walk.sleeper = 0;
	if (stack_walk.at)
		bpf_loop(STACK_WORDS, look_at_word, NULL, 0);
	if (!stack_walk.sleeper)
		return 0;
	timer = (void *)(stack_walk.sleeper +
			 bpf_core_field_offset(struct hrtimer_sleeper___wake, timer));
	task_now.wake_ns = BPF_CORE_READ(timer, _softexpires);
	task_now.wake_clock = BPF_CORE_READ(timer, base, clockid);
	return 0;
}
