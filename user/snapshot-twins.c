// SPDX-License-Identifier: GPL-2.0-only
/* Records that stand for many: a twin is as the one that had its shape first. */
#include <errno.h>
#include <stdlib.h>

#include "fdutil.h"
#include "snapshot-build.h"

/* Shapes are numbered from 1 as they are sent, and sent in order. */
static int note(const struct record_head ***list, size_t *n, uint32_t shape,
		const struct record_head *rec)
{
	const struct record_head **slot;

	if (!shape || shape <= *n)
		return 0;
	if (shape != *n + 1)
		return -EPROTO;
	slot = array_slot(list, *n, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = rec;
	(*n)++;
	return 0;
}

int shapes_note(struct shapes *shapes, const struct record_head *rec)
{
	if (rec->type == RECORD_VMA && rec->size >= sizeof(struct vma_record))
		return note(&shapes->vmas, &shapes->n_vmas, ((const struct vma_record *)rec)->shape,
			    rec);
	if (rec->type == RECORD_FILE && rec->size >= sizeof(struct file_record))
		return note(&shapes->files, &shapes->n_files,
			    ((const struct file_record *)rec)->shape, rec);
	return 0;
}

void shapes_deinit(struct shapes *shapes)
{
	free(shapes->vmas);
	free(shapes->files);
	*shapes = (struct shapes){ 0 };
}

void file_name(struct snapshot *snap, struct file *file)
{
	const bool is_pipe = file->rec->s_magic == MAGIC_PIPEFS;
	const char *path;

	if (*file->path || (!is_pipe && file->rec->s_magic != MAGIC_SOCKFS))
		return;
	path = arena_printf(&snap->arena, "%s:[%llu]", is_pipe ? "pipe" : "socket",
			    (unsigned long long)file->rec->ino);
	file->path = path ?: "";
}

const struct vma_record *snapshot_vma_record(const struct snapshot *snap,
					     const struct record_head *rec)
{
	const struct vma_twin *twin = (const void *)rec;

	if (rec->type == RECORD_VMA)
		return rec->size >= sizeof(struct vma_record) ? (const void *)rec : NULL;
	if (rec->size < sizeof(*twin) || !snap->shapes || !twin->shape ||
	    twin->shape > snap->shapes->n_vmas)
		return NULL;
	return (const void *)snap->shapes->vmas[twin->shape - 1];
}

const struct file_record *snapshot_file_record(const struct snapshot *snap,
					       const struct record_head *rec)
{
	const struct file_twin *twin = (const void *)rec;

	if (rec->type == RECORD_FILE)
		return rec->size >= sizeof(struct file_record) ? (const void *)rec : NULL;
	if (rec->size < sizeof(*twin) || !snap->shapes || !twin->shape ||
	    twin->shape > snap->shapes->n_files)
		return NULL;
	return (const void *)snap->shapes->files[twin->shape - 1];
}
