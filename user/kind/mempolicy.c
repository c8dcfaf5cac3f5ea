// SPDX-License-Identifier: GPL-2.0-only
/* On which NUMA nodes a thread, or a mapping, wants its memory. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "vma.pb-c.h"

/* linux/mempolicy.h */
#define MODE_FLAGS   0xe000
#define LOCAL        4 /* has no nodes; images may hold garbage for them */
#define RELATIVE     0x4000
#define MEMS_ALLOWED 4 /* of get_mempolicy: which nodes there are for us */
#define MOVE         2 /* of mbind: pages that lie elsewhere */
#define MODES        16
#define MAX_NODES    1024
#define MASK_BITS    65 /* the kernel takes one less */

#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif

static void judge(struct judge *j, const struct task *t)
{
	if (!t->process->is_zombie && t->rec->numa.has_more_nodes)
		judge_task(j, t, "NUMA policy", NULL,
			   "its memory policy names nodes beyond 63, which cannot be carried");
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	const struct record_policy *policy = &t->rec->numa;
	ThreadCoreEntry *thread = core->thread_core;

	if (t->process->is_zombie || !thread || !policy->is_set)
		return 0;
	thread->has_numa_mode = thread->has_numa_nodes = true;
	thread->numa_mode = policy->mode;
	thread->numa_nodes = policy->nodes;
	return 0;
}

static int check(struct restore *r, struct new_task *t)
{
	const struct new_process *p = t->process;
	uint32_t mode = t->core->thread_core->numa_mode;

	if ((mode & ~(uint32_t)MODE_FLAGS) >= MODES)
		return fail(r->err, 0, "its memory policy %u is unknown", mode);
	for (size_t i = 0; t == p->tasks && i < p->n_vmas; i++)
		if ((p->vmas[i].entry->numa_mode & ~(uint32_t)MODE_FLAGS) >= MODES)
			return fail(r->err, 0, "the memory policy %u of a mapping is unknown",
				    p->vmas[i].entry->numa_mode);
	return 0;
}

/*
 * Those of @nodes that this machine has, in @ret. False, with a warning, where the policy can
 * mean nothing.
 */
static bool find_nodes(struct restore *r, const struct new_task *t, uint32_t mode, uint64_t nodes,
		       uint64_t *ret)
{
	uint64_t there[MAX_NODES / 64 + 1] = {};

	*ret = (mode & ~(uint32_t)MODE_FLAGS) == LOCAL ? 0 : nodes;
	if (syscall(SYS_get_mempolicy, NULL, there, (unsigned long)MAX_NODES + 1, NULL,
		    MEMS_ALLOWED))
		there[0] = 0;
	if (there[0] && (mode & RELATIVE || !*ret))
		return true;
	*ret &= there[0];
	if (!*ret)
		log_warn(r->log,
			 "task %d: the NUMA nodes of its memory policy are not here; ignoring",
			 t->tid);
	else if (*ret != nodes)
		log_warn(r->log,
			 "task %d: of the NUMA nodes of its memory policy, %#llx are not here; "
			 "ignoring",
			 t->tid, (unsigned long long)(nodes & ~*ret));
	return *ret;
}

static int bind_mapping(struct restore *r, struct new_task *t, const VmaEntry *entry,
			struct batch *batch)
{
	uint64_t nodes, size = entry->end - entry->start;

	if (!find_nodes(r, t, entry->numa_mode, entry->numa_nodes, &nodes))
		return 0;
	if (batch_reserve(batch, 2, sizeof(nodes)))
		return batch_run(batch, r->err);
	batch_call(batch, "setting the memory policy of %llx-%llx", entry->start, entry->end,
		   ENGINE_SUCCESS, 0, NULL, SYS_mbind,
		   (const __u64[6]){entry->start, size, entry->numa_mode,
				    nodes ? batch_data(batch, &nodes, sizeof(nodes), NULL) : 0,
				    nodes ? MASK_BITS : 0, MOVE});
	if (entry->has_numa_home && entry->numa_home >= 0)
		batch_call(batch, "setting the home node of %llx-%llx", entry->start, entry->end,
			   ENGINE_SUCCESS, 0, NULL, SYS_set_mempolicy_home_node,
			   (const __u64[6]){entry->start, size, (__u64)entry->numa_home, 0});
	return 0;
}

/* All pages are there: those that lie on other nodes are moved. */
static int restore_mappings(struct restore *r, struct new_task *t, struct batch *batch)
{
	const struct new_process *p = t->process;
	int ret = 0;

	for (size_t i = 0; i < p->n_vmas && !ret; i++)
		if (p->vmas[i].entry->has_numa_mode)
			ret = bind_mapping(r, t, p->vmas[i].entry, batch);
	return ret;
}

/* One that has none may have got crbpf's (numactl crbpf restore). */
static int restore_thread(struct restore *r, struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	uint64_t nodes;
	int own = 0;

	if (!thread->has_numa_mode) {
		if (!syscall(SYS_get_mempolicy, &own, NULL, 0UL, NULL, 0UL) && own)
			return batch_do(batch, "setting its memory policy", SYS_set_mempolicy, 0, 0,
					0);
		return 0;
	}
	if (!find_nodes(r, t, thread->numa_mode, thread->numa_nodes, &nodes))
		return 0;
	if (batch_reserve(batch, 1, sizeof(nodes)))
		return batch_run(batch, r->err);
	return batch_do(batch, "setting its memory policy", SYS_set_mempolicy, thread->numa_mode,
			nodes ? batch_data(batch, &nodes, sizeof(nodes), NULL) : 0,
			nodes ? MASK_BITS : 0);
}

static const struct task_ops task_ops = {
	.judge = judge,
	.describe = describe,
	.check = check,
	.restore =
		{
			[PHASE_PROCESS] = restore_mappings,
			[PHASE_THREAD] = restore_thread,
		},
};

const struct kind kind_mempolicy = {.name = "mempolicy", .task = &task_ops};
