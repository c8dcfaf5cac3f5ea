// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inject/injected.h"

#define ENGINE_OPTIONS                                                                             \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |    \
	 PTRACE_O_TRACEVFORK)
#define SEIZE_SECONDS   10 /* a child that is not seized by then has lost its tracer, and ends */
#define KERNEL_SIGSET   8  /* bytes of the kernel's sigset_t */
#define PROC_PATH_SIZE  32
#define REAP_STEP_NS    100000 /* SIGKILL takes that long, or a few times that */
#define N_SIGNALS       64
#define RSEQ_UNREGISTER 1 /* RSEQ_FLAG_UNREGISTER */

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif
/* struct ptrace_rseq_configuration; linux/ptrace.h collides with sys/ptrace.h. */
struct rseq_configuration {
	__u64 pointer;
	__u32 size, signature, flags, pad;
};

static size_t code_size(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (page > ENGINE_SLOT_SIZE) ? page : ENGINE_SLOT_SIZE;
}

size_t engine_size(size_t n_threads)
{
	/* The code takes a slot's room, so that any page size divides all. */
	return code_size() + n_threads * ENGINE_SLOT_SIZE;
}

__u64 engine_address(const struct engine *engine)
{
	return engine->address;
}

/*
 * The code is private memory and the arena shared memory without a name: children
 * inherit both at their place, nothing needs a descriptor, and no mount option or
 * sysctl about executable files is in the way.
 */
static int map_engine(const struct engine *engine, struct error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = engine_size(engine->n_slots);
	void *want = (void *)(unsigned long)engine->address, *at;
	char *arena = (char *)want + engine->code_size;
	int ret;

	at = mmap(want, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (at == MAP_FAILED)
		return fail(err, errno, "cannot map the engine at %llx",
			    (unsigned long long)engine->address);
	if (mmap(want, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED ||
	    mmap(arena, size - engine->code_size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		munmap(at, size);
		return fail(err, errno, "cannot make the engine's memory");
	}
	memcpy(at, arch_engine, (size_t)(arch_engine_end - arch_engine));
	__builtin___clear_cache(at, (char *)at + page);
	if (mprotect(at, page, PROT_READ | PROT_EXEC) < 0) {
		ret = fail(err, errno, "cannot make the engine executable");
		munmap(at, size);
		return ret == -EACCES ? fail_hint(err, "run crbpf where memory may be made executable "
						       "(without systemd's MemoryDenyWriteExecute=)")
				      : ret;
	}
	return 0;
}

int engine_create(struct engine **ret, __u64 address, size_t n_threads, struct error *err)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int code;

	if (!engine)
		return fail(err, ENOMEM, "cannot make the engine");
	engine->address = address;
	engine->code_size = code_size();
	engine->n_slots = n_threads;
	engine->slot_is_used = calloc(n_threads ?: 1, sizeof(bool));
	code = engine->slot_is_used ? map_engine(engine, err)
				    : fail(err, ENOMEM, "cannot make the engine");
	if (code < 0) {
		free(engine->slot_is_used);
		free(engine);
		return code;
	}
	*ret = engine;
	return 0;
}

/* Takes a slot for a thread that will be. */
static struct injected *injected_create(struct engine *engine, struct error *err)
{
	struct injected *task;
	char *arena = (char *)(unsigned long)engine->address + engine->code_size;
	size_t slot = 0;

	while (slot < engine->n_slots && engine->slot_is_used[slot])
		slot++;
	if (slot == engine->n_slots) {
		fail(err, 0, "the engine has room for %zu threads only", engine->n_slots);
		return NULL;
	}
	task = calloc(1, sizeof(*task));
	if (!task) {
		fail(err, ENOMEM, "cannot inject into a thread");
		return NULL;
	}
	task->engine = engine;
	task->slot = slot;
	engine->slot_is_used[slot] = true;
	batch_init(&task->batch, task, arena + slot * ENGINE_SLOT_SIZE);

	task->prev = engine->last;
	*(engine->last ? &engine->last->next : &engine->first) = task;
	engine->last = task;
	return task;
}

void injected_forget(struct injected *task)
{
	struct engine *engine = task->engine;

	*(task->prev ? &task->prev->next : &engine->first) = task->next;
	*(task->next ? &task->next->prev : &engine->last) = task->prev;
	engine->slot_is_used[task->slot] = false;
	batch_deinit(&task->batch);
	regs_deinit(&task->regs);
	free(task);
}

/*
 * Reaps the forgotten threads of a process that was killed: the end of a leader is
 * reported only after theirs, and theirs to us alone, who trace them.
 */
static void reap_threads(pid_t pid)
{
	char path[PROC_PATH_SIZE];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid > 0 && tid != pid)
			waitpid(tid, NULL, __WALL | WNOHANG);
	}
	closedir(dir);
}

