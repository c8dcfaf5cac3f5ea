// SPDX-License-Identifier: GPL-2.0-only
/* Registers: to the image and back into a running thread; calls that were interrupted. */
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "arch/pattern.h"
#include "program.h"

/* A child that spins, stopped. */
static pid_t spinner(void)
{
	pid_t pid = test_fork();

	if (pid == 0)
		spin();
	/* Out of fork() by then. */
	usleep(20000);
	stop(pid);
	return pid;
}

static CoreEntry *core_of(const struct regs *regs)
{
	CoreEntry *core = malloc(sizeof(*core));

	EXPECT(core);
	core_entry__init(core);
	OK(arch_core_from_regs(core, regs, 0x1234, &err));
	EXPECT_EQ((int)core->mtype, arch_core_machine());
	EXPECT_EQ(arch_core_clear_tid(core), 0x1234);
	return core;
}

static size_t pack(const CoreEntry *core, uint8_t **ret)
{
	size_t n = core_entry__get_packed_size(core);

	*ret = malloc(n);
	EXPECT(*ret);
	return core_entry__pack(core, *ret);
}

/* Every register that a program can use is set, used for a while, and read back. */
static bool registers_survive(unsigned int variant)
{
	pid_t pid = spinner();
	struct regs regs, set, again;
	CoreEntry *core, *core_again;
	uint8_t *bytes, *bytes_again;
	bool is_there;
	size_t n;

	OK(regs_get(&regs, pid, &err));
	regs_set_pc(&regs, (__u64)(unsigned long)spin);
	core = core_of(&regs);
	is_there = pattern_fill(core, variant);
	if (is_there) {
		OK(arch_regs_from_core(&set, core, &err));
		OK(regs_set(&set, pid, &err));
		detach(pid);
		usleep(50000);

		stop(pid);
		OK(regs_get(&again, pid, &err));
		core_again = core_of(&again);
		n = pack(core, &bytes);
		EXPECT_EQ(pack(core_again, &bytes_again), n);
		EXPECT_MEMEQ(bytes, bytes_again, n);
		free(bytes);
		free(bytes_again);
		core_entry__free_unpacked(core_again, NULL);
		regs_deinit(&set);
		regs_deinit(&again);
	}
	core_entry__free_unpacked(core, NULL);
	regs_deinit(&regs);
	end(pid);
	return is_there;
}

TEST(all_registers_survive)
{
	unsigned int variant = 0;

	while (registers_survive(variant))
		variant++;
	EXPECT_GE(variant, 1U);
	printf("(%u variant%s) ", variant, variant == 1 ? "" : "s");
}

/* A task whose registers were read, set from a message, and read again. */
static void end_compared(pid_t pid, CoreEntry *core, struct regs *regs, struct regs *set,
			 struct regs *again)
{
	core_entry__free_unpacked(core, NULL);
	regs_deinit(regs);
	regs_deinit(set);
	regs_deinit(again);
	end(pid);
}

/* What an older CRIU or a smaller machine wrote is enough. */
TEST(image_with_the_basic_sets_only)
{
	pid_t pid = spinner();
	struct regs regs, set, again;
	CoreEntry *core;

	OK(regs_get(&regs, pid, &err));
	core = core_of(&regs);
	pattern_fill(core, 0);
	pattern_make_old(core);
	OK(arch_regs_from_core(&set, core, &err));
	OK(regs_set(&set, pid, &err));
	OK(regs_get(&again, pid, &err));
	EXPECT_MEMEQ(set.set[0].data, again.set[0].data, set.set[0].size);
	end_compared(pid, core, &regs, &set, &again);
}

TEST(wrong_images_are_refused)
{
	pid_t pid = spinner();
	struct regs regs, set;
	const char *what;
	unsigned int n;

	OK(regs_get(&regs, pid, &err));
	for (n = 0;; n++) {
		struct error err = {};
		CoreEntry *core = core_of(&regs);

		pattern_fill(core, 0);
		what = pattern_break(core, n);
		if (!what) {
			core_entry__free_unpacked(core, NULL);
			break;
		}
		if (arch_regs_from_core(&set, core, &err) == 0)
			FAIL("accepted: %s", what);
		EXPECT_EQ(set.n, (size_t)0);
		EXPECT(err.text);
		error_deinit(&err);
		core_entry__free_unpacked(core, NULL);
	}
	EXPECT_GE(n, 4U);
	regs_deinit(&regs);
	end(pid);
}

static void expect_at_syscall(const struct regs *regs)
{
	const void *pc = (const void *)(unsigned long)regs_pc(regs);

	EXPECT_EQ(arch_find_syscall(pc, 4), 0);
}

