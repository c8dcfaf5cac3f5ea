// SPDX-License-Identifier: GPL-2.0-only
#include "image/set.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "fdinfo.pb-c.h"
#include "fs.pb-c.h"
#include "inventory.pb-c.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "pstree.pb-c.h"
#include "stats.pb-c.h"

int image_entries_load(struct image_entries *entries, struct image_dir *dir, enum image_type type,
		       unsigned long long number, struct error *err)
{
	ProtobufCMessage *msg, **slot;
	struct image *image;
	int ret;

	ret = image_open(dir, type, number, &image, err);
	if (ret || !image)
		return ret;
	while ((ret = image_next(image, NULL, &msg, err)) > 0) {
		slot = array_add(entries->msgs, entries->n);
		if (!slot) {
			protobuf_c_message_free_unpacked(msg, NULL);
			ret = fail(err, ENOMEM, "cannot read %s", image_file_name(image));
			break;
		}
		*slot = msg;
		ret = image_skip_extra(image, msg, err);
		if (ret)
			break;
	}
	image_close(image);
	return ret;
}

void image_entries_deinit(struct image_entries *entries)
{
	for (size_t i = 0; i < entries->n; i++)
		protobuf_c_message_free_unpacked(entries->msgs[i], NULL);
	free(entries->msgs);
	*entries = (struct image_entries){0};
}

/* What loading needs to tell of a bad image. */
struct loader {
	struct image_set *set;
	image_set_problem problem;
	void *context;
	struct error *err;
};

static void load_list(struct loader *l, struct image_entries *entries, enum image_type type,
		      unsigned long long number)
{
	struct error err = {0};

	if (image_entries_load(entries, l->set->dir, type, number, &err))
		l->problem(l->context, &err);
	error_deinit(&err);
}

/* The first entry of an image, or NULL. */
static void *load_one(struct loader *l, enum image_type type, unsigned long long number)
{
	ProtobufCMessage *msg = NULL;
	struct error err = {0};
	struct image *image = NULL;

	if (image_open(l->set->dir, type, number, &image, &err) ||
	    (image && image_next(image, NULL, &msg, &err) < 0))
		l->problem(l->context, &err);
	image_close(image);
	error_deinit(&err);
	return msg;
}

static int load_process(struct loader *l, struct set_process *p)
{
	size_t n = p->pstree->n_threads ?: 1;
	__u32 pid = p->pstree->pid;

	p->cores = calloc(n, sizeof(*p->cores));
	if (!p->cores)
		return fail(l->err, ENOMEM, "cannot load the images of process %u", pid);
	p->cores[0] = load_one(l, IMAGE_CORE, pid);
	for (size_t i = 1; i < n; i++)
		p->cores[i] = load_one(l, IMAGE_CORE, p->pstree->threads[i]);
	p->ids = load_one(l, IMAGE_IDS, pid);
	p->mm = load_one(l, IMAGE_MM, pid);
	p->fs = load_one(l, IMAGE_FS, pid);
	if (p->ids)
		load_list(l, &p->fds, IMAGE_FDINFO, p->ids->files_id);
	load_list(l, &p->pagemap, IMAGE_PAGEMAP, pid);
	return 0;
}

static int load_processes(struct loader *l)
{
	struct image_set *set = l->set;
	struct set_process *p;
	int ret;

	for (size_t i = 0; i < set->pstree.n; i++) {
		p = array_add(set->processes, set->n_processes);
		if (!p)
			return fail(l->err, ENOMEM, "cannot load the process tree");
		p->pstree = (PstreeEntry *)set->pstree.msgs[i];
		ret = load_process(l, p);
		if (ret)
			return ret;
	}
	return 0;
}

int image_set_load(struct image_set *set, struct image_dir *dir, image_set_problem problem,
		   void *context, struct error *err)
{
	struct loader l = {set, problem, context, err};

	*set = (struct image_set){.dir = dir, .page_size = (__u64)sysconf(_SC_PAGESIZE)};
	set->inventory = load_one(&l, IMAGE_INVENTORY, 0);
	if (set->inventory && set->inventory->page_size)
		set->page_size = set->inventory->page_size;
	set->stats = load_one(&l, IMAGE_STATS_DUMP, 0);
	load_list(&l, &set->files, IMAGE_FILES, 0);
	for (size_t i = 0; i < set->files.n; i++)
		if (ids_set(&set->file_by_id, ((FileEntry *)set->files.msgs[i])->id, (__u32)i + 1))
			return fail(err, ENOMEM, "cannot load the files");
	load_list(&l, &set->pstree, IMAGE_PSTREE, 0);
	return load_processes(&l);
}

static void free_message(void *msg)
{
	protobuf_c_message_free_unpacked(msg, NULL);
}

static void process_deinit(struct set_process *p)
{
	for (size_t i = 0; p->cores && i < (p->pstree->n_threads ?: 1); i++)
		free_message(p->cores[i]);
	free(p->cores);
	free_message(p->ids);
	free_message(p->mm);
	free_message(p->fs);
	image_entries_deinit(&p->fds);
	image_entries_deinit(&p->pagemap);
}

void image_set_deinit(struct image_set *set)
{
	for (size_t i = 0; i < set->n_processes; i++)
		process_deinit(&set->processes[i]);
	free(set->processes);
	image_entries_deinit(&set->pstree);
	image_entries_deinit(&set->files);
	ids_deinit(&set->file_by_id);
	free_message(set->inventory);
	free_message(set->stats);
	*set = (struct image_set){0};
}

FileEntry *image_set_file(const struct image_set *set, __u32 id)
{
	__u32 at = ids_get(&set->file_by_id, id);

	return at ? (FileEntry *)set->files.msgs[at - 1] : NULL;
}
