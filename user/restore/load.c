// SPDX-License-Identifier: GPL-2.0-only
/* Images to messages and tables. What they say is checked later, but for what reading needs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "fdinfo.pb-c.h"
#include "fs.pb-c.h"
#include "inventory.pb-c.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm.pb-c.h"
#include "options.h"
#include "pstree.pb-c.h"
#include "restore/area.h"
#include "restore/restore.h"

/* More than any kernel allows: it bounds what a wrong image makes us allocate. */
#define PID_LIMIT (1 << 22)

int restore_keep(struct restore *r, void *msg)
{
	ProtobufCMessage **slot = array_add(r->messages, r->n_messages);

	if (!slot) {
		protobuf_c_message_free_unpacked(msg, NULL);
		return -ENOMEM;
	}
	*slot = msg;
	return 0;
}

int restore_message(struct restore *r, enum image_type type, unsigned long long number,
		    void *ret_msg, struct error *err)
{
	ProtobufCMessage *msg;
	int ret = image_read(r->dir, type, number, &msg, err);

	if (ret)
		return ret;
	if (restore_keep(r, msg))
		return fail(err, ENOMEM, "cannot load the images");
	*(ProtobufCMessage **)ret_msg = msg;
	return 0;
}

/* Reads and keeps the next entry. Returns 1, 0 at the end, or -errno. */
static int next_message(struct restore *r, struct image *image, void *ret_msg, struct error *err)
{
	ProtobufCMessage *msg;
	int ret = image_next(image, NULL, &msg, err);

	if (ret <= 0)
		return ret;
	if (restore_keep(r, msg))
		return fail(err, ENOMEM, "cannot load the images");
	*(ProtobufCMessage **)ret_msg = msg;
	return 1;
}

static int load_inventory(struct restore *r, struct error *err)
{
	int ret = image_dir_open(&r->dir, r->opt->images_dir, err);

	if (ret)
		return ret;
	if (!image_dir_is_complete(r->dir)) {
		fail(err, 0, "there is no checkpoint in %s: inventory.img is missing",
		     r->opt->images_dir);
		return fail_hint(err, "name the directory of the images with --images-dir");
	}
	ret = restore_message(r, IMAGE_INVENTORY, 0, &r->inventory, err);
	if (ret)
		return ret;
	if (!r->inventory->has_fdinfo_per_id || !r->inventory->fdinfo_per_id)
		return fail(err, 0, "inventory.img: descriptors by process are too old a format");
	if (r->inventory->has_page_size && r->inventory->page_size != r->page_size)
		return fail(err, 0, "the images have pages of %u bytes, this kernel of %llu",
			    r->inventory->page_size, (unsigned long long)r->page_size);
	return 0;
}

static bool is_pid(uint32_t pid)
{
	return pid > 0 && pid <= PID_LIMIT;
}

/* The numbers of threads name further images, and are keys: they are checked here. */
static int add_process(struct restore *r, PstreeEntry *tree, struct error *err)
{
	struct new_process *p, **slot;

	if (!is_pid(tree->pid) || (tree->ppid && !is_pid(tree->ppid)))
		return fail(err, 0, "pstree.img: %u, child of %u: no such numbers can be",
			    tree->pid, tree->ppid);
	if (!tree->n_threads || tree->n_threads > PID_LIMIT)
		return fail(err, 0, "pstree.img: process %u has %zu threads", tree->pid,
			    tree->n_threads);
	if (ids_get(&r->pid_index, tree->pid))
		return fail(err, 0, "pstree.img: two tasks have the number %u", tree->pid);

	p = arena_alloc(&r->arena, sizeof(*p));
	slot = p ? array_add(r->processes, r->n_processes) : NULL;
	if (!slot)
		return fail(err, ENOMEM, "cannot load the images");
	*slot = p;
	p->tree = tree;
	p->pid = (pid_t)tree->pid;
	p->pgid = (pid_t)tree->pgid;
	p->sid = (pid_t)tree->sid;
	p->pages_fd = -1;
	p->parent = tree->ppid ? restore_process(r, (pid_t)tree->ppid) : NULL;
	if (tree->ppid && !p->parent)
		return fail(err, 0,
			    "pstree.img: the parent %u of process %u does not come before it",
			    tree->ppid, tree->pid);
	if (!tree->ppid != (r->n_processes == 1))
		return fail(err, 0, "pstree.img: process %u: there must be one root, and first",
			    tree->pid);
	if (ids_set(&r->pid_index, tree->pid, (uint32_t)r->n_processes))
		return fail(err, ENOMEM, "cannot load the images");
	return 0;
}

