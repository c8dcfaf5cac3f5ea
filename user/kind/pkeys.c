// SPDX-License-Identifier: GPL-2.0-only
/*
 * Protection keys: which are allocated, and the memory that has them. What a thread may do with
 * each is a register. The fields are of mm_entry and vma_entry.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject/batch.h"
#include "inject/engine.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/memory.h"
#include "restore/restore.h"
#include "snapshot.h"
#include "vma.pb-c.h"

#define MAX_KEYS 16 /* x86; arm64: 8 */

/* Those that are allocated: a bit each. Key 0 is always there. */
static uint32_t keys_of(const MmEntry *mm)
{
	return mm->has_protection_keys ? mm->protection_keys & ~1u : 0;
}

/* The one that the kernel took for memory which can only be executed; 0: none. */
static uint32_t exec_only_of(const MmEntry *mm)
{
	return mm->has_exec_only_key ? mm->exec_only_key : 0;
}

static uint32_t key_of(const struct new_vma *v)
{
	return v->entry->has_protection_key ? v->entry->protection_key : 0;
}

/* Memory keeps a key that was freed: then it is allocated meanwhile. */
static uint32_t wanted_by(const struct new_process *p)
{
	uint32_t keys = keys_of(p->mm);

	for (size_t i = 0; i < p->n_vmas; i++)
		keys |= 1u << key_of(&p->vmas[i]);
	return keys & ~1u;
}

static bool is_exec_only(const struct new_vma *v)
{
	return v->entry->prot == PROT_EXEC;
}

static bool has_exec_only(const struct new_process *p)
{
	bool has = false;

	for (size_t i = 0; i < p->n_vmas && !has; i++)
		has = is_exec_only(&p->vmas[i]);
	return has;
}

/* Are there any here? */
static bool find_keys(void)
{
	long key = syscall(SYS_pkey_alloc, 0, PKEY_DISABLE_ACCESS);

	if (key >= 0)
		(void)syscall(SYS_pkey_free, key);
	return key >= 0;
}

static void judge(struct judge *j, const struct task *t)
{
	const struct process *p = t->process;

	if (t == p->tasks && !p->is_zombie && p->rec->keys > 1 && !arch_carries_keys())
		judge_process(j, p, "protection keys", "pkey_free them",
			      "protection keys are allocated (%#x), which cannot be carried yet",
			      p->rec->keys & ~1u);
}

static int check(struct restore *r, struct new_task *t)
{
	const struct new_process *p = t->process;
	uint32_t keys, only;

	if (t != p->tasks || !p->mm)
		return 0;
	for (size_t i = 0; i < p->n_vmas; i++)
		if (key_of(&p->vmas[i]) >= MAX_KEYS)
			return fail(r->err, 0, "there is no protection key %u",
				    key_of(&p->vmas[i]));
	keys = keys_of(p->mm);
	only = exec_only_of(p->mm);
	if (keys >> MAX_KEYS || only >= MAX_KEYS || (only && !(keys >> only & 1)))
		return fail(r->err, 0, "protection keys %#x with %u among them cannot be", keys,
			    only);
	if (!wanted_by(p) && !has_exec_only(p))
		return 0;
	r->has_keys = find_keys();
	if (r->has_keys || !wanted_by(p))
		return 0;
	fail(r->err, 0, "it uses protection keys, and there are none here");
	return fail_hint(r->err,
			 "restore it on a processor with protection keys (x86: pku, arm64: poe)");
}

static int allocate(const struct new_process *p, struct batch *batch)
{
	uint32_t keys = wanted_by(p);
	int ret = 0;

	/* A new process has key 0 alone; each call gives the lowest that is free. */
	for (uint32_t key = 1; keys >> key && !ret; key++)
		ret = batch_demand(batch, "allocating a protection key", key, SYS_pkey_alloc, 0, 0);
	return ret;
}

static int give(struct batch *batch, const struct new_vma *v)
{
	const VmaEntry *entry = v->entry;

	return batch_call(batch, "giving %llx-%llx its protection key", entry->start, entry->end,
			  ENGINE_SUCCESS, 0, NULL, SYS_pkey_mprotect,
			  (const __u64[6]){entry->start, entry->end - entry->start,
					   (__u64)memory_final_prot(entry), key_of(v)});
}

/* As the kernel chooses its key, if there are any. */
static int make_exec_only(struct batch *batch, const struct new_vma *v)
{
	const VmaEntry *entry = v->entry;

	return batch_call(batch, "protecting %llx-%llx", entry->start, entry->end, ENGINE_SUCCESS,
			  0, NULL, SYS_mprotect,
			  (const __u64[6]){entry->start, entry->end - entry->start,
					   (__u64)memory_final_prot(entry)});
}

/*
 * The kernel takes the lowest free key, and keeps it, when memory is made that can only be
 * executed. Until here it was an ordinary one, which memory may have had before the kernel took it.
 */
static int take_exec_only(struct restore *r, const struct new_process *p, struct batch *batch)
{
	__s64 at = 0;
	int ret = batch_do(batch, "freeing a protection key", SYS_pkey_free, exec_only_of(p->mm)) ?:
		  batch_call(batch, "making memory that can only be executed", 0, 0, ENGINE_SUCCESS, 0,
			     &at, SYS_mmap,
			     (const __u64[6]){0, r->page_size, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
					      (__u64)-1, 0}) ?:
		  batch_run(batch, r->err);

	return ret ?: batch_do(batch, "unmapping it", SYS_munmap, (__u64)at, r->page_size);
}

static int restore_exec_only(struct restore *r, const struct new_process *p, struct batch *batch)
{
	uint32_t only = exec_only_of(p->mm);
	int ret = only ? take_exec_only(r, p, batch) : 0;

	for (size_t i = 0; i < p->n_vmas && !ret; i++)
		if (is_exec_only(&p->vmas[i]) && only && key_of(&p->vmas[i]) == only)
			ret = make_exec_only(batch, &p->vmas[i]);
	return ret;
}

/* The holes, too, that had to be filled on the way. */
static int free_others(const struct new_process *p, struct batch *batch)
{
	uint32_t keys = wanted_by(p);
	int ret = 0;

	for (uint32_t key = 1; keys >> key && !ret; key++)
		if (!(keys_of(p->mm) >> key & 1))
			ret = batch_do(batch, "freeing a protection key", SYS_pkey_free, key);
	return ret;
}

static int restore_keys(struct restore *r, const struct new_process *p, struct batch *batch)
{
	uint32_t only = exec_only_of(p->mm);
	int ret = allocate(p, batch);

	/* What can only be executed has key 0, too, only if it is given that. */
	for (size_t i = 0; i < p->n_vmas && !ret; i++) {
		const struct new_vma *v = &p->vmas[i];
		uint32_t key = key_of(v);

		if (is_exec_only(v) ? !only || key != only : key)
			ret = give(batch, v);
	}
	return ret ?: restore_exec_only(r, p, batch) ?: free_others(p, batch);
}

static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const struct new_process *p = t->process;
	int ret = 0;

	if (r->has_keys)
		return restore_keys(r, p, batch);
	for (size_t i = 0; i < p->n_vmas && !ret; i++)
		if (is_exec_only(&p->vmas[i]))
			ret = make_exec_only(batch, &p->vmas[i]);
	return ret;
}

static const struct task_ops task_ops = {
	.judge = judge,
	.check = check,
	.restore = {[PHASE_PROCESS] = restore},
};

const struct kind kind_pkeys = {.name = "pkeys", .task = &task_ops};
