// SPDX-License-Identifier: GPL-2.0-only
/* From the engine to the program: the vDSO in its place, a sleep that goes on. */
#include <linux/futex.h>
#include <time.h>

#include "program.h"
#include "restore/vdso-elf.h"
#include "restore/vdso.h"

/* Who slept the whole time again would take more than what is left and the tolerance, and a busy
 * machine has time until the end of the sleep. */
#define SLEEP_NS     2000000000LL
#define ELAPSED_NS   1200000000LL
#define TOLERANCE_NS 1100000000LL

/* Where the vDSO of this process is, and so that of its copies. */
static struct vdso find_vdso(void)
{
	struct vdso vdso;

	OK(vdso_find_own(&vdso, &err));
	if (!vdso.text)
		SKIP("this kernel gives no vDSO");
	return vdso;
}

/* Offset in the vDSO of clock_gettime, under the name of any processor. */
static __u64 find_clock_gettime(const struct vdso *vdso)
{
	const struct vdso_function *f;
	struct arena arena = {};
	struct vdso_elf elf;
	__u64 offset;

	OK(vdso_elf_read(&elf, (const void *)(unsigned long)vdso->text, vdso->text_size, &arena,
			 &err));
	f = vdso_elf_find(&elf, "__vdso_clock_gettime");
	f = f ?: vdso_elf_find(&elf, "__kernel_clock_gettime");
	if (!f)
		FAIL("the vDSO has no clock_gettime");
	offset = f->offset;
	arena_deinit(&arena);
	return offset;
}

/* What a released task is to do, in memory that it shares with the test. */
struct work {
	int (*clock_gettime)(clockid_t clock, struct timespec *ts);
	struct timespec ts;
	volatile int done;
};
static struct work *work;

static void read_clock(void)
{
	work->clock_gettime(CLOCK_MONOTONIC, &work->ts);
	work->done = 1;
	spin();
}

/* Moves the vDSO of a copy of this process to @via and then to @vvar, and calls it there. */
static void move_and_call(__u64 via, __u64 vvar)
{
	struct vdso from = find_vdso(), aside = from, to = from;
	struct engine *engine = make_engine();
	struct injected *task;
	struct regs regs;
	long long then;
	pid_t pid;

	work = mmap(NULL, sizeof(*work), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	EXPECT(work != MAP_FAILED);
	to.vvar = vvar;
	to.text = vvar + from.vvar_size;
	work->clock_gettime = (void *)(unsigned long)(to.text + find_clock_gettime(&from));

	task = spawn(engine);
	pid = injected_tid(task);
	aside.vvar = via;
	aside.text = via + from.vvar_size;
	OK(arch_vdso_move(injected_batch(task), &from, &aside, &err));
	OK(arch_vdso_move(injected_batch(task), &aside, &to, &err));
	OK(batch_run(injected_batch(task), &err));
	OK(regs_get(&regs, pid, &err));
	regs_set_pc(&regs, (__u64)(unsigned long)read_clock);
	regs_set_sp(&regs, (regs_sp(&regs) - 65536) & ~15ULL);
	OK(injected_unmap(task, &err));
	OK(regs_set(&regs, pid, &err));
	injected_forget(task);
	regs_deinit(&regs);
	detach(pid);

	for (int i = 0; i < 3000 && !work->done; i++)
		usleep(1000);
	EXPECT_EQ(work->done, 1);
	then = work->ts.tv_sec * 1000000000LL + work->ts.tv_nsec;
	EXPECT_LE(then, clock_ns());
	EXPECT_GT(then, clock_ns() - 5000000000LL);
	end(pid);
	engine_destroy(engine);
}

/* A hole that the engine, which takes the highest, leaves. */
static __u64 vdso_hole(void)
{
	struct vdso vdso = find_vdso();

	return find_hole(engine_size(MAX_THREADS) + 16 * (vdso.vvar_size + vdso.text_size)) +
	       (__u64)sysconf(_SC_PAGESIZE);
}

TEST(vdso_works_where_it_was)
{
	move_and_call(find_vdso().vvar, find_vdso().vvar);
}

TEST(vdso_works_elsewhere)
{
	move_and_call(find_vdso().vvar, vdso_hole());
}

TEST(vdso_works_after_a_journey)
{
	move_and_call(vdso_hole(), find_vdso().vvar);
}

TEST(vdso_moves_onto_its_own_place)
{
	__u64 page = (__u64)sysconf(_SC_PAGESIZE), at = vdso_hole();

	move_and_call(at, at + page);
	move_and_call(at, at - page);
}

TEST(vdso_of_another_size_is_refused)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct vdso from = find_vdso(), to = from;
	struct error err = {};

	to.text_size += (__u64)sysconf(_SC_PAGESIZE);
	EXPECT_EQ(arch_vdso_move(injected_batch(task), &from, &to, &err), -EOPNOTSUPP);
	EXPECT(err.text);
	error_deinit(&err);
	engine_destroy(engine);
}

