// SPDX-License-Identifier: GPL-2.0-only
/* The engine: lists of calls, trees of tasks, sleeping calls, and what is left at the end. */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "state.h"
#include "tasks.h"

#define N_CALLS    1000
#define N_THREADS  20
#define PROBE_PIDS 100000

static struct injected *clone_task(struct injected *parent, __u64 flags, pid_t tid)
{
	struct clone_args args = {.flags = flags};
	struct injected *task = NULL;
	struct error err = {};

	if (!(flags & CLONE_THREAD))
		args.exit_signal = SIGCHLD;
	if (tid) {
		args.set_tid = (__u64)(unsigned long)&tid;
		args.set_tid_size = 1;
	}
	if (engine_clone(parent, &args, &task, &err) == -EPERM)
		SKIP("set_tid needs CAP_CHECKPOINT_RESTORE");
	if (!task)
		FAIL("engine_clone: %s", err.text);
	return task;
}

TEST(spawned_task_has_nothing_of_ours)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct batch *batch = injected_batch(task);
	__u64 *mask, *action, at = batch_data(batch, NULL, 16, (void **)&mask);
	__u64 at_action = batch_data(batch, NULL, 32, (void **)&action);
	__s64 pid = 0;

	batch_do(batch, "mask", SYS_rt_sigprocmask, SIG_BLOCK, 0, at, 8);
	batch_do(batch, "action", SYS_rt_sigaction, SIGPIPE, 0, at_action, 8);
	batch_call(batch, "pid", 0, 0, ENGINE_SUCCESS, 0, &pid, SYS_getpid, (const __u64[6]){});
	OK(batch_run(batch, &err));
	/* The kernel never blocks SIGKILL and SIGSTOP; SIGTRAP is the engine's. */
	EXPECT_EQ(*mask,
		  ~((1ULL << (SIGKILL - 1)) | (1ULL << (SIGSTOP - 1)) | (1ULL << (SIGTRAP - 1))));
	EXPECT_EQ(action[0], 0);
	EXPECT_EQ(pid, injected_tid(task));
	engine_destroy(engine);
}

TEST(a_thousand_calls_run_in_order)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct batch *batch = injected_batch(task);
	__s64 results[N_CALLS] = {};

	/* dup2 to ever higher numbers: each needs the one before, so the order shows. */
	for (int i = 0; i < N_CALLS; i++)
		EXPECT_EQ(batch_call(batch, "copying descriptor %llu", (__u64)i, 0, ENGINE_DEMAND,
				     i + 3, &results[i], SYS_dup3,
				     (const __u64[6]){(__u64)(i + 2), (__u64)(i + 3)}),
			  0);
	OK(batch_run(batch, &err));
	for (int i = 0; i < N_CALLS; i++)
		EXPECT_EQ(results[i], i + 3);
	engine_destroy(engine);
}

TEST(failing_call_is_named_and_the_rest_not_run)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct batch *batch = injected_batch(task);
	struct error err = {};
	__s64 after = 42;

	batch_try(batch, "a call nobody minds", SYS_close, (__u64)-1);
	batch_call(batch, "closing %llu of %llx", 9999, 0xab, ENGINE_SUCCESS, 0, NULL, SYS_close,
		   (const __u64[6]){9999});
	batch_call(batch, "later", 0, 0, ENGINE_ANY, 0, &after, SYS_getpid, (const __u64[6]){});
	EXPECT_EQ(batch_run(batch, &err), -EBADF);
	EXPECT_STREQ(err.text, "closing 9999 of ab: Bad file descriptor");
	EXPECT_EQ(after, 42);
	error_deinit(&err);

	batch_demand(batch, "asking for a pid", 1, SYS_getpid);
	EXPECT_EQ(batch_run(batch, &err), -EINVAL);
	EXPECT(strstr(err.text, "asking for a pid: the call returned ") == err.text);
	error_deinit(&err);

	batch_do(batch, "still alive", SYS_getpid);
	OK(batch_run(batch, &err));
	engine_destroy(engine);
}

