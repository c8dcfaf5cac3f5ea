// SPDX-License-Identifier: GPL-2.0-only
#include "regfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buildid.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "ghost.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "regfile.pb-c.h"
#include "remap-file-path.pb-c.h"
#include "restore/restore.h"

#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)
/* What would change the file that is there, or make another: never taken from an image. */
#define LINK_NAME "/link_remap." /* with which the names begin that a dump makes up */
#define MAKING    (O_CREAT | O_EXCL | O_TRUNC | TMPFILE_BIT)
#define OLD_GHOST 0x80000000u /* how a ghost was marked before remap_type was */

static struct new_file *reg_of(struct restore *r, uint32_t id)
{
	struct new_file *f = restore_file(r, id);

	return f && f->entry->type == FD_TYPES__REG && f->entry->reg ? f : NULL;
}

static struct remap *remap_of(struct restore *r, struct new_file *f)
{
	if (!f->data)
		f->data = arena_alloc(&r->arena, sizeof(struct remap));
	if (!f->data)
		fail(r->err, ENOMEM, "cannot load remap-fpath.img");
	return f->data;
}

/* A temporary link is removed in the end: so it must be one, and no other file. */
static bool is_link_name(const RegFileEntry *link)
{
	const char *slash = strrchr(link->name, '/');

	return is_absolute_path(link->name) && !strncmp(slash, LINK_NAME, strlen(LINK_NAME));
}

static int add_remap(struct restore *r, const RemapFilePathEntry *entry)
{
	struct new_file *f = reg_of(r, entry->orig_id);
	struct remap *remap = f ? remap_of(r, f) : NULL;

	if (!f)
		return fail(r->err, 0, "remap-fpath.img: there is no file %u", entry->orig_id);
	if (!remap)
		return r->err->code;
	remap->id = entry->remap_id;
	if (!entry->has_remap_type) {
		remap->how = entry->remap_id & OLD_GHOST ? REMAP_GHOST : REMAP_LINKED;
		remap->id &= ~OLD_GHOST;
	} else if (entry->remap_type == REMAP_TYPE__GHOST) {
		remap->how = REMAP_GHOST;
	} else if (entry->remap_type == REMAP_TYPE__LINKED) {
		remap->how = REMAP_LINKED;
	} else {
		remap->how = REMAP_PROCFS;
	}
	if (remap->how == REMAP_LINKED && (!reg_of(r, remap->id) || remap->id == entry->orig_id))
		return fail(r->err, 0, "remap-fpath.img: there is no file %u", remap->id);
	if (remap->how == REMAP_LINKED && !is_link_name(reg_of(r, remap->id)->entry->reg))
		return fail(r->err, 0, "remap-fpath.img: `%s' is no temporary name",
			    reg_of(r, remap->id)->entry->reg->name);
	return 0;
}

static int load_remaps(struct restore *r)
{
	ProtobufCMessage *msg;
	struct image *image;
	int rc = image_open(r->dir, IMAGE_REMAP_FPATH, 0, &image, r->err);

	if (rc || !image)
		return rc;
	while ((rc = image_next(image, NULL, &msg, r->err)) > 0) {
		rc = add_remap(r, (RemapFilePathEntry *)msg);
		protobuf_c_message_free_unpacked(msg, NULL);
		if (rc)
			break;
	}
	image_finish(image, NULL);
	return rc;
}

struct remap *regfile_remap(struct restore *r, struct new_file *f)
{
	uint64_t key = (uintptr_t)&load_remaps;

	if (!ids_get(&r->kind_data, key)) {
		if (load_remaps(r))
			return NULL;
		if (ids_set(&r->kind_data, key, 1)) {
			fail(r->err, ENOMEM, "cannot load remap-fpath.img");
			return NULL;
		}
	}
	return remap_of(r, f);
}

