// SPDX-License-Identifier: GPL-2.0-only
/* What one process leaves in images: cores, ids, address space. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/arch.h"
#include "core.pb-c.h"
#include "dump/describe.h"
#include "dump/dump.h"
#include "dump/page-source.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/area.h"

#define VM_READ	 1
#define VM_WRITE 2
#define VM_EXEC	 4

/* --- cores --- */

static CoreEntry *make_core(struct dump *d, const struct task *t, bool is_leader)
{
	CoreEntry *core = dump_message(d, &core_entry__descriptor);

	if (!core)
		return NULL;
	core->mtype = (CoreEntry__March)arch_core_machine();
	core->thread_core = dump_message(d, &thread_core_entry__descriptor);
	if (is_leader)
		core->tc = dump_message(d, &task_core_entry__descriptor);
	return core->thread_core && (core->tc || !is_leader) ? core : NULL;
}

/* Registers belong to a message of their own, which can be freed as a whole. */
static int write_core(struct dump *d, const struct task *t, CoreEntry *core)
{
	CoreEntry *machine = calloc(1, sizeof(*machine));
	int ret;

	if (!machine)
		return fail(d->err, ENOMEM, "cannot describe the tree");
	core_entry__init(machine);
	ret = arch_core_from_regs(machine, &t->regs, t->rec->clear_child_tid, d->err);
	core->thread_info = machine->thread_info;
	core->ti_aarch64 = machine->ti_aarch64;
	if (!ret)
		ret = image_write(d->dir, IMAGE_CORE, (unsigned long long)t->vtid, &core->base, d->err);
	core_entry__free_unpacked(machine, NULL);
	return ret;
}

static int describe_core(struct dump *d, struct task *t)
{
	bool is_leader = t == t->process->tasks;
	CoreEntry *core = make_core(d, t, is_leader);
	int ret = core ? 0 : d->err->code;

	for (const struct kind *const *k = kinds; *k && !ret; k++)
		if ((*k)->task && (*k)->task->describe) {
			ret = (*k)->task->describe(d, t, core);
			if (ret)
				fail_in(d->err, "%s", (*k)->name);
		}
	return ret ?: write_core(d, t, core);
}

/* A zombie has only what wait(2) tells its parent. */
static int describe_zombie(struct dump *d, const struct process *p)
{
	CoreEntry *core = make_core(d, p->tasks, true);
	int ret = core ? 0 : d->err->code;

	if (core)
		core->thread_core = NULL;
	for (const struct kind *const *k = kinds; *k && !ret; k++)
		if ((*k)->task && (*k)->task->describe)
			ret = (*k)->task->describe(d, p->tasks, core);
	return ret ?: image_write(d->dir, IMAGE_CORE, (unsigned long long)p->vpid, &core->base,
				  d->err);
}

int describe_cores(struct dump *d, struct process *p)
{
	int ret = 0;

	if (p->is_zombie)
		return describe_zombie(d, p);
	for (size_t i = 0; i < p->n_tasks && !ret; i++) {
		ret = describe_core(d, &p->tasks[i]);
		regs_deinit(&p->tasks[i].regs);
		if (ret)
			fail_in(d->err, "thread %d", p->tasks[i].tid);
	}
	return ret;
}

/* --- ids --- */

void describe_own_ids(TaskKobjIdsEntry *ids)
{
	ids->vm_id = ids->files_id = ids->fs_id = ids->sighand_id = 1;
	ids->has_pid_ns_id = ids->has_net_ns_id = ids->has_ipc_ns_id = ids->has_uts_ns_id = true;
	ids->has_time_ns_id = ids->has_mnt_ns_id = ids->has_user_ns_id = true;
	ids->has_cgroup_ns_id = true;
	ids->pid_ns_id = 1;
	ids->net_ns_id = 2;
	ids->ipc_ns_id = 3;
	ids->uts_ns_id = 4;
	ids->time_ns_id = 5;
	ids->mnt_ns_id = 6;
	ids->user_ns_id = 7;
	ids->cgroup_ns_id = 8;
}