static int load_tree(struct restore *r, struct error *err)
{
	PstreeEntry *tree;
	struct image *image;
	int ret = image_open(r->dir, IMAGE_PSTREE, 0, &image, err);

	if (ret)
		return ret;
	if (!image)
		return fail(err, 0, "pstree.img is missing");
	while ((ret = next_message(r, image, &tree, err)) > 0) {
		ret = add_process(r, tree, err);
		if (ret)
			break;
	}
	image_finish(image, NULL);
	if (!ret && !r->n_processes)
		ret = fail(err, 0, "pstree.img holds no process");
	return ret;
}

/* A thread's number is a key, and names its core. */
static int check_tid(struct restore *r, const struct new_process *p, size_t i, struct error *err)
{
	uint32_t tid = p->tree->threads[i];

	if (!is_pid(tid) || (!i && tid != p->tree->pid))
		return fail(err, 0, "pstree.img: process %d: %u cannot be its thread %zu", p->pid,
			    tid, i);
	if (i && ids_get(&r->pid_index, tid))
		return fail(err, 0, "pstree.img: two tasks have the number %u", tid);
	/* Threads take a number, and lead nowhere: restore_process tells them apart. */
	if (i && ids_set(&r->pid_index, tid, UINT32_MAX))
		return fail(err, ENOMEM, "cannot load the images");
	return 0;
}

/* Of a zombie its state tells, and its one thread has no number: CRIU 4.1 stores what was in
 * memory. */
static int load_threads(struct restore *r, struct new_process *p, struct error *err)
{
	size_t n = p->tree->n_threads;
	int ret = 0;

	p->tasks = arena_alloc(&r->arena, n * sizeof(*p->tasks));
	if (!p->tasks)
		return fail(err, ENOMEM, "cannot load the images");
	p->n_tasks = n;
	for (size_t i = 0; i < n && !ret; i++) {
		struct new_task *t = &p->tasks[i];

		t->process = p;
		t->tid = i ? (pid_t)p->tree->threads[i] : p->pid;
		ret = restore_message(r, IMAGE_CORE, (unsigned long long)t->tid, &t->core, err);
		if (!ret && !i)
			p->is_zombie = t->core->tc && t->core->tc->task_state == STATE_DEAD;
		if (!ret && !p->is_zombie)
			ret = check_tid(r, p, i, err);
	}
	if (!ret && p->is_zombie && n != 1)
		ret = fail(err, 0, "pstree.img: the zombie %d has %zu threads", p->pid, n);
	r->n_threads += n;
	return ret;
}

/* Shares the table of the nearest ancestor with the same files_id: only a child can. */
static int load_fdinfo(struct restore *r, struct new_process *p, struct error *err)
{
	FdinfoEntry *entry;
	struct image *image;
	struct new_fd *fds = NULL;
	size_t n = 0;
	int ret;

	if (p->parent && p->parent->ids && p->parent->ids->files_id == p->ids->files_id) {
		p->files_of = p->parent->files_of ?: p->parent;
		p->files_of->lends_files = true;
		return 0;
	}
	ret = image_open(r->dir, IMAGE_FDINFO, p->ids->files_id, &image, err);
	/* CRIU writes none for a process without descriptors: check_fdinfo tells that from a loss. */
	if (ret || !image)
		return ret;
	p->has_fdinfo = true;
	while ((ret = next_message(r, image, &entry, err)) > 0) {
		struct new_fd *fd = array_add(fds, n);

		if (!fd) {
			ret = fail(err, ENOMEM, "cannot load the images");
			break;
		}
		*fd = (struct new_fd){
			.number = entry->fd, .cloexec = entry->flags & 1, .entry = entry};
	}
	image_finish(image, NULL);
	p->fds = n ? arena_copy(&r->arena, fds, n * sizeof(*fds)) : NULL;
	p->n_fds = n;
	free(fds);
	if (!ret && n && !p->fds)
		ret = fail(err, ENOMEM, "cannot load the images");
	return ret;
}

/*
 * Finds the vDSO and its data. A program may have unmapped one of them (valgrind does, to see
 * each call): nothing can use the other, which becomes ordinary memory.
 */
static void find_vdso(struct new_process *p)
{
	for (size_t i = 0; i < p->mm->n_vmas; i++) {
		VmaEntry *entry = p->mm->vmas[i];

		if (entry->status & AREA_VDSO)
			p->vdso_entry = entry;
		else if (entry->status & AREA_VVAR)
			p->vvar_entry = entry;
	}
	if (!p->vdso_entry || !p->vvar_entry) {
		p->vdso_entry = p->vvar_entry = NULL;
		return;
	}
	p->vdso = (struct vdso){
		.vvar = p->vvar_entry->start,
		.vvar_size = p->vvar_entry->end - p->vvar_entry->start,
		.text = p->vdso_entry->start,
		.text_size = p->vdso_entry->end - p->vdso_entry->start,
	};
}

