// SPDX-License-Identifier: GPL-2.0-only
/* Address spaces, descriptor tables and open files of a snapshot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "snapshot-build.h"

uint32_t snapshot_inode(struct snapshot *snap, uint32_t dev, uint64_t ino)
{
	uint64_t high = ids_number(&snap->builder->devs, dev);
	uint32_t low = ids_number(&snap->builder->inos, ino);

	return high && low ? ids_number(&snap->inodes, high << 32 | low) : 0;
}

/* --- address spaces --- */

static int vma_init(struct snapshot *snap, struct vma *v, const struct record_head *head)
{
	const struct vma_record *rec = snapshot_vma_record(snap, head);
	const struct vma_twin *twin = (const void *)head;

	*v = (struct vma){ .rec = rec, .start = rec->start, .end = rec->end };
	if (head->type == RECORD_VMA_TWIN) {
		v->start = twin->start;
		v->end = twin->end;
	}
	v->path = record_path_text(&rec->head, rec->path);
	v->anon_name = record_path_text(&rec->head, rec->anon_name);
	if (!v->path || !v->anon_name || v->start >= v->end)
		return -EPROTO;
	if (rec->file) {
		v->object = snapshot_inode(snap, rec->dev, rec->ino);
		if (!v->object)
			return -ENOMEM;
	}
	return 0;
}

/* Number of the mm of mapping @i, if that of the one before is @last. 0: it is foreign. */
static uint32_t mm_id(const struct snapshot_builder *b, size_t i, uint32_t last)
{
	if (i && b->vmas[i]->owner == b->vmas[i - 1]->owner)
		return last;
	return ids_get(&b->mms, b->vmas[i]->owner);
}

/* Mappings come mm by mm: counts them first, so that each mm has one array of its own. */
static int count_vmas(struct snapshot *snap, struct error *err)
{
	struct snapshot_builder *b = snap->builder;

	uint32_t id = 0;

	for (size_t i = 0; i < b->n_vmas; i++) {
		id = mm_id(b, i, id);
		if (!id)
			return fail(err, EAGAIN, "a mapping of a foreign address space");
		snap->mms[id - 1].n_vmas++;
	}
	for (size_t i = 0; i < snap->n_mms; i++) {
		struct mm *mm = &snap->mms[i];

		mm->vmas = arena_alloc(&snap->arena, (mm->n_vmas + 1) * sizeof(*mm->vmas));
		if (!mm->vmas)
			return fail(err, ENOMEM, "cannot list the mappings");
		mm->n_vmas = 0;
	}
	return 0;
}

static int fill_vmas(struct snapshot *snap, struct error *err)
{
	struct snapshot_builder *b = snap->builder;

	uint32_t id = 0;

	for (size_t i = 0; i < b->n_vmas; i++) {
		const struct record_head *rec = b->vmas[i];
		struct mm *mm;
		struct vma *v;
		int ret;

		id = mm_id(b, i, id);
		mm = &snap->mms[id - 1];
		v = &mm->vmas[mm->n_vmas];
		ret = vma_init(snap, v, rec);
		if (!ret && mm->n_vmas && v->start < v[-1].end)
			ret = -EPROTO;
		if (ret)
			return fail(err, ret, "process %d: mapping %llx: wrong record",
				    mm->process->pid, (unsigned long long)v->start);
		mm->n_vmas++;
	}
	return 0;
}

int snapshot_build_mms(struct snapshot *snap, struct error *err)
{
	struct snapshot_builder *b = snap->builder;
	struct process **sorted = snapshot_by_vpid(snap);
	int ret;

	snap->mms = arena_alloc(&snap->arena, (snap->n_processes + 1) * sizeof(*snap->mms));
	if (!sorted || !snap->mms)
		return fail(err, ENOMEM, "cannot list the address spaces");
	for (; *sorted; sorted++) {
		struct process *p = *sorted;
		uint32_t id;

		if (p->is_zombie || !p->rec->mm)
			continue;
		id = ids_number(&b->mms, p->rec->mm);
		if (!id)
			return fail(err, ENOMEM, "cannot list the address spaces");
		p->mm = &snap->mms[id - 1];
		if (id > snap->n_mms) {
			snap->n_mms = id;
			*p->mm = (struct mm){ .id = id, .process = p };
		}
	}
	ret = count_vmas(snap, err);
	return ret ?: fill_vmas(snap, err);
}

/* --- descriptors --- */

/* A descriptor as it came, with the number of its table. */
struct slot {
	uint32_t table, fd, cloexec;
	const struct item *item;
	const struct file_record *rec;	/* perhaps that of its shape */
	uint64_t file;			/* identity */
	uint32_t tgid;			/* of whom it was shown */
};