static void wait_done(struct program *p, int seconds)
{
	for (int i = 0; i < seconds * 1000 && !p->done; i++)
		usleep(1000);
	EXPECT_EQ(p->done, 1);
}

/*
 * A program sleeps for a while; in the middle it is stopped, and later another task
 * goes on in its place: it sleeps for the rest only, and the call succeeds.
 */
static void sleep_goes_on(long nr, unsigned int timeout_arg, const __u64 args[6],
			  unsigned int settle_ms, __s64 result)
{
	struct program *p = program_create(nr, args);
	struct timespec *timeout = mmap(NULL, sizeof(*timeout), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct engine *engine = make_engine();
	struct injected *task;
	long long start, left;
	struct regs regs;
	__u64 again[6];
	__s64 code;
	pid_t pid;

	EXPECT(timeout != MAP_FAILED);
	*timeout = (struct timespec){.tv_sec = SLEEP_NS / 1000000000};
	p->args[timeout_arg] = (__u64)(unsigned long)timeout;
	start = clock_ns();
	pid = program_start(p);
	usleep(ELAPSED_NS / 1000);
	stop(pid);
	left = SLEEP_NS - (clock_ns() - start);
	OK(regs_get(&regs, pid, &err));
	EXPECT_EQ(regs_syscall_nr(&regs), nr);
	EXPECT_EQ(regs_rewind_syscall(&regs), -ERESTART_RESTARTBLOCK);
	end(pid);
	EXPECT_EQ(p->done, 0);

	/* A pause between, as between checkpoint and restore. */
	usleep(500000);
	task = spawn(engine);
	pid = injected_tid(task);
	memcpy(again, (const void *)p->args, sizeof(again));
	*timeout = (struct timespec){left / 1000000000, left % 1000000000};
	start = clock_ns();
	OK(injected_sleep(task, regs_syscall_pc(&regs), nr, again, settle_ms, &code, &err));
	EXPECT_EQ(code, -ERESTART_RESTARTBLOCK);
	regs_rearm_syscall(&regs, nr);
	OK(regs_set(&regs, pid, &err));
	injected_forget(task);
	regs_deinit(&regs);
	detach(pid);
	wait_done(p, 10);
	EXPECT_EQ(p->result, result);
	EXPECT_GE(p->end_ns - start, left - 1000000);
	EXPECT_LE(p->end_ns - start, left + TOLERANCE_NS);
	end(pid);
	engine_destroy(engine);
}

TEST(nanosleep_goes_on)
{
	sleep_goes_on(SYS_clock_nanosleep, 2, (const __u64[6]){CLOCK_MONOTONIC}, 20, 0);
}

TEST(nanosleep_goes_on_interrupted_at_once)
{
	sleep_goes_on(SYS_clock_nanosleep, 2, (const __u64[6]){CLOCK_MONOTONIC}, 0, 0);
}

TEST(futex_wait_goes_on)
{
	static unsigned int word = 7;

	sleep_goes_on(
		SYS_futex, 3,
		(const __u64[6]){(__u64)(unsigned long)&word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 7},
		20, -ETIMEDOUT);
}

/* What a waiter waits for has come while nobody ran: its call ends with that. */
TEST(wait_that_is_over_at_restore)
{
	struct program *p = program_create(SYS_futex, (const __u64[6]){0, FUTEX_WAIT, 7});
	struct timespec *timeout = mmap(NULL, sizeof(*timeout), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct engine *engine = make_engine();
	struct injected *task;
	struct regs regs;
	__u64 args[6];
	__s64 code;
	pid_t pid;

	EXPECT(timeout != MAP_FAILED);
	timeout->tv_sec = 1000;
	p->args[3] = (__u64)(unsigned long)timeout;
	p->word = 7;
	p->args[0] = (__u64)(unsigned long)&p->word;
	pid = program_start(p);
	stop(pid);
	OK(regs_get(&regs, pid, &err));
	EXPECT_EQ(regs_rewind_syscall(&regs), -ERESTART_RESTARTBLOCK);
	end(pid);
	p->word = 8;

	task = spawn(engine);
	pid = injected_tid(task);
	memcpy(args, (const void *)p->args, sizeof(args));
	OK(injected_sleep(task, regs_syscall_pc(&regs), SYS_futex, args, 0, &code, &err));
	EXPECT_EQ(code, -EAGAIN);
	regs_end_syscall(&regs, (long)code);
	OK(regs_set(&regs, pid, &err));
	injected_forget(task);
	regs_deinit(&regs);
	detach(pid);
	wait_done(p, 3);
	EXPECT_EQ(p->result, -EAGAIN);
	end(pid);
	engine_destroy(engine);
}

/* A call that does not sleep after all is reported with its result. */
TEST(sleep_that_ends_at_once)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	__u64 pc = engine_address(engine) + (__u64)(arch_engine_syscall - arch_engine);
	__s64 code = 1;

	OK(injected_sleep(task, pc, SYS_close, (const __u64[6]){9999}, 100, &code, &err));
	EXPECT_EQ(code, -EBADF);
	engine_destroy(engine);
}