/* Waits for the end of a thread that was sent SIGKILL. */
static void reap(struct injected *task)
{
	const struct timespec step = {.tv_nsec = REAP_STEP_NS};
	int status;
	pid_t pid;

	while (!task->is_dead) {
		pid = waitpid(task->tid, &status, __WALL | WNOHANG);
		if (pid == 0) {
			reap_threads(task->tid);
			nanosleep(&step, NULL);
		} else if (pid > 0 || errno != EINTR) {
			task->is_dead = pid < 0 || !WIFSTOPPED(status);
		}
	}
}

void engine_destroy(struct engine *engine)
{
	if (!engine)
		return;
	for (struct injected *task = engine->first; task; task = task->next) {
		if (task->tid && !task->is_dead)
			kill(task->tid, SIGKILL);
	}
	/* A process is dead only when its threads are, which were made after it. */
	while (engine->last) {
		struct injected *task = engine->last;

		if (task->tid)
			reap(task);
		injected_forget(task);
	}
	munmap((void *)(unsigned long)engine->address, engine_size(engine->n_slots));
	free(engine->slot_is_used);
	free(engine);
}

/* What the first task runs until it is seized. It is a copy of us, and so must not return. */
static void __attribute__((noreturn)) await_seize(void)
{
	const struct timespec limit = {.tv_sec = SEIZE_SECONDS};

	syscall(SYS_ppoll, NULL, 0, &limit, NULL, 0);
	for (;;)
		syscall(SYS_exit_group, 127);
}

/*
 * clone3 with all signals blocked but SIGTRAP, which the engine's trap needs, and with the rights to
 * all protection keys: calls will use memory that has one. Returns a pid or -errno.
 */
static pid_t clone_blocked(struct clone_args *args)
{
	const __u64 all = ~(1ULL << (SIGTRAP - 1));
	__u64 before, keys;
	pid_t pid;

	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, KERNEL_SIGSET) < 0)
		return -errno;
	keys = arch_open_keys();
	pid = (pid_t)syscall(SYS_clone3, args, sizeof(*args));
	if (pid == 0)
		await_seize();
	if (pid < 0)
		pid = -errno;
	arch_restore_keys(keys);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, KERNEL_SIGSET);
	return pid;
}

static int seize(struct injected *task, struct error *err)
{
	int code;

	if (ptrace(PTRACE_SEIZE, task->tid, NULL, (void *)ENGINE_OPTIONS) < 0)
		return fail(err, errno, "cannot trace the new task");
	if (ptrace(PTRACE_INTERRUPT, task->tid, NULL, NULL) < 0)
		return fail(err, errno, "cannot stop the new task");
	code = injected_wait(task, PTRACE_CONT, STOP_INTERRUPT, err);
	return code < 0 ? code : injected_read_regs(task, err);
}

/*
 * Takes back what the copy of us has registered with the kernel: it would be used
 * after its memory is gone (rseq), or when it must not (handlers, ignored signals).
 */
static int make_plain(struct injected *task, struct error *err)
{
	struct rseq_configuration rseq = {};
	struct batch *batch = &task->batch;
	__u64 action;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, task->tid, (void *)sizeof(rseq), &rseq) > 0 &&
	    rseq.pointer)
		batch_do(batch, "taking back rseq", SYS_rseq, rseq.pointer, rseq.size,
			 RSEQ_UNREGISTER, rseq.signature);
	action = batch_data(batch, NULL, 4 * sizeof(__u64), NULL);
	for (int sig = 1; sig <= N_SIGNALS; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			batch_call(batch, "resetting signal %llu", (__u64)sig, 0, ENGINE_SUCCESS, 0,
				   NULL, SYS_rt_sigaction,
				   (const __u64[6]){(__u64)sig, action, 0, KERNEL_SIGSET});
	}
	return batch_run(batch, err);
}

