// SPDX-License-Identifier: GPL-2.0-only
/* Addresses in a thread's memory at which the kernel looks when the thread ends. */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"

/* clear_child_tid stands in the arch part of the core: arch_core_from_regs puts it there. */
static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	ThreadCoreEntry *thread = core->thread_core;

	if (t->process->is_zombie || !thread)
		return 0;
	thread->futex_rla = t->rec->robust_list;
	thread->futex_rla_len = t->rec->robust_list ? sizeof(struct robust_list_head) : 0;
	return 0;
}

static int check(struct restore *r, struct new_task *t)
{
	const ThreadCoreEntry *thread = t->core->thread_core;

	if (thread->futex_rla && thread->futex_rla_len != sizeof(struct robust_list_head))
		return fail(r->err, 0, "its robust list has a head of %u bytes, not %zu",
			    thread->futex_rla_len, sizeof(struct robust_list_head));
	return 0;
}

static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;

	batch_do(batch, "setting the address to clear", SYS_set_tid_address,
		 arch_core_clear_tid(t->core));
	if (thread->futex_rla)
		batch_do(batch, "setting the robust list", SYS_set_robust_list, thread->futex_rla,
			 thread->futex_rla_len);
	return 0;
}

static const struct task_ops task_ops = {
	.describe = describe,
	.check = check,
	.restore = {[PHASE_THREAD] = restore},
};

const struct kind kind_robust = {.name = "robust", .task = &task_ops};