/* A call with -ERESTARTSYS: rewound, it is made again. */
TEST(interrupted_call_is_made_again)
{
	struct program *p = program_create(SYS_futex, (const __u64[6]){0, FUTEX_WAIT, 7});
	struct regs regs;
	pid_t pid;
	long code;

	p->word = 7;
	p->args[0] = (__u64)(unsigned long)&p->word;
	pid = program_start(p);
	stop(pid);
	OK(regs_get(&regs, pid, &err));
	EXPECT_EQ(regs_syscall_nr(&regs), SYS_futex);
	code = regs_rewind_syscall(&regs);
	EXPECT(code == -ERESTARTSYS || code == -ERESTART_RESTARTBLOCK);
	expect_at_syscall(&regs);
	EXPECT_EQ(regs_syscall_arg(&regs, 0), p->args[0]);
	EXPECT_EQ(regs_syscall_arg(&regs, 2), 7);
	OK(regs_set(&regs, pid, &err));
	detach(pid);
	await_state(pid, 'S');
	EXPECT_EQ(p->done, 0);
	p->word = 8;
	EXPECT_EQ(syscall(SYS_futex, &p->word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	for (int i = 0; i < 1000 && !p->done; i++)
		usleep(1000);
	EXPECT_EQ(p->result, 0);
	regs_deinit(&regs);
	end(pid);
}

/* A call that ends with EINTR because of the stop alone (signal(7)): made again. */
TEST(call_that_a_stop_ended_is_repeated)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct epoll_event *out =
		mmap(NULL, sizeof(*out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int epoll = epoll_create1(0), fd = eventfd(0, 0);
	struct program *p;
	struct regs regs;
	pid_t pid;

	EXPECT(out != MAP_FAILED && epoll >= 0 && fd >= 0);
	EXPECT_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	p = program_create(SYS_epoll_pwait,
			   (const __u64[6]){(__u64)epoll, (__u64)(unsigned long)out, 1, (__u64)-1});
	pid = program_start(p);
	for (int round = 0; round < 3; round++) {
		stop(pid);
		OK(regs_get_general(&regs, pid, &err));
		EXPECT_EQ(regs_syscall_result(&regs), -EINTR);
		EXPECT_EQ(regs_syscall_nr(&regs), SYS_epoll_pwait);
		regs_tell_first(&regs, (__u64)epoll);
		EXPECT(regs_repeat_syscall(&regs));
		EXPECT_EQ(regs_syscall_nr(&regs), SYS_epoll_pwait);
		EXPECT_EQ(regs_syscall_arg(&regs, 0), epoll);
		OK(regs_set(&regs, pid, &err));
		regs_deinit(&regs);
		detach(pid);
		await_state(pid, 'S');
		EXPECT_EQ(p->done, 0);
	}
	EXPECT_EQ(eventfd_write(fd, 1), 0);
	for (int i = 0; i < 1000 && !p->done; i++)
		usleep(1000);
	EXPECT_EQ(p->done, 1);
	EXPECT_EQ(p->result, 1);
	end(pid);
}

TEST(thread_outside_of_calls_is_in_none)
{
	pid_t pid = spinner();
	struct regs regs, before;

	OK(regs_get(&regs, pid, &err));
	OK(regs_get(&before, pid, &err));
	EXPECT_EQ(regs_syscall_nr(&regs), -1);
	EXPECT_EQ(regs_rewind_syscall(&regs), 0);
	EXPECT_MEMEQ(regs.set[0].data, before.set[0].data, regs.set[0].size);
	regs_deinit(&regs);
	regs_deinit(&before);
	end(pid);
}

TEST(rseq_section_is_left_for_its_abort_address)
{
	pid_t pid = spinner();
	struct regs regs;

	OK(regs_get_general(&regs, pid, &err));
	regs_set_pc(&regs, 0x2000);
	regs_leave_rseq(&regs, 0x1000, 0x1000, 0x9000);
	EXPECT_EQ(regs_pc(&regs), 0x2000);
	regs_leave_rseq(&regs, 0x2001, 0x1000, 0x9000);
	EXPECT_EQ(regs_pc(&regs), 0x2000);
	regs_leave_rseq(&regs, 0x2000, 1, 0x9000);
	EXPECT_EQ(regs_pc(&regs), 0x9000);
	regs_deinit(&regs);
	end(pid);
}

static void call_once(struct injected *task)
{
	__s64 result = 0;

	OK(injected_syscall(task, SYS_getppid, (const __u64[6]){}, &result, &err));
	EXPECT_EQ(result, getpid());
}

static void unmap(struct injected *task)
{
	OK(injected_unmap(task, &err));
}

static void sleep_not(struct injected *task, __u64 engine, unsigned int settle_ms)
{
	__u64 pc = engine + (__u64)(arch_engine_syscall - arch_engine);
	__s64 code = 1;

	OK(injected_sleep(task, pc, SYS_close, (const __u64[6]){9999}, settle_ms, &code, &err));
	EXPECT_EQ(code, -EBADF);
}

/* Every register that a task is given behind its last call is the program's. */
static void registers_arrive(void (*last_call)(struct injected *), unsigned int settle_ms)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	pid_t pid = injected_tid(task);
	struct regs regs, set, again;
	CoreEntry *core;

	OK(regs_get(&regs, pid, &err));
	regs_set_pc(&regs, (__u64)(unsigned long)spin);
	core = core_of(&regs);
	EXPECT(pattern_fill(core, 0));
	OK(arch_regs_from_core(&set, core, &err));

	if (last_call)
		last_call(task);
	else
		sleep_not(task, engine_address(engine), settle_ms);
	OK(regs_set(&set, pid, &err));
	injected_forget(task);
	detach(pid);
	usleep(20000);
	stop(pid);
	OK(regs_get(&again, pid, &err));
	memcpy((char *)again.set[0].data + PATTERN_FLAGS,
	       (const char *)set.set[0].data + PATTERN_FLAGS, sizeof(__u64));
	EXPECT_MEMEQ(set.set[0].data, again.set[0].data, set.set[0].size);

	end_compared(pid, core, &regs, &set, &again);
	engine_destroy(engine);
}

TEST(registers_arrive_after_a_call)
{
	registers_arrive(call_once, 0);
}

TEST(registers_arrive_after_the_engine)
{
	registers_arrive(unmap, 0);
}

TEST(registers_arrive_after_a_sleep)
{
	registers_arrive(NULL, 0);
	registers_arrive(NULL, 100);
}