static int check_build_id(struct restore *r, const RegFileEntry *reg)
{
	uint32_t words[BUILDID_WORDS];
	_cleanup_close_ int fd = -1;
	size_t n;

	if (!reg->n_build_id)
		return 0;
	fd = open(reg->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	n = fd >= 0 ? build_id_read(fd, words) : 0;
	if (!n || (n == reg->n_build_id && !memcmp(words, reg->build_id, n * sizeof(words[0]))))
		return 0;
	fail(r->err, 0, "%s has changed since the dump: it is another build", reg->name);
	return fail_hint(r->err, "bring back the file that was there at the dump");
}

/* Is what stands at its path what was dumped? */
static int check_unchanged(struct restore *r, const RegFileEntry *reg)
{
	bool is_link = (reg->flags & O_NOFOLLOW) && (reg->flags & O_PATH);
	struct stat st;

	if (fstatat(AT_FDCWD, reg->name, &st, is_link ? AT_SYMLINK_NOFOLLOW : 0)) {
		fail(r->err, errno, "cannot open %s", reg->name);
		return fail_hint(r->err, "bring back the file that was there at the dump");
	}
	if (reg->has_size && S_ISREG(st.st_mode) && (uint64_t)st.st_size != reg->size) {
		fail(r->err, 0, "%s has changed since the dump: %llu bytes then, %llu now",
		     reg->name, (unsigned long long)reg->size, (unsigned long long)st.st_size);
		return fail_hint(r->err, "bring back the file that was there at the dump");
	}
	if (check_build_id(r, reg))
		return r->err->code;
	if (reg->has_mode && reg->mode != st.st_mode)
		return fail(r->err, 0, "%s has changed since the dump: mode %o then, %o now",
			    reg->name, reg->mode, st.st_mode);
	/* Opening one waits for its other end: only the kind fifo knows how to. */
	if (!reg->has_mode && S_ISFIFO(st.st_mode) && !(reg->flags & O_PATH))
		return fail(r->err, 0, "%s has changed since the dump: it is a FIFO now",
			    reg->name);
	return 0;
}

static int open_again(struct restore *r, const struct new_file *f, uint32_t flags, int *ret_fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	*ret_fd = open(path, (flags & ~(MAKING | O_NOFOLLOW)) | O_CLOEXEC | O_NOCTTY);
	return *ret_fd < 0
		       ? fail(r->err, errno, "cannot open the deleted file %s", f->entry->reg->name)
		       : 0;
}

/* A path (into @path) for the file that the temporary link leads to, or *@ret_fd holds once the
 * link is gone. */
static int find_linked(struct restore *r, const RegFileEntry *link, char *path, size_t n,
		       int *ret_fd)
{
	struct {
		struct file_handle head;
		unsigned char room[MAX_HANDLE_SZ];
	} handle;
	_cleanup_close_ int dir = -1;

	snprintf(path, n, "%s", link->name);
	if (!access(link->name, F_OK) || !link->has_handle || link->handle.len > MAX_HANDLE_SZ)
		return 0;
	*strrchr(path, '/') = 0;
	dir = open(*path ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	handle.head.handle_bytes = link->handle.len;
	handle.head.handle_type = link->handle_type;
	memcpy(handle.head.f_handle, link->handle.data, link->handle.len);
	*ret_fd = dir < 0 ? -1 : open_by_handle_at(dir, &handle.head, O_PATH | O_CLOEXEC);
	if (*ret_fd < 0)
		return fail(r->err, errno, "cannot find the file that was %s", link->name);
	snprintf(path, n, "/proc/self/fd/%d", *ret_fd);
	return 0;
}

/* Opened under its old name if nothing stands there, so that it shows that name again. */
static int open_linked(struct restore *r, const struct new_file *f, const struct remap *remap,
		       uint32_t flags, int *ret_fd)
{
	const RegFileEntry *link = restore_file(r, remap->id)->entry->reg;
	const char *name = f->entry->reg->name;
	_cleanup_close_ int found = -1;
	char path[PATH_MAX];
	bool is_named;
	int rc;

	if (!is_absolute_path(link->name))
		return fail(r->err, 0, "file %u has no absolute path", remap->id);
	rc = find_linked(r, link, path, sizeof(path), &found);
	if (rc)
		return rc;
	is_named = !linkat(AT_FDCWD, path, AT_FDCWD, name, found >= 0 ? AT_SYMLINK_FOLLOW : 0);
	*ret_fd = open(is_named ? name : path, (flags & ~MAKING) | O_CLOEXEC | O_NOCTTY);
	if (*ret_fd < 0)
		fail(r->err, errno, "cannot open %s, the temporary name of %s", link->name, name);
	if (is_named)
		(void)unlink(name);
	return *ret_fd < 0 ? r->err->code : 0;
}

int regfile_open(struct restore *r, struct new_file *f, uint32_t flags, int *ret_fd)
{
	const RegFileEntry *reg = f->entry->reg;
	struct remap *remap;
	int rc;

	if (!reg || !is_absolute_path(reg->name))
		return fail(r->err, 0, "file %u has no absolute path", f->id);
	if (reg->has_ext && reg->ext)
		return fail(r->err, 0, "%s is external: it must be given by --inherit-fd",
			    reg->name);
	remap = regfile_remap(r, f);
	if (!remap)
		return r->err->code;
	if (remap->how == REMAP_PROCFS)
		return fail(r->err, 0, "%s belonged to a process that had ended", reg->name);
	if (remap->how == REMAP_GHOST) {
		rc = f->fd < 0 ? ghost_open(r, remap->id) : 0;
		return rc ? rc : open_again(r, f, flags, ret_fd);
	}
	if (remap->how == REMAP_LINKED)
		return open_linked(r, f, remap, flags, ret_fd);

	rc = remap->is_checked ? 0 : check_unchanged(r, reg);
	if (rc)
		return rc;
	remap->is_checked = true;
	*ret_fd = open(reg->name, (flags & ~MAKING) | O_CLOEXEC | O_NOCTTY);
	return *ret_fd < 0 ? fail(r->err, errno, "cannot open %s", reg->name) : 0;
}

int restore_open_regfile(struct restore *r, uint32_t id, int flags, struct error *err)
{
	struct new_file *f = reg_of(r, id);
	int fd, rc;

	if (!f)
		return fail(err, 0, "files.img has no path with the id %u", id);
	rc = regfile_open(r, f, flags == -1 ? f->entry->reg->flags : (uint32_t)flags, &fd);
	return rc ? rc : fd;
}

void regfile_remove_links(const struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++) {
		const struct new_file *f = r->files[i];
		const struct remap *remap = f->entry->type == FD_TYPES__REG ? f->data : NULL;

		if (remap && remap->how == REMAP_LINKED)
			(void)unlink(restore_file(r, remap->id)->entry->reg->name);
	}
}
