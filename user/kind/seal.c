// SPDX-License-Identifier: GPL-2.0-only
/* Sealed mappings (mseal): the last thing that is done to them. Theirs is a field of vma_entry. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject/batch.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "vma.pb-c.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static int check(struct restore *r, struct new_task *t)
{
	const struct new_process *p = t->process;
	bool is_sealed = false;

	for (size_t i = 0; t == p->tasks && i < p->n_vmas && !is_sealed; i++)
		is_sealed = p->vmas[i].entry->sealed;
	if (is_sealed && syscall(SYS_mseal, 0, 0, 0) && errno == ENOSYS)
		return fail(r->err, 0, "it has sealed mappings, and this kernel has no mseal");
	return 0;
}

static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const struct new_process *p = t->process;

	for (size_t i = 0; t == p->tasks && i < p->n_vmas; i++) {
		const VmaEntry *entry = p->vmas[i].entry;

		if (entry->sealed)
			batch_call(batch, "sealing %llx-%llx", entry->start, entry->end,
				   ENGINE_SUCCESS, 0, NULL, SYS_mseal,
				   (const __u64[6]){entry->start, entry->end - entry->start, 0});
	}
	return 0;
}

static const struct task_ops task_ops = {
	.check = check,
	.restore = {[PHASE_LAST] = restore},
};

const struct kind kind_seal = {.name = "seal", .task = &task_ops};