TEST(error_of_a_run_to_make_room_is_kept)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct batch *batch = injected_batch(task);
	struct error err = {};
	int code = 0, n = 0;

	batch_do(batch, "first", SYS_close, 9999);
	while (code == 0 && n++ < 2000)
		code = batch_do(batch, "filler", SYS_getpid);
	EXPECT_EQ(code, -EBADF);
	EXPECT_EQ(batch_data(batch, "x", 1, NULL), 0);
	EXPECT_EQ(batch_run(batch, &err), -EBADF);
	EXPECT_STREQ(err.text, "first: Bad file descriptor");
	error_deinit(&err);
	batch_do(batch, "still alive", SYS_getpid);
	OK(batch_run(batch, &err));
	engine_destroy(engine);
}

TEST(data_reaches_the_task_and_comes_back)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct batch *batch = injected_batch(task);
	size_t room = batch_room(batch);
	char *back, *all = calloc(1, room);
	__u64 path, at;
	__s64 n = 0;

	EXPECT(all);
	OK(batch_reserve(batch, 2, 256));
	path = batch_data(batch, "/no/such/place", 15, NULL);
	at = batch_data(batch, NULL, 64, (void **)&back);
	EXPECT(path && at && !back[0]);
	batch_call(batch, "name", 0, 0, ENGINE_DEMAND, 0, &n, SYS_prctl,
		   (const __u64[6]){PR_SET_NAME, path});
	batch_do(batch, "name", SYS_prctl, PR_GET_NAME, at);
	OK(batch_run(batch, &err));
	EXPECT_STREQ(back, "/no/such/place");

	EXPECT_GE(room, (size_t)4096 * 8);
	EXPECT_NE(batch_data(batch, all, room, NULL), 0);
	batch_do(batch, "full", SYS_getpid);
	EXPECT_NE(batch_data(batch, all, room, NULL), 0);
	EXPECT_EQ(batch_data(batch, all, room + 1, NULL), 0);
	EXPECT_EQ(batch_reserve(batch, 1, room), 0);
	EXPECT_EQ(batch_reserve(batch, 1, room * 2), -E2BIG);
	OK(batch_run(batch, &err));
	free(all);
	engine_destroy(engine);
}

static void expect_ids(struct injected *task, pid_t pid, pid_t tid, pid_t ppid)
{
	struct batch *batch = injected_batch(task);

	EXPECT_EQ(injected_tid(task), tid);
	batch_demand(batch, "pid", pid, SYS_getpid);
	batch_demand(batch, "tid", tid, SYS_gettid);
	batch_demand(batch, "ppid", ppid, SYS_getppid);
	OK(batch_start(batch, &err));
}

/* The first of @n numbers that no process has. */
static pid_t find_pids(int n)
{
	pid_t base = 0;
	int free_ones = 0;

	for (pid_t pid = 20000; pid < PROBE_PIDS && free_ones < n; pid++) {
		if (kill(pid, 0) < 0 && errno == ESRCH) {
			if (!free_ones++)
				base = pid;
		} else {
			free_ones = 0;
		}
	}
	EXPECT_EQ(free_ones, n);
	return base;
}

TEST(tree_of_tasks_and_threads_with_chosen_ids)
{
	const __u64 thread =
		CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_FILES | CLONE_FS | CLONE_SYSVSEM;
	struct engine *engine = make_engine();
	pid_t base = find_pids(N_THREADS + 3);
	struct injected *tasks[N_THREADS + 3];
	size_t n = 0;

	tasks[n++] = spawn(engine);
	tasks[n] = clone_task(tasks[n - 1], 0, base), n++;
	tasks[n] = clone_task(tasks[n - 1], 0, base + 1), n++;
	while (n < N_THREADS + 3) {
		tasks[n] = clone_task(tasks[2], thread, base + (pid_t)n);
		n++;
	}
	expect_ids(tasks[0], injected_tid(tasks[0]), injected_tid(tasks[0]), getpid());
	expect_ids(tasks[1], base, base, injected_tid(tasks[0]));
	expect_ids(tasks[2], base + 1, base + 1, base);
	for (size_t i = 3; i < n; i++)
		expect_ids(tasks[i], base + 1, base + (pid_t)i, base);
	for (size_t i = 0; i < n; i++)
		OK(batch_finish(injected_batch(tasks[i]), &err));
	engine_destroy(engine);
	expect_gone(base);
}