int engine_spawn(struct engine *engine, struct clone_args *args, struct injected **ret,
		 struct error *err)
{
	struct injected *task;
	int code;

	if (args->flags & (CLONE_VM | CLONE_THREAD | CLONE_VFORK))
		return fail(err, EINVAL, "cannot share this process's memory with a task");
	task = injected_create(engine, err);
	if (!task)
		return err && err->code ? err->code : -ENOMEM;
	task->tid = clone_blocked(args);
	if (task->tid < 0) {
		code = fail(err, (int)task->tid, "cannot create a process");
		injected_forget(task);
		return code;
	}
	code = seize(task, err);
	if (code == 0)
		code = make_plain(task, err);
	if (code < 0) {
		kill(task->tid, SIGKILL);
		reap(task);
		injected_forget(task);
		return code;
	}
	*ret = task;
	return 0;
}

int injected_suspend_seccomp(struct injected *task, struct error *err)
{
	unsigned long options = ENGINE_OPTIONS | PTRACE_O_SUSPEND_SECCOMP;

	if (ptrace(PTRACE_SETOPTIONS, task->tid, NULL, (void *)options) < 0)
		return fail(err, errno, "cannot suspend seccomp");
	return 0;
}

/* Queues clone3 with copies of @args and its array. */
static int queue_clone(struct batch *batch, const struct clone_args *args, struct error *err)
{
	struct clone_args copy = *args;
	size_t tids = args->set_tid_size * sizeof(pid_t);
	__u64 at;
	int code = batch_run(batch, err);

	if (code < 0)
		return code;
	if (tids) {
		copy.set_tid = batch_data(batch, (void *)(unsigned long)args->set_tid, tids, NULL);
		if (!copy.set_tid)
			return fail(err, E2BIG, "cannot name the ids of the new task");
	}
	at = batch_data(batch, &copy, sizeof(copy), NULL);
	if (!at)
		return fail(err, E2BIG, "cannot describe the new task");
	return batch_do(batch,
			args->flags & CLONE_THREAD ? "creating a thread" : "creating a process",
			SYS_clone3, at, sizeof(copy));
}

/* The parent is in the event stop of its clone3: gets hold of the child, which is stopped too. */
static int adopt(struct injected *parent, struct injected *child, struct error *err)
{
	unsigned long tid;
	int code;

	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &tid) < 0)
		return fail(err, errno, "cannot learn the id of the new task");
	child->tid = (pid_t)tid;
	code = injected_wait(child, PTRACE_CONT, STOP_INTERRUPT, err);
	if (code == 0 || code == STOP_INTERRUPT)
		code = injected_read_regs(child, err);
	return code;
}

int engine_clone(struct injected *parent, const struct clone_args *args, struct injected **ret,
		 struct error *err)
{
	struct injected *child;
	int code = queue_clone(&parent->batch, args, err);

	if (code < 0)
		return code;
	child = injected_create(parent->engine, err);
	if (!child)
		return err && err->code ? err->code : -ENOMEM;

	code = batch_start(&parent->batch, err);
	if (code == 0)
		code = injected_wait(parent, PTRACE_CONT, STOP_CLONE | STOP_TRAP, err);
	if (code == STOP_TRAP) {
		code = batch_collect(&parent->batch, err);
		if (code == 0)
			code = fail(err, 0, "a new task was not announced");
	} else if (code == STOP_CLONE) {
		code = adopt(parent, child, err);
		if (code == 0)
			code = injected_resume(parent, PTRACE_CONT, err);
		if (code == 0)
			code = batch_finish(&parent->batch, err);
	}
	/* One that is there but of no use stays in the list: engine_destroy ends it. */
	if (code < 0) {
		if (!child->tid)
			injected_forget(child);
		return code;
	}
	*ret = child;
	return 0;
}
