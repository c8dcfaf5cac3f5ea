// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that was stopped inside of another kernel's vDSO goes on there, step by
 * step, until it is out, before any function of it is patched. The data it would read
 * are not those of this machine: they read as zeroes, at which every clock of the vDSO
 * turns to the kernel. One that took zeroes and made no call has got nonsense.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject/engine.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "restore/vdso.h"

/* A call takes some hundred. */
#define STEPS_MAX 100000
/* Bytes from sigreturn's first that are its own. */
#define SIGRETURN_SIZE 16

/* Inside of it where things change? */
static bool is_inside(const struct old_vdso *old, uint64_t pc)
{
	if (old->sigreturn && pc >= old->sigreturn && pc < old->sigreturn + SIGRETURN_SIZE)
		return false;
	return pc >= old->place.text && pc < old->place.text + old->place.text_size;
}

static bool is_at_call(const struct old_vdso *old, uint64_t pc)
{
	uint64_t offset = pc - old->place.text, left = old->place.text_size - offset;

	return arch_find_syscall(old->text + offset, left < 4 ? left : 4) == 0;
}

static int protect_data(const struct new_process *p, int prot, struct error *err)
{
	const struct vdso *place = &p->old_vdso->place;
	__s64 result = 0;
	int ret = injected_syscall(p->tasks[0].injected, SYS_mprotect,
				   (const __u64[6]){place->vvar, place->vvar_size, (__u64)prot},
				   &result, err);

	return ret || result >= 0 ? ret : fail(err, (int)result, "cannot protect the vDSO's data");
}

/* What @t has got is what its process's leader @tid has now. */
static int take_registers(struct new_task *t, pid_t tid, struct error *err)
{
	struct regs now;
	int ret = regs_get(&now, tid, err);

	for (size_t i = 0; i < t->regs.n && !ret; i++) {
		struct regset *to = &t->regs.set[i], *from = regs_find(&now, to->note);

		if (from && from->size == to->size)
			memcpy(to->data, from->data, to->size);
	}
	if (!ret)
		regs_deinit(&now);
	return ret;
}

static int read_pc(pid_t tid, uint64_t *ret_pc, struct error *err)
{
	struct regs regs;
	int ret = regs_get_general(&regs, tid, err);

	if (!ret) {
		*ret_pc = regs_pc(&regs);
		regs_deinit(&regs);
	}
	return ret;
}

static int fail_inside(struct error *err)
{
	fail(err, EOPNOTSUPP, "it was dumped while it read a clock in the vDSO of another kernel");
	return fail_hint(err, "restore under the kernel where the dump was made, or dump again");
}

/* The leader, which alone is there, takes the steps of any thread: they share the memory. */
static int step_out(const struct new_process *p, struct new_task *t, struct error *err)
{
	struct injected *leader = p->tasks[0].injected;
	pid_t tid = injected_tid(leader);
	uint64_t pc = regs_pc(&t->regs), steps = 0;
	bool has_read = false, has_called = false;
	__u64 fault = 0;
	int ret = protect_data(p, PROT_NONE, err) ?: regs_set(&t->regs, tid, err);

	while (!ret && is_inside(p->old_vdso, pc)) {
		const struct vdso *place = &p->old_vdso->place;
		bool is_call = is_at_call(p->old_vdso, pc);

		ret = ++steps > STEPS_MAX ? fail_inside(err) : injected_step(leader, &fault, err);
		if (ret == 1) {
			has_called = has_called || is_call;
			ret = read_pc(tid, &pc, err);
		} else if (!ret && !has_read && fault - place->vvar < place->vvar_size) {
			/* The registers are the program's: they have to survive the call. */
			has_read = true;
			ret = take_registers(t, tid, err) ?: protect_data(p, PROT_READ, err)
				      ?: regs_set(&t->regs, tid, err);
		} else if (!ret) {
			ret = fail(err, EFAULT, "cannot leave the vDSO at %llx: no memory at %llx",
				   (unsigned long long)pc, (unsigned long long)fault);
		}
	}
	if (!ret && has_read && !has_called)
		ret = fail_inside(err);
	if (!ret)
		ret = take_registers(t, tid, err);
	return ret ?: protect_data(p, PROT_READ, err);
}

static int step_all_out(struct restore *r, struct new_process *p, struct error *err)
{
	for (size_t i = 0; i < p->n_tasks; i++) {
		struct new_task *t = &p->tasks[i];

		if (!is_inside(p->old_vdso, regs_pc(&t->regs)))
			continue;
		log_debug(r->log, "task %d: stopped in the vDSO at %llx", t->tid,
			  (unsigned long long)regs_pc(&t->regs));
		if (step_out(p, t, err))
			return fail_in(err, "task %d", t->tid);
	}
	return 0;
}

/* Not by the task, for the mapping cannot be written; the kernel then tends to the instruction
 * cache. */
static int patch(const struct new_process *p, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", injected_tid(p->tasks[0].injected));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(err, errno, "cannot open its memory");
	for (size_t i = 0; i < p->old_vdso->n_patches; i++) {
		const struct vdso_patch *patch = &p->old_vdso->patches[i];

		if (pwrite(fd, patch->code.bytes, patch->code.size, (off_t)patch->at) !=
		    (ssize_t)patch->code.size)
			return fail(err, errno, "cannot patch its vDSO at %llx",
				    (unsigned long long)patch->at);
	}
	return 0;
}

int vdso_replace(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_processes; i++) {
		struct new_process *p = r->processes[i];

		if (!p->old_vdso || p->is_dead)
			continue;
		if (step_all_out(r, p, err) || patch(p, err))
			return fail_in(err, "process %d", p->pid);
	}
	return 0;
}
