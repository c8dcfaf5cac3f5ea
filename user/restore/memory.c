// SPDX-License-Identifier: GPL-2.0-only
/* Address spaces: cleared, mapped, filled, protected; all by calls that the tasks make themselves.
 */
#include "restore/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "arch/arch.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "kind.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/fill.h"
#include "restore/plan.h"
#include "restore/restore.h"
#include "vmaflags.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA           0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static struct batch *batch_of(const struct new_process *p)
{
	return injected_batch(p->tasks[0].injected);
}

static int unmap(struct batch *batch, uint64_t start, uint64_t end)
{
	if (start >= end)
		return 0;
	return batch_call(batch, "unmapping %llx-%llx", start, end, ENGINE_SUCCESS, 0, NULL,
			  SYS_munmap, (const __u64[6]){start, end - start});
}

static int by_start(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* What stays when a process is cleared, in ascending order. The caller frees *@ret. */
static int list_kept(struct restore *r, const struct new_process *p, struct span **ret,
		     size_t *ret_n)
{
	struct span *kept = calloc(p->n_vmas + 2, sizeof(*kept));
	size_t n = 0;

	if (!kept)
		return -ENOMEM;
	kept[n++] = (struct span){r->engine_address, r->engine_address + engine_size(r->n_threads)};
	if (p->vdso_now.text_size)
		kept[n++] =
			(struct span){p->vdso_now.vvar, p->vdso_now.text + p->vdso_now.text_size};
	for (size_t i = 0; i < p->n_vmas; i++)
		if (p->vmas[i].inherited)
			kept[n++] = (struct span){p->vmas[i].entry->start, p->vmas[i].entry->end};
	qsort(kept, n, sizeof(*kept), by_start);
	*ret = kept;
	*ret_n = n;
	return 0;
}

int memory_clear(struct restore *r, struct new_process *p, struct error *err)
{
	struct batch *batch = batch_of(p);
	struct span *kept;
	uint64_t end = 0;
	size_t n;
	int ret = 0;

	if (list_kept(r, p, &kept, &n))
		return fail(err, ENOMEM, "cannot restore the memory");
	for (size_t i = 0; i < n && !ret; i++) {
		ret = unmap(batch, end, kept[i].start);
		end = kept[i].end;
	}
	free(kept);
	if (!ret)
		ret = unmap(batch, end, r->task_size);
	return batch_run(batch, err) ?: ret;
}

/* The vDSO first: until it stands at its place it may be in the way of a mapping. */
static int map_vdso(struct new_process *p, struct batch *batch, struct error *err)
{
	int ret = 0;

	if (p->vdso.text_size)
		ret = arch_vdso_move(batch, &p->vdso_now, &p->vdso, err);
	else if (p->vdso_now.text_size)
		ret = unmap(batch, p->vdso_now.vvar, p->vdso_now.text + p->vdso_now.text_size);
	p->vdso_now = p->vdso;
	return ret;
}

static int filling_prot(int prot, bool has_pages)
{
	return has_pages ? (prot | PROT_WRITE) & ~PROT_EXEC : prot;
}

int memory_base_prot(const VmaEntry *entry)
{
	return (int)entry->prot | (entry->prot == PROT_EXEC ? PROT_READ : 0);
}

int memory_map_prot(const struct new_vma *v)
{
	return filling_prot(memory_base_prot(v->entry), v->has_pages);
}

static int protect(struct batch *batch, const VmaEntry *entry, int prot)
{
	return batch_call(batch, "protecting %llx-%llx", entry->start, entry->end, ENGINE_SUCCESS,
			  0, NULL, SYS_mprotect,
			  (const __u64[6]){entry->start, entry->end - entry->start, (__u64)prot});
}

static int drop_pages(const struct restore *r, const struct new_process *p, struct batch *batch)
{
	int ret = 0;

	for (size_t i = 0; i < p->n_drops && !ret; i++) {
		uint64_t start = p->drops[i].start, size = p->drops[i].count * r->page_size;

		ret = batch_call(batch, "dropping the parent's pages %llx-%llx", start,
				 start + size, ENGINE_SUCCESS, 0, NULL, SYS_madvise,
				 (const __u64[6]){start, size, MADV_DONTNEED});
	}
	return ret;
}

/* Advice on huge pages counts when pages are made, the rest when the mapping is complete. */
#define EARLY_ADVICE ((1ull << MADV_HUGEPAGE) | (1ull << MADV_NOHUGEPAGE))

static int advise(const struct new_vma *v, uint64_t which, struct batch *batch)
{
	const VmaEntry *entry = v->entry;
	int ret = 0;

	for (unsigned int bit = 0; bit < 64 && !ret; bit++)
		if (entry->madv & which & 1ull << bit)
			ret = batch_call(
				batch, "advising %llx (%llu)", entry->start, bit, ENGINE_SUCCESS, 0,
				NULL, SYS_madvise,
				(const __u64[6]){entry->start, entry->end - entry->start, bit});
	return ret;
}

/* Queues what makes the mappings of @p, and starts it. */
static int start_mapping(struct restore *r, struct new_process *p, struct error *err)
{
	struct new_task *t = &p->tasks[0];
	struct batch *batch = batch_of(p);
	int ret = map_vdso(p, batch, err);

	for (size_t i = 0; i < p->n_vmas && !ret; i++) {
		const struct new_vma *v = &p->vmas[i];

		if (!v->inherited && v->kind->vma->map)
			ret = v->kind->vma->map(r, t, v, v->fd, batch)
				      ?: advise(v, EARLY_ADVICE, batch);
		else if (v->inherited && filling_prot(v->born_prot, v->has_pages) != v->born_prot)
			ret = protect(batch, v->entry, filling_prot(v->born_prot, v->has_pages));
	}
	ret = ret ?: drop_pages(r, p, batch) ?: fill_queue_open(r, p, batch);
	return batch_start(batch, err) ?: ret;
}

/* A name is a comfort: kernels without names are no reason to fail. */
static int name(const struct new_vma *v, struct batch *batch)
{
	const VmaEntry *entry = v->entry;
	size_t size = strlen(entry->anon_name) + 1;
	__u64 text;

	if (batch_reserve(batch, 1, size) ||
	    !(text = batch_data(batch, entry->anon_name, size, NULL)))
		return 0;
	return batch_try(batch, "naming a mapping", SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME,
			 entry->start, entry->end - entry->start, text);
}

/* Locks are not inherited; a kind has mapped its own, but for full ones, which would make pages. */
static int lock(const struct new_vma *v, struct batch *batch)
{
	const VmaEntry *entry = v->entry;
	const __u64 args[6] = {entry->start, entry->end - entry->start, MLOCK_ONFAULT};
	long nr = 0;

	if (entry->flags & MAP_LOCKED)
		nr = SYS_mlock;
	else if (v->inherited && entry->has_vm_flags && entry->vm_flags & VMF_LOCKONFAULT)
		nr = SYS_mlock2;
	if (!nr)
		return 0;
	/* It locks, but complains, where there is nothing to be made present: no access, past a
	 * file's end. */
	return batch_call(batch, "locking %llx-%llx", entry->start, entry->end,
			  entry->prot && entry->flags & MAP_ANONYMOUS ? ENGINE_SUCCESS : ENGINE_ANY,
			  0, NULL, nr, args);
}

/* What protection the mapping has while it is filled. */
static int current_prot(const struct new_vma *v)
{
	if (!v->inherited)
		return v->map_prot;
	return filling_prot(v->born_prot, v->has_pages);
}

static int more_prot(const VmaEntry *entry)
{
	return (entry->has_vm_flags ? arch_vma_prot(entry->vm_flags) : 0) |
	       (entry->tagged ? arch_tagged_prot() : 0);
}

int memory_final_prot(const VmaEntry *entry)
{
	return (int)entry->prot | more_prot(entry);
}

static int start_finishing(struct new_process *p, struct error *err)
{
	struct batch *batch = batch_of(p);
	int ret = fill_queue_close(p, batch);

	for (size_t i = 0; i < p->n_vmas && !ret; i++) {
		const struct new_vma *v = &p->vmas[i];
		int prot = memory_base_prot(v->entry) | more_prot(v->entry);

		if (current_prot(v) != prot || v->entry->tagged)
			ret = protect(batch, v->entry, prot);
		if (!ret && v->entry->madv)
			ret = advise(v, v->inherited ? ~0ull : ~EARLY_ADVICE, batch);
		if (!ret && v->entry->anon_name && *v->entry->anon_name)
			ret = name(v, batch);
		if (!ret)
			ret = lock(v, batch);
	}
	for (size_t i = 0; i < p->n_guards && !ret; i++)
		ret = batch_call(batch, "guarding %llx-%llx", p->guards[i]->start,
				 p->guards[i]->end, ENGINE_SUCCESS, 0, NULL, SYS_madvise,
				 (const __u64[6]){p->guards[i]->start,
						  p->guards[i]->end - p->guards[i]->start,
						  MADV_GUARD_INSTALL});
	return batch_start(batch, err) ?: ret;
}

/* Waits for the batches of all, also if one has failed: none is left running. */
static int finish_all(struct new_process **ps, size_t n, int ret, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int ended = batch_finish(batch_of(ps[i]), ret ? NULL : err);

		if (ended && !ret)
			ret = fail_in(err, "process %d", ps[i]->pid);
	}
	return ret;
}

int memory_restore(struct restore *r, struct new_process **ps, size_t n, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++)
		if (start_mapping(r, ps[i], err))
			ret = fail_in(err, "process %d", ps[i]->pid);
	ret = finish_all(ps, n, ret, err) ?: memory_fill(r, ps, n, err) ?: memory_tag(r, ps, n, err);
	for (size_t i = 0; i < n && !ret; i++)
		if (start_finishing(ps[i], err))
			ret = fail_in(err, "process %d", ps[i]->pid);
	return finish_all(ps, n, ret, err);
}