TEST(clone_that_fails_says_why)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine), *child = NULL;
	struct clone_args args = {.flags = CLONE_THREAD};
	struct error err = {};

	EXPECT_EQ(engine_clone(task, &args, &child, &err), -EINVAL);
	EXPECT_STREQ(err.text, "creating a thread: Invalid argument");
	error_deinit(&err);
	EXPECT(!child);
	batch_do(injected_batch(task), "still alive", SYS_getpid);
	OK(batch_run(injected_batch(task), &err));
	engine_destroy(engine);
}

TEST(death_during_a_batch_is_an_error)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct batch *batch = injected_batch(task);
	struct error err = {};

	batch_do(batch, "fine", SYS_getpid);
	batch_do(batch, "sleeping", SYS_ppoll, 0, 0, 0, 0, 0);
	OK(batch_start(batch, &err));
	await_state(injected_tid(task), 'S');
	kill(injected_tid(task), SIGKILL);
	EXPECT_LT(batch_finish(batch, &err), 0);
	EXPECT_STREQ(err.text, "sleeping: killed by signal 9 (Killed)");
	error_deinit(&err);

	task = spawn(engine);
	batch = injected_batch(task);
	batch_do(batch, "pulling the rug", SYS_munmap, engine_address(engine),
		 engine_size(MAX_THREADS));
	EXPECT_LT(batch_run(batch, &err), 0);
	EXPECT_STREQ(err.text, "pulling the rug: stopped by signal 11 (Segmentation fault)");
	error_deinit(&err);
	engine_destroy(engine);
}

/* A leader's end is reported after its threads' only, those that were handed over too. */
TEST(forgotten_threads_do_not_hold_up_the_end)
{
	const __u64 thread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	pid_t pid = injected_tid(task);

	injected_forget(clone_task(task, thread, 0));
	clone_task(task, thread, 0);
	injected_forget(clone_task(task, thread, 0));
	engine_destroy(engine);
	expect_gone(pid);
}

/* Signals that arrive while the engine works change nothing. */
TEST(signals_do_not_disturb)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct batch *batch = injected_batch(task);
	const int signals[] = {SIGSTOP, SIGCONT, SIGTRAP, SIGTERM,
			       SIGUSR1, SIGTSTP, SIGSTOP, SIGCONT};
	__s64 last = 0;

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 500; i++)
			batch_call(batch, "call", 0, 0, ENGINE_SUCCESS, 0, &last, SYS_getppid,
				   (const __u64[6]){});
		OK(batch_start(batch, &err));
		for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
			kill(injected_tid(task), signals[i]);
		OK(batch_finish(batch, &err));
		EXPECT_EQ(last, getpid());
	}
	engine_destroy(engine);
}

TEST(single_call_needs_no_trap)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct batch *batch = injected_batch(task);
	__u64 *action, at = batch_data(batch, NULL, 32, (void **)&action);
	const __u64 args[6] = {SIGTRAP, at, 0, 8};
	__s64 result = 1;

	action[0] = (__u64)(unsigned long)SIG_IGN;
	OK(injected_syscall(task, SYS_rt_sigaction, args, &result, &err));
	EXPECT_EQ(result, 0);
	OK(injected_syscall(task, SYS_getpid, args, &result, &err));
	EXPECT_EQ(result, injected_tid(task));
	OK(injected_syscall(task, SYS_close, (const __u64[6]){9999}, &result, &err));
	EXPECT_EQ(result, -EBADF);
	batch_do(batch, "batch after it", SYS_getpid);
	OK(batch_run(batch, &err));
	engine_destroy(engine);
}

/* Waits until a shared word is what it should be. */
static void await_word(volatile __u64 *word, __u64 value)
{
	for (int i = 0; i < 5000 && *word != value; i++)
		usleep(1000);
	EXPECT_EQ(*word, value);
}

