// SPDX-License-Identifier: GPL-2.0-only
/* Mappings of files that have, or had, a name: programs, libraries, data. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fileref.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/area.h"
#include "restore/restore.h"
#include "snapshot.h"
#include "surroundings.h"
#include "vma.pb-c.h"
#include "vmaflags.h"

/* struct file's f_mode */
#define FMODE_READ  1
#define FMODE_WRITE 2

static bool vma_file_claims(const struct vma *v)
{
	return v->rec->file && !v->rec->special && S_ISREG(v->rec->i_mode) &&
	       v->rec->s_magic != SB_SECRETMEM && !vma_is_internal(v, "/anon_hugepage") &&
	       !vma_is_internal(v, "/memfd:") && !vma_is_internal(v, "/dev/zero") &&
	       !vma_is_internal(v, "/SYSV") && !vma_is_internal(v, "/[aio]");
}

static struct fileref ref_of(const struct vma *v, const char *proc)
{
	return (struct fileref){ .path = v->path,
				 .dev = v->rec->dev,
				 .ino = v->rec->ino,
				 .nlink = v->rec->nlink,
				 .s_magic = v->rec->s_magic,
				 .proc = proc };
}

static enum fileref_state state_of(struct surroundings *around, const struct process *p,
				   const struct vma *v, char *proc, size_t n)
{
	const struct fileref ref = ref_of(v, proc);

	snprintf(proc, n, "/proc/%d/map_files/%llx-%llx", p->pid, (unsigned long long)v->start,
		 (unsigned long long)v->end);
	return around ? surroundings_state(around, &ref) : fileref_state(&ref);
}

/* Is it a further part of the mapping before, of the same file? */
static bool is_continued(const struct process *p, const struct vma *v)
{
	return v > p->mm->vmas && v[-1].object == v->object;
}

/*
 * overlayfs maps the file of the layer beneath, and newer kernels keep that one's path with it,
 * which is of use to nobody. What the program opened is where /proc/PID/map_files leads.
 */
static void find_opened_path(struct judge *j, struct vma *v, const char *proc)
{
	char path[PATH_MAX];
	ssize_t n = readlink(proc, path, sizeof(path) - 1);
	const char *copy;

	if (n <= 0)
		return;
	path[n] = 0;
	copy = strcmp(path, v->path) ? arena_strdup(&j->snap->arena, path) : NULL;
	if (copy)
		v->path = copy;
}

/* A mapping has no use for the name, which nobody asks it for: any that is left will do. */
static bool find_other_name(struct judge *j, struct vma *v, const char *proc)
{
	const struct fileref ref = ref_of(v, proc);
	const char *other = fileref_other_name(&j->snap->arena, &ref);

	if (other)
		v->path = other;
	return other;
}

static void vma_file_judge(struct judge *j, const struct process *p, struct vma *v)
{
	const struct fileref ref = ref_of(v, NULL);
	enum fileref_state state;
	const char *why, *hint;
	char proc[96];

	if (!vma_judge(j, p, v) || is_continued(p, v) || surroundings_is_present(j->around, &ref))
		return;
	state = state_of(j->around, p, v, proc, sizeof(proc));
	if (state != FILEREF_PRESENT) {
		find_opened_path(j, v, proc);
		state = state_of(j->around, p, v, proc, sizeof(proc));
	}
	if (state == FILEREF_UNLINKED && find_other_name(j, v, proc))
		return;
	why = fileref_obstacle(j->options, state, &hint);
	if (why)
		judge_vma(j, p, v, "mapped file", hint, "%s", why);
}

static uint32_t open_mode(const struct vma *v)
{
	if (!(v->rec->f_mode & FMODE_WRITE))
		return O_RDONLY;
	return v->rec->f_mode & FMODE_READ ? O_RDWR : O_WRONLY;
}

static int vma_file_describe(struct dump *d, const struct process *p, struct vma *v,
			     VmaEntry *entry)
{
	const struct vma_record *rec = v->rec;
	bool is_shared = rec->flags & VMF_MAYSHARE;
	char proc[96];
	int fd = -1;
	uint32_t id;

	if (!is_continued(p, v) && state_of(NULL, p, v, proc, sizeof(proc)) != FILEREF_PRESENT) {
		fd = dump_open_mapped(d, p, v);
		if (fd < 0)
			return fd;
	}
	id = dump_regfile(d, v->path, rec->dev, rec->ino, rec->mnt_id, rec->nlink, fd);
	if (fd >= 0)
		close(fd);
	if (!id)
		return d->err->code;
	entry->status = AREA_REGULAR | (is_shared ? AREA_FILE_SHARED : AREA_FILE_PRIVATE);
	entry->flags = is_shared ? MAP_SHARED : MAP_PRIVATE;
	entry->shmid = id;
	entry->pgoff = vma_offset(v);
	entry->has_fdflags = true;
	entry->fdflags = open_mode(v);
	vma_fill_entry(v, entry);
	return 0;
}

static bool vma_file_owns(const VmaEntry *entry)
{
	return entry->status & (AREA_FILE_PRIVATE | AREA_FILE_SHARED) &&
	       !(entry->status & AREA_MEMFD);
}

static int vma_file_check(struct restore *r, struct new_process *p, struct new_vma *v)
{
	struct new_file *f = restore_file(r, (uint32_t)v->entry->shmid);

	if (!f || !f->entry->reg)
		return fail(r->err, 0, "there is no file %llu to map",
			    (unsigned long long)v->entry->shmid);
	return 0;
}

/* Older images do not tell how the file was open. */
static uint32_t open_flags(const VmaEntry *entry)
{
	if (entry->has_fdflags)
		return entry->fdflags & O_ACCMODE;
	return entry->status & AREA_FILE_SHARED && entry->prot & PROT_WRITE ? O_RDWR : O_RDONLY;
}

/* One descriptor serves all mappings of a file with one mode: its number + 1 in r->kind_data. */
static uint64_t open_key(const VmaEntry *entry)
{
	return 0xf1ull << 56 | (uint64_t)open_flags(entry) << 48 | (uint32_t)entry->shmid;
}

static int vma_file_open(struct restore *r, struct new_process *p, struct new_vma *v)
{
	uint32_t known = ids_get(&r->kind_data, open_key(v->entry));

	if (!known) {
		int fd = restore_open_regfile(r, (uint32_t)v->entry->shmid,
					      (int)open_flags(v->entry), r->err);

		if (fd < 0)
			return fd;
		known = (uint32_t)fd + 1;
		if (ids_set(&r->kind_data, open_key(v->entry), known))
			return fail(r->err, ENOMEM, "cannot remember a mapped file");
	}
	v->fd = (int)known - 1;
	return 0;
}

static int vma_file_map(struct restore *r, struct new_task *t, const struct new_vma *v, int fd,
			struct batch *batch)
{
	uint32_t type = v->entry->status & AREA_FILE_SHARED ? MAP_SHARED : MAP_PRIVATE;

	return vma_map(v, type | (v->entry->flags & MAP_NORESERVE), fd, batch);
}

const struct kind kind_vma_file = {
	.name = "vma-file",
	.vma = &(const struct vma_ops){
		.claims = vma_file_claims,
		.is_plain = vma_is_plain,
		.judge = vma_file_judge,
		.pages = VMA_PAGES_PRIVATE,
		.describe = vma_file_describe,
		.owns = vma_file_owns,
		.check = vma_file_check,
		.open = vma_file_open,
		.map = vma_file_map,
	},
};
