// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restartable sequences: the area that the C library registered. The kernel
 * leaves a critical section on its way to user space; a thread that is restored comes from
 * there too, but no more within the section, so dump_rewind does it in its stead.
 */
#include <errno.h>
#include <sys/syscall.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "rseq.pb-c.h"

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	RseqEntry *rseq;

	if (t->process->is_zombie || !core->thread_core || !t->rec->rseq)
		return 0;
	rseq = dump_message(d, &rseq_entry__descriptor);
	if (!rseq)
		return fail(d->err, ENOMEM, "cannot describe its rseq area");
	rseq->rseq_abi_pointer = t->rec->rseq;
	rseq->rseq_abi_size = t->rec->rseq_len;
	rseq->signature = t->rec->rseq_sig;
	core->thread_core->rseq_entry = rseq;
	return 0;
}

static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const RseqEntry *rseq = t->core->thread_core->rseq_entry;

	if (rseq && rseq->rseq_abi_pointer)
		batch_do(batch, "registering its rseq area", SYS_rseq, rseq->rseq_abi_pointer,
			 rseq->rseq_abi_size, 0, rseq->signature);
	return 0;
}

static const struct task_ops task_ops = {
	.describe = describe,
	.restore = {[PHASE_THREAD] = restore},
};

const struct kind kind_rseq = {.name = "rseq", .task = &task_ops};