/* A task without a single mapping of ours, not even the engine, goes on where it is put. */
TEST(released_task_runs_in_memory_of_its_own)
{
	struct engine *engine = make_engine();
	struct injected *task = spawn(engine);
	struct batch *batch = injected_batch(task);
	__u64 page = (__u64)sysconf(_SC_PAGESIZE), above;
	__u64 at = engine_address(engine) - 16 * page;
	struct iovec from = {(void *)spin, 64}, to = {(void *)(unsigned long)at, 64};
	pid_t pid = injected_tid(task);
	struct regs regs, again;
	char maps[64], line[256];
	FILE *f;

	above = engine_address(engine) + engine_size(MAX_THREADS);
	batch_do(batch, "unmapping below", SYS_munmap, 0, engine_address(engine));
	batch_do(batch, "unmapping above", SYS_munmap, above, arch_task_size() - above);
	batch_demand(batch, "mapping a page", at, SYS_mmap, at, page,
		     PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		     (__u64)-1, 0);
	OK(batch_run(batch, &err));
	EXPECT_EQ(process_vm_writev(pid, &from, 1, &to, 1, 0), 64);
	OK(regs_get(&regs, pid, &err));
	regs_set_pc(&regs, at);
	regs_set_sp(&regs, 0x1230);
	OK(injected_unmap(task, &err));
	OK(regs_set(&regs, pid, &err));
	injected_forget(task);
	detach(pid);
	usleep(50000);

	snprintf(maps, sizeof(maps), "/proc/%d/maps", pid);
	f = fopen(maps, "r");
	EXPECT(f && fgets(line, sizeof(line), f));
	EXPECT_EQ(strtoull(line, NULL, 16), at);
	EXPECT(!fgets(line, sizeof(line), f) || strstr(line, "[vsyscall]"));
	stop(pid);
	OK(regs_get(&again, pid, &err));
	EXPECT_EQ(regs_pc(&again), at);
	EXPECT_EQ(regs_sp(&again), 0x1230);
	EXPECT_EQ(again.n, regs.n);
	for (unsigned int i = 0; i < 6; i++)
		EXPECT_EQ(regs_syscall_arg(&regs, i), regs_syscall_arg(&again, i));
	for (size_t i = 0; i < regs.n; i++) {
		EXPECT_EQ(regs.set[i].size, again.set[i].size);
		/* In the general set are flags that the kernel sets by itself: SSBS of arm64. */
		if (i)
			EXPECT_MEMEQ(regs.set[i].data, again.set[i].data, regs.set[i].size);
	}
	regs_deinit(&regs);
	regs_deinit(&again);
	end(pid);
	engine_destroy(engine);
}

/* What the copy of this program does once it is let go. */
struct shared {
	volatile __u64 done;
	volatile __s64 result;
	volatile long long end_ns;
};

static struct shared *make_shared(void)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(shared != MAP_FAILED);
	return shared;
}

/* Nothing of ours lives on when the tracer is killed at any moment. */
TEST(tasks_die_with_their_tracer)
{
	struct shared *shared = make_shared();

	for (int round = 0; round < 20; round++) {
		pid_t pids[2], tracer;

		shared->done = 0;
		tracer = test_fork();
		EXPECT_GE(tracer, 0);
		if (tracer == 0) {
			struct engine *engine = make_engine();
			struct injected *task = spawn(engine), *child;

			shared->result = injected_tid(task);
			child = clone_task(task, 0, 0);
			shared->end_ns = injected_tid(child);
			shared->done = 1;
			for (;;) {
				for (int i = 0; i < 100; i++)
					batch_do(injected_batch(child), "x", SYS_getpid);
				OK(batch_run(injected_batch(child), &err));
				clone_task(child, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, 0);
				if (round % 2)
					pause();
			}
		}
		await_word(&shared->done, 1);
		pids[0] = (pid_t)shared->result;
		pids[1] = (pid_t)shared->end_ns;
		usleep((useconds_t)(rand() % 3000));
		end(tracer);
		expect_gone(pids[0]);
		expect_gone(pids[1]);
	}
}
