// SPDX-License-Identifier: GPL-2.0-only
/*
 * Switches that prctl(2) sets and that nothing else knows of: what becomes of a thread when its
 * memory fails, writing back as an IO flusher, time stamps and CPUID that fault, merging of
 * equal pages, permission to use large register states (arch_prctl).
 */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "arch/arch.h"
#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/restore.h"

/* task->flags */
#define PF_MCE_PROCESS 0x00000080 /* it has said what it wants: */
#define PF_MCE_EARLY   0x08000000 /* to be told at once, not when it touches the page */
#define PF_IO_FLUSHER  0x00180000 /* PF_MEMALLOC_NOIO and PF_LOCAL_THROTTLE */

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

/* --- dump ---------------------------------------------------------------- */

static bool is_rare(const struct task *t)
{
	return t->rec->marks.thread_flags & arch_rare_thread_flags();
}

static void judge(struct judge *j, const struct task *t)
{
	if (t->process->is_zombie || !is_rare(t))
		return;
	learn(&j->snap->learned);
	if (!j->snap->learned.has_failed)
		return;
	judge_task(j, t, "prctl", NULL,
		   "has flags that cannot be told: perhaps time stamps fault (PR_SET_TSC), which "
		   "will not be restored");
	judge_soften(j);
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	ThreadCoreEntry *thread = core->thread_core;
	const struct task_record *rec = t->rec;

	if (t->process->is_zombie || !thread)
		return 0;
	if (rec->flags & PF_MCE_PROCESS) {
		thread->has_mce_kill = true;
		thread->mce_kill = rec->flags & PF_MCE_EARLY ? PR_MCE_KILL_EARLY : PR_MCE_KILL_LATE;
	}
	if ((rec->flags & PF_IO_FLUSHER) == PF_IO_FLUSHER)
		thread->has_io_flusher = thread->io_flusher = true;
	if (t == t->process->tasks && arch_permission_of(rec->marks.xfeatures)) {
		thread->has_xstate_permission = true;
		thread->xstate_permission = arch_permission_of(rec->marks.xfeatures);
	}
	if (!is_rare(t))
		return 0;
	learn(&d->snap.learned);
	if (rec->marks.thread_flags & d->snap.learned.tsc_flags)
		thread->has_tsc_faults = thread->tsc_faults = true;
	if (rec->marks.thread_flags & d->snap.learned.cpuid_flags)
		thread->has_cpuid_faults = thread->cpuid_faults = true;
	return 0;
}

/* --- restore ------------------------------------------------------------- */

static int check(struct restore *r, struct new_task *t)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	__u64 args[2];
	long nr;

	if (thread->mce_kill > PR_MCE_KILL_DEFAULT)
		return fail(r->err, 0, "it cannot handle failing memory in the way %u",
			    thread->mce_kill);
	if (thread->cpuid_faults && !arch_cpuid_faults_call(&nr, args))
		return fail(r->err, 0, "this processor cannot fault on CPUID");
	if (thread->has_xstate_permission &&
	    !arch_permission_call(thread->xstate_permission, &nr, args))
		return fail(r->err, 0, "it wants register state %u, which is unknown",
			    thread->xstate_permission);
	return 0;
}

/* The permission comes before alternate signal stacks, which must be large enough for the state. */
static int restore_process_part(struct restore *r, struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	__u64 args[2];
	long nr;

	if (thread->has_xstate_permission &&
	    arch_permission_call(thread->xstate_permission, &nr, args))
		batch_do(batch, "getting permission for large registers (AMX)", nr, args[0],
			 args[1]);
	if (!t->process->mm->memory_merge)
		return 0;
	return batch_do(batch, "merging its memory", SYS_prctl, PR_SET_MEMORY_MERGE, 1, 0, 0, 0);
}

static int restore_thread(struct restore *r, struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;

	if (thread->has_mce_kill)
		batch_do(batch, "setting what it does when memory fails", SYS_prctl, PR_MCE_KILL,
			 PR_MCE_KILL_SET, thread->mce_kill, 0, 0);
	if (thread->io_flusher)
		batch_do(batch, "making it an IO flusher", SYS_prctl, PR_SET_IO_FLUSHER, 1, 0, 0,
			 0);
	return 0;
}

static int restore_last(struct restore *r, struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	__u64 args[2];
	long nr;

	if (thread->tsc_faults)
		batch_do(batch, "having time stamps fault", SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV);
	if (thread->cpuid_faults && arch_cpuid_faults_call(&nr, args))
		batch_do(batch, "having CPUID fault", nr, args[0], args[1]);
	return 0;
}

static const struct task_ops task_ops = {
	.judge = judge,
	.describe = describe,
	.check = check,
	.restore =
		{
			[PHASE_PROCESS] = restore_process_part,
			[PHASE_THREAD] = restore_thread,
			[PHASE_LAST] = restore_last,
		},
};

const struct kind kind_prctl = {.name = "prctl", .task = &task_ops};