static int compare_slots(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->fd != y->fd)
		return x->fd < y->fd ? -1 : 1;
	return x->tgid < y->tgid ? -1 : x->tgid > y->tgid;
}

/*
 * Adds the locks of one more descriptor of the file. A lock that shows again, with
 * a duplicated descriptor, is the same one; a POSIX lock shows only with
 * descriptors in the table of its owner, so that each table may add some.
 */
static int add_locks(struct snapshot *snap, struct file *f, const struct item *item)
{
	const struct lock_record **locks, **all;
	size_t n, kept = f->n_locks;
	int ret = snapshot_parts(snap, item, RECORD_LOCK_PART, (const void ***)&locks, &n);

	if (ret || !n)
		return ret;
	all = arena_alloc(&snap->arena, (kept + n) * sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (kept)
		memcpy(all, f->locks, kept * sizeof(*all));
	for (size_t i = 0; i < n; i++) {
		size_t j = 0;

		while (j < kept && all[j]->lock != locks[i]->lock)
			j++;
		if (j == kept)
			all[kept++] = locks[i];
	}
	f->locks = all;
	f->n_locks = kept;
	return 0;
}

/* What a description has beside its record. */
int snapshot_file_parts(struct snapshot *snap, const struct item *item, struct file *f)
{
	const struct file_record *rec = f->rec;

	if (rec->detail_type && rec->detail_offset < rec->head.size &&
	    rec->detail_size <= rec->head.size - rec->detail_offset)
		f->detail = (const char *)rec + rec->detail_offset;
	if ((rec->detail_type && !f->detail) ||
	    snapshot_parts(snap, item, RECORD_EPOLL_PART, (const void ***)&f->epoll,
			   &f->n_epoll) ||
	    snapshot_parts(snap, item, RECORD_QUEUE_PART, (const void ***)&f->queue,
			   &f->n_queue) ||
	    snapshot_parts(snap, item, RECORD_TTY_PART, (const void ***)&f->tty_queue,
			   &f->n_tty_queue) ||
	    snapshot_parts(snap, item, RECORD_WATCH_PART, (const void ***)&f->watches,
			   &f->n_watches))
		return -ENOMEM;
	return snapshot_parts(snap, item, RECORD_EVENT_PART, (const void ***)&f->events,
			      &f->n_events);
}

/* From the first file in flight on, all parts are theirs. */
static struct item own_parts(const struct item *item)
{
	struct item own = *item;

	for (own.n_parts = 0; own.n_parts < item->n_parts; own.n_parts++)
		if (own.parts[own.n_parts]->type == RECORD_FLIGHT_PART)
			break;
	return own;
}

static struct file *file_create(struct snapshot *snap, const struct slot *slot,
				struct process *process)
{
	const struct file_record *rec = slot->rec;
	struct file *f = arena_alloc(&snap->arena, sizeof(*f));
	const struct item own = own_parts(slot->item);

	if (!f)
		return NULL;
	*f = (struct file){ .rec = rec, .process = process, .fd = slot->fd, .copy = -1 };
	f->path = record_path_text(&rec->head, rec->path);
	f->flights = own.parts + own.n_parts;
	f->n_flights = slot->item->n_parts - own.n_parts;
	return f->path && !snapshot_file_parts(snap, &own, f) ? f : NULL;
}

/* The file behind a descriptor: met before, or numbered now. */
static struct file *file_of_slot(struct snapshot *snap, const struct slot *slot,
				 struct process *process)
{
	uint32_t id = ids_get(&snap->file_index, slot->file);
	struct file *f = id ? snap->files[id - 1] : file_create(snap, slot, process);
	const struct item own = own_parts(slot->item);

	if (!f || add_locks(snap, f, &own))
		return NULL;
	if (!id) {
		f->id = (uint32_t)++snap->n_files;
		snap->files[f->id - 1] = f;
		if (ids_set(&snap->file_index, slot->file, f->id))
			return NULL;
	}
	return f;
}

static int table_fill(struct snapshot *snap, struct fdtable *table, const struct slot *slots,
		      size_t n, struct error *err)
{
	table->fds = arena_alloc(&snap->arena, (n + 1) * sizeof(*table->fds));
	if (!table->fds)
		return fail(err, ENOMEM, "cannot list the descriptors");
	for (size_t i = 0; i < n; i++) {
		struct fd *fd = &table->fds[table->n_fds];

		/* Running processes that share a table are all shown with it. */
		if (i && slots[i].fd == slots[i - 1].fd && slots[i].tgid != slots[i - 1].tgid)
			continue;
		if (i && slots[i].fd == slots[i - 1].fd)
			return fail(err, EAGAIN, "process %d: descriptor %u was seen twice",
				    table->process->pid, slots[i].fd);
		*fd = (struct fd){ .number = slots[i].fd, .cloexec = slots[i].cloexec };
		fd->file = file_of_slot(snap, &slots[i], table->process);
		if (!fd->file)
			return fail(err, EPROTO, "process %d: descriptor %u: wrong record",
				    table->process->pid, fd->number);
		table->n_fds++;
	}
	return 0;
}

/* The table of one thread, numbered if it is new. *@ret is NULL for a zombie. */
static int table_of(struct snapshot *snap, const struct task *t, struct fdtable **ret)
{
	uint32_t id = t->rec->files ? ids_number(&snap->builder->tables, t->rec->files) : 0;

	*ret = NULL;
	if (!t->rec->files)
		return 0;
	if (!id)
		return -ENOMEM;
	*ret = &snap->fdtables[id - 1];
	if (id > snap->n_fdtables) {
		snap->n_fdtables = id;
		**ret = (struct fdtable){
			.id = id, .process = t->process, .n_open = t->rec->n_fds
		};
	}
	return 0;
}

/* Numbers the tables: those of processes by vpid, then those that a thread has for itself. */
static int number_tables(struct snapshot *snap, struct error *err)
{
	struct process **sorted = snapshot_by_vpid(snap);
	struct fdtable *own;
	int ret = 0;

	snap->fdtables = arena_alloc(&snap->arena, (snap->n_tasks + 1) * sizeof(*snap->fdtables));
	if (!sorted || !snap->fdtables)
		return fail(err, ENOMEM, "cannot list the descriptor tables");
	for (size_t i = 0; i < snap->n_processes && !ret; i++)
		ret = table_of(snap, &sorted[i]->tasks[0], &sorted[i]->files);
	for (size_t i = 0; i < snap->n_tasks && !ret; i++)
		ret = table_of(snap, &snap->tasks[i], &own);
	return ret ? fail(err, ret, "cannot number a descriptor table") : 0;
}

static struct slot slot_of(const struct snapshot *snap, const struct item *item)
{
	const struct ids *tables = &snap->builder->tables;
	const struct record_head *head = item->rec;
	const struct file_record *rec = snapshot_file_record(snap, head);
	const struct file_twin *twin = item->rec;

	if (head->type == RECORD_FILE_TWIN)
		return (struct slot){ ids_get(tables, twin->files), twin->fd, twin->cloexec,
				      item, rec, head->owner, twin->tgid };
	return (struct slot){ ids_get(tables, rec->files), rec->fd, rec->cloexec,
			      item, rec, head->owner, rec->tgid };
}

/* They come in the order of the tables, mostly. */
static int sort_slots(struct snapshot *snap, struct slot *slots, struct error *err)
{
	const struct items *files = &snap->builder->files;
	bool is_sorted = true;

	for (size_t i = 0; i < files->n; i++) {
		slots[i] = slot_of(snap, &files->list[i]);
		if (!slots[i].table)
			return fail(err, EAGAIN, "descriptor %u of a foreign table", slots[i].fd);
		is_sorted = is_sorted && (!i || compare_slots(&slots[i - 1], &slots[i]) <= 0);
	}
	if (!is_sorted)
		qsort(slots, files->n, sizeof(*slots), compare_slots);
	return 0;
}

int snapshot_build_files(struct snapshot *snap, struct error *err)
{
	size_t n = snap->builder->files.n, at = 0;
	_cleanup_free_ struct slot *slots = calloc(n + 1, sizeof(*slots));
	int ret;

	snap->files = arena_alloc(&snap->arena, (n + 1) * sizeof(*snap->files));
	if (!slots || !snap->files)
		return fail(err, ENOMEM, "cannot list the descriptors");
	ret = number_tables(snap, err);
	if (!ret)
		ret = sort_slots(snap, slots, err);
	for (size_t i = 0; i < snap->n_fdtables && !ret; i++) {
		size_t first = at;

		while (at < n && slots[at].table == i + 1)
			at++;
		ret = table_fill(snap, &snap->fdtables[i], slots + first, at - first, err);
	}
	return ret;
}

int file_copy(struct file *file, struct error *err)
{
	if (file->copy >= 0)
		return file->copy;
	if (file->process->pidfd < 0)
		return fail(err, EBADF, "process %d: not held", file->process->pid);
	file->copy = (int)syscall(SYS_pidfd_getfd, file->process->pidfd, file->fd, 0);
	if (file->copy < 0) {
		fail(err, errno, "cannot get a copy of it");
		return fail_in(err, "process %d: descriptor %u", file->process->pid, file->fd);
	}
	return file->copy;
}

const char *file_proc_path(const struct file *file, char *buf, size_t n)
{
	if (file->carrier)
		snprintf(buf, n, "/proc/self/fd/%d", file->copy);
	else
		snprintf(buf, n, "/proc/%d/fd/%u", file->process->pid, file->fd);
	return buf;
}
