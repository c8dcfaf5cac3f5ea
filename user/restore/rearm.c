// SPDX-License-Identifier: GPL-2.0-only
#include "restore/rearm.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "arch/arch.h"
#include "inject/engine.h"
#include "kind/restart.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/restore.h"

#define RESTART_BLOCK (-516) /* -ERESTART_RESTARTBLOCK, which no header tells */
#define TIME_ALIGN    16

static bool is_writable(const struct new_process *p, uint64_t address)
{
	for (size_t i = 0; i < p->n_vmas; i++) {
		const VmaEntry *entry = p->vmas[i].entry;

		if (address >= entry->start && address < entry->end)
			return entry->prot & PROT_WRITE && entry->flags & MAP_PRIVATE;
	}
	return false;
}

/* Memory to borrow for the time: the top of the stack, which is present, or anything that can be
 * written. */
static uint64_t find_room(const struct new_task *t)
{
	const struct new_process *p = t->process;
	uint64_t sp = regs_sp(&t->regs) & -(uint64_t)TIME_ALIGN;

	if (is_writable(p, sp))
		return sp;
	for (size_t i = 0; i < p->n_vmas; i++)
		if (is_writable(p, p->vmas[i].entry->start))
			return p->vmas[i].entry->start;
	return 0;
}

static int copy(pid_t tid, uint64_t address, void *local, size_t n, bool write, struct error *err)
{
	struct iovec here = {local, n}, there = {(void *)(uintptr_t)address, n};
	ssize_t done = write ? process_vm_writev(tid, &here, 1, &there, 1, 0)
			     : process_vm_readv(tid, &here, 1, &there, 1, 0);

	if (done == (ssize_t)n)
		return 0;
	return fail(err, done < 0 ? errno : EFAULT, "cannot reach its memory at %llx",
		    (unsigned long long)address);
}

/* Executes the call; the time it sleeps lies in memory of its own for as long as that takes. */
static int execute(struct new_task *t, struct restart_call *call, __s64 *ret_result,
		   struct error *err)
{
	__u64 pc = regs_syscall_pc(&t->regs), room = 0;
	char saved[sizeof(call->time)];
	int ret = 0;

	if (call->time_arg >= 0) {
		room = find_room(t);
		if (!room)
			return fail(err, 0, "it has no memory for the time that it sleeps");
		ret = copy(t->tid, room, saved, sizeof(saved), false, err)
			      ?: copy(t->tid, room, &call->time, sizeof(call->time), true, err);
		call->args[call->time_arg] = room;
	}
	if (!ret)
		ret = injected_sleep(t->injected, pc, call->nr, call->args, 0, ret_result, err);
	if (!ret && room)
		ret = copy(t->tid, room, saved, sizeof(saved), true, err);
	return ret;
}

int rearm_sleep(struct restore *r, struct new_task *t, struct error *err)
{
	struct restart_call call;
	__s64 result = 0;
	int ret;

	if (!restart_plan(r, t, &call))
		return 0;
	ret = execute(t, &call, &result, err);
	if (ret)
		return fail_in(err, "a sleeping call (%ld)", call.nr);
	if (result == RESTART_BLOCK)
		regs_rearm_syscall(&t->regs, call.nr);
	else
		regs_end_syscall(&t->regs, (long)result);
	return 0;
}