/* The judge saw to it that the tree lives in our namespaces. */
int describe_ids(struct dump *d, const struct process *p)
{
	TaskKobjIdsEntry ids = TASK_KOBJ_IDS_ENTRY__INIT;

	describe_own_ids(&ids);
	ids.vm_id = p->mm ? p->mm->id + 1 : 0;
	ids.files_id = p->files ? p->files->id + 1 : 0;
	ids.fs_id = p->fs_id + 1;
	ids.sighand_id = p->sighand_id + 1;
	return image_write(d->dir, IMAGE_IDS, (unsigned long long)p->vpid, &ids.base, d->err);
}

/* --- mm --- */

/* Returns 0, 1 if the mapping has no entry of its own, or -errno. */
static int describe_vma(struct dump *d, const struct process *p, struct vma *v, VmaEntry *entry)
{
	const struct vma_record *rec = v->rec;
	int ret;

	vma_entry__init(entry);
	entry->start = v->start;
	entry->end = v->end;
	entry->fd = -1;
	entry->prot = (rec->flags & VM_READ ? PROT_READ : 0) | (rec->flags & VM_WRITE ? PROT_WRITE : 0) |
		      (rec->flags & VM_EXEC ? PROT_EXEC : 0);
	entry->has_vm_flags = true;
	entry->vm_flags = rec->flags;
	ret = v->kind->vma->describe(d, p, v, entry);
	return ret < 0 ? fail_in(d->err, "mapping %llx-%llx", (unsigned long long)v->start,
				 (unsigned long long)v->end) :
			 ret;
}

/* Mappings of a process on their way into its image. */
struct vma_list {
	VmaEntry *entries;
	VmaEntry **pointers;
	size_t n;
};

static int list_vmas(struct dump *d, const struct process *p, struct vma_list *list)
{
	for (size_t i = 0; i < p->mm->n_vmas; i++) {
		int ret = describe_vma(d, p, &p->mm->vmas[i], &list->entries[list->n]);

		if (ret < 0)
			return ret;
		if (!ret) {
			list->pointers[list->n] = &list->entries[list->n];
			list->n++;
		}
	}
	return 0;
}

/* Guard pages are entries of their own behind all mappings, which they lie in. */
static void list_guards(struct vma_list *list, const struct page_range *guards, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		VmaEntry *entry = &list->entries[list->n];

		vma_entry__init(entry);
		entry->start = guards[i].start;
		entry->end = guards[i].end;
		entry->status = AREA_GUARD;
		entry->flags = MAP_PRIVATE | MAP_ANONYMOUS;
		entry->fd = -1;
		list->pointers[list->n++] = entry;
	}
}

static int write_mm(struct dump *d, const struct process *p, struct vma_list *list)
{
	MmEntry *mm = dump_message(d, &mm_entry__descriptor);
	int ret = mm ? dump_mm_fields(d, p, mm) : d->err->code;

	if (ret)
		return ret;
	mm->vmas = list->pointers;
	mm->n_vmas = list->n;
	return image_write(d->dir, IMAGE_MM, (unsigned long long)p->vpid, &mm->base, d->err);
}

int describe_mm(struct dump *d, const struct process *p)
{
	_cleanup_free_ struct page_range *guards = NULL;
	_cleanup_free_ VmaEntry *entries = NULL;
	_cleanup_free_ VmaEntry **pointers = NULL;
	struct vma_list list;
	size_t n_guards;
	int ret = page_source_guards(p, &guards, &n_guards, d->err);

	if (ret)
		return ret;
	entries = calloc(p->mm->n_vmas + n_guards + 1, sizeof(*entries));
	pointers = calloc(p->mm->n_vmas + n_guards + 1, sizeof(*pointers));
	if (!entries || !pointers)
		return fail(d->err, ENOMEM, "cannot describe the mappings");
	list = (struct vma_list){ .entries = entries, .pointers = pointers };
	ret = list_vmas(d, p, &list);
	if (ret)
		return ret;
	list_guards(&list, guards, n_guards);
	return write_mm(d, p, &list);
}