/* Splits what the image calls mappings into those that are to be mapped and the rest. */
static int load_vmas(struct restore *r, struct new_process *p, struct error *err)
{
	size_t n = p->mm->n_vmas;

	p->vmas = arena_alloc(&r->arena, (n ?: 1) * sizeof(*p->vmas));
	p->guards = arena_alloc(&r->arena, (n ?: 1) * sizeof(*p->guards));
	if (!p->vmas || !p->guards)
		return fail(err, ENOMEM, "cannot load the images");
	find_vdso(p);
	for (size_t i = 0; i < n; i++) {
		VmaEntry *entry = p->mm->vmas[i];
		bool is_vdso = entry->status & (AREA_VDSO | AREA_VVAR);

		if (entry->status & AREA_VSYSCALL || (is_vdso && p->vdso_entry))
			continue;
		/* The kernel's flags of its own mapping are none that a program can ask for. */
		entry->has_vm_flags = entry->has_vm_flags && !is_vdso;
		if (entry->status & AREA_GUARD)
			p->guards[p->n_guards++] = entry;
		else
			p->vmas[p->n_vmas++] = (struct new_vma){.entry = entry, .fd = -1};
	}
	return 0;
}

static int load_tags(struct restore *r, struct new_process *p, struct error *err)
{
	MemoryTagsEntry *entry, **tags = NULL;
	struct image *image;
	size_t n = 0;
	int ret = image_open(r->dir, IMAGE_MEMORY_TAGS, (unsigned long long)p->pid, &image, err);

	if (ret || !image)
		return ret;
	while ((ret = next_message(r, image, &entry, err)) > 0) {
		MemoryTagsEntry **slot = array_add(tags, n);

		if (!slot) {
			ret = fail(err, ENOMEM, "cannot load the images");
			break;
		}
		*slot = entry;
	}
	image_finish(image, NULL);
	p->tags = n ? arena_copy(&r->arena, tags, n * sizeof(*tags)) : NULL;
	p->n_tags = n;
	free(tags);
	if (!ret && n && !p->tags)
		ret = fail(err, ENOMEM, "cannot load the images");
	return ret;
}

static int load_process(struct restore *r, struct new_process *p, struct error *err)
{
	unsigned long long pid = (unsigned long long)p->pid;
	int ret = load_threads(r, p, err);

	if (ret || p->is_zombie)
		return ret;
	ret = restore_message(r, IMAGE_IDS, pid, &p->ids, err) ?:
	      restore_message(r, IMAGE_MM, pid, &p->mm, err) ?:
	      restore_message(r, IMAGE_FS, pid, &p->fs, err) ?:
	      load_fdinfo(r, p, err) ?:
	      load_vmas(r, p, err) ?:
	      load_tags(r, p, err);
	if (ret)
		return ret;
	if (p->mm->has_page_size && p->mm->page_size != r->page_size)
		return fail(err, 0, "process %d has pages of %u bytes, this kernel of %llu", p->pid,
			    p->mm->page_size, (unsigned long long)r->page_size);
	return restore_pagemap(r, IMAGE_PAGEMAP, pid, &p->pages, &p->n_pages, &p->pages_fd, err);
}

static int add_file(struct restore *r, FileEntry *entry, struct error *err)
{
	struct new_file *f, **slot;

	if (!entry->id)
		return fail(err, 0, "files.img: an entry has the id 0");
	if (ids_get(&r->file_index, entry->id))
		return fail(err, 0, "files.img: two entries have the id %u", entry->id);
	f = arena_alloc(&r->arena, sizeof(*f));
	slot = f ? array_add(r->files, r->n_files) : NULL;
	if (!slot || ids_set(&r->file_index, entry->id, (uint32_t)r->n_files))
		return fail(err, ENOMEM, "cannot load the images");
	*f = (struct new_file){.id = entry->id, .entry = entry, .fd = -1, .born_fd = -1, .given = -1};
	*slot = f;
	return 0;
}

static int load_files(struct restore *r, struct error *err)
{
	FileEntry *entry;
	struct image *image;
	int ret = image_open(r->dir, IMAGE_FILES, 0, &image, err);

	if (ret)
		return ret;
	if (!image)
		return fail(err, 0, "files.img is missing");
	while ((ret = next_message(r, image, &entry, err)) > 0) {
		ret = add_file(r, entry, err);
		if (ret)
			break;
	}
	image_finish(image, NULL);
	return ret;
}

int restore_load(void *restore, struct error *err)
{
	struct restore *r = restore;
	int ret = load_inventory(r, err) ?: load_tree(r, err) ?: load_files(r, err);

	for (size_t i = 0; !ret && i < r->n_processes; i++)
		ret = load_process(r, r->processes[i], err);
	if (!ret)
		log_debug(r->log, "%zu processes, %zu threads, %zu files", r->n_processes,
			  r->n_threads, r->n_files);
	return ret;
}
