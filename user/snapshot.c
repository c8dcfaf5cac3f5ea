// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "snapshot-build.h"

/* A record that stays: its path and tail are known to lie inside it. */
static const void *copy_record(struct snapshot *snap, const struct record_head *rec)
{
	return snap->borrows ? rec : arena_copy(&snap->arena, rec, rec->size);
}

/* Remembers a part until its owner comes. An owner that was shown again begins anew, or goes on. */
static int add_part(struct snapshot *snap, const struct record_head *rec)
{
	struct builder_parts *parts = &snap->builder->parts;
	const struct record_head **slot;

	if (parts->owner != rec->owner) {
		parts->owner = rec->owner;
		parts->n = 0;
	}
	if (rec->part > parts->n)
		return -EPROTO;
	parts->n = rec->part;
	slot = array_slot(&parts->list, parts->n, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = copy_record(snap, rec);
	parts->n++;
	return *slot ? 0 : -ENOMEM;
}

/* Hands the parts collected for @owner to @item; as many as the owner says it sent. */
static int take_parts(struct snapshot *snap, const struct record_head *owner, struct item *item)
{
	struct builder_parts *parts = &snap->builder->parts;
	size_t n = parts->owner == owner->owner ? parts->n : 0;

	parts->owner = 0;
	parts->n = 0;
	if (n != owner->part)
		return -EPROTO;
	item->n_parts = n;
	if (n)
		item->parts = arena_copy(&snap->arena, parts->list, n * sizeof(*parts->list));
	return n && !item->parts ? -ENOMEM : 0;
}

static int add_item(struct snapshot *snap, const struct record_head *rec, struct items *items,
		    size_t least)
{
	struct item *item;

	if (rec->size < least)
		return -EPROTO;
	item = array_slot(&items->list, items->n, sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->rec = copy_record(snap, rec);
	if (!item->rec)
		return -ENOMEM;
	items->n++;
	return take_parts(snap, rec, item);
}

static int add_vma(struct snapshot *snap, const struct record_head *rec)
{
	const struct record_head **slot;

	if (!snapshot_vma_record(snap, rec))
		return -EPROTO;
	slot = array_slot(&snap->builder->vmas, snap->builder->n_vmas, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = copy_record(snap, rec);
	snap->builder->n_vmas++;
	return *slot ? 0 : -ENOMEM;
}

int snapshot_add(void *arg, const struct record_head *rec)
{
	static const size_t part_size[RECORD_TYPES] = {
		[RECORD_SIGINFO_PART] = sizeof(struct siginfo_record),
		[RECORD_TIMER_PART] = sizeof(struct timer_record),
		[RECORD_GROUPS_PART] = sizeof(struct groups_record),
		[RECORD_LOCK_PART] = sizeof(struct lock_record),
		[RECORD_EPOLL_PART] = sizeof(struct epoll_record),
		[RECORD_QUEUE_PART] = sizeof(struct queue_record),
		[RECORD_FLIGHT_PART] = sizeof(struct file_record),
		[RECORD_DEEP_PART] = sizeof(struct deep_record),
		[RECORD_TTY_PART] = sizeof(struct tty_queue_record),
		[RECORD_WATCH_PART] = sizeof(struct watch_record),
		[RECORD_EVENT_PART] = sizeof(struct event_record),
	};
	struct snapshot *snap = arg;
	struct snapshot_builder *b = snap->builder;

	if (!b || rec->type >= RECORD_TYPES)
		return -EPROTO;
	switch (rec->type) {
	case RECORD_TASK:
		return add_item(snap, rec, &b->tasks, sizeof(struct task_record));
	case RECORD_PROCESS:
		return add_item(snap, rec, &b->processes, sizeof(struct process_record));
	case RECORD_FILE:
		return add_item(snap, rec, &b->files, sizeof(struct file_record));
	case RECORD_FILE_TWIN:
		if (!snapshot_file_record(snap, rec))
			return -EPROTO;
		return add_item(snap, rec, &b->files, sizeof(struct file_twin));
	case RECORD_VMA_TWIN:
	case RECORD_VMA:
		return add_vma(snap, rec);
	default:
		if (!part_size[rec->type] || rec->size < part_size[rec->type])
			return -EPROTO;
		return add_part(snap, rec);
	}
}

static void builder_free(struct snapshot *snap)
{
	struct snapshot_builder *b = snap->builder;

	if (!b)
		return;
	free(b->parts.list);
	free(b->tasks.list);
	free(b->processes.list);
	free(b->files.list);
	free(b->vmas);
	ids_deinit(&b->groups);
	ids_deinit(&b->mms);
	ids_deinit(&b->tables);
	ids_deinit(&b->fs);
	ids_deinit(&b->sighands);
	ids_deinit(&b->inos);
	ids_deinit(&b->devs);
	free(b);
	snap->builder = NULL;
}

int snapshot_init(struct snapshot *snap, struct error *err)
{
	*snap = (struct snapshot){ 0 };
	snap->builder = calloc(1, sizeof(*snap->builder));
	return snap->builder ? 0 : fail(err, ENOMEM, "cannot begin a snapshot");
}

int snapshot_finish(struct snapshot *snap, pid_t root, const pid_t *pids, size_t n,
		    struct error *err)
{
	int ret = snapshot_build_processes(snap, root, pids, n, err);

	if (!ret)
		ret = snapshot_build_mms(snap, err);
	if (!ret)
		ret = snapshot_build_files(snap, err);
	builder_free(snap);
	return ret;
}

static void free_flights(struct snapshot *snap)
{
	while (snap->flights) {
		struct snapshot *flight = snap->flights;

		snap->flights = flight->next;
		/* Its files that were adopted have been closed with the others. */
		flight->n_files = 0;
		snapshot_deinit(flight);
		free(flight);
	}
}

void snapshot_deinit(struct snapshot *snap)
{
	for (size_t i = 0; i < snap->n_files; i++)
		if (snap->files[i] && snap->files[i]->copy >= 0)
			close(snap->files[i]->copy);
	free_flights(snap);
	for (size_t i = 0; i < snap->n_tasks; i++)
		regs_deinit(&snap->tasks[i].regs);
	builder_free(snap);
	ids_deinit(&snap->inodes);
	ids_deinit(&snap->file_index);
	ids_deinit(&snap->process_index);
	arena_deinit(&snap->arena);
	*snap = (struct snapshot){ 0 };
}

struct file *snapshot_file(const struct snapshot *snap, uint64_t file)
{
	uint32_t id = ids_get(&snap->file_index, file);

	return id ? snap->files[id - 1] : NULL;
}

struct process *snapshot_process(const struct snapshot *snap, pid_t pid)
{
	uint32_t position = ids_get(&snap->process_index, (uint64_t)pid);

	return position ? snap->processes[position - 1] : NULL;
}

int snapshot_add_file(struct snapshot *snap, struct file *f, uint64_t file)
{
	size_t n = snap->n_files, room = 2 * n + 16;
	struct file **files = snap->files;

	if (n >= snap->files_room) {
		files = arena_alloc(&snap->arena, room * sizeof(*files));
		if (!files)
			return -ENOMEM;
		if (n)
			memcpy(files, snap->files, n * sizeof(*files));
		snap->files = files;
		snap->files_room = room;
	}
	if (ids_set(&snap->file_index, file, (uint32_t)n + 1))
		return -ENOMEM;
	f->id = (uint32_t)n + 1;
	files[n] = f;
	snap->n_files = n + 1;
	return 0;
}
