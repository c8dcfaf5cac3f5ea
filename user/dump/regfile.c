// SPDX-License-Identifier: GPL-2.0-only
#include "regfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buildid.h"
#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "fown.pb-c.h"
#include "ghost.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "options.h"
#include "regfile.pb-c.h"
#include "remap-file-path.pb-c.h"

#define BUCKETS 256

/* An inode that has an id already: of a REG entry, a ghost, or a temporary link. */
struct seen {
	struct seen *next;
	uint64_t ino;
	uint32_t dev, mnt_id;
	uint32_t id;
	const char *link; /* the temporary link's path */
};

struct regfile_dump {
	struct seen *files[BUCKETS];  /* by (dev, ino, mnt_id) */
	struct seen *remaps[BUCKETS]; /* by (dev, ino) */
};

static struct seen **bucket_of(struct seen **table, uint32_t dev, uint64_t ino)
{
	return &table[(ino * 0x9e3779b97f4a7c15ull ^ dev) % BUCKETS];
}

static struct seen *find(struct seen **table, uint32_t dev, uint64_t ino, uint32_t mnt_id)
{
	struct seen *s = *bucket_of(table, dev, ino);

	while (s && (s->ino != ino || s->dev != dev || s->mnt_id != mnt_id))
		s = s->next;
	return s;
}

static struct seen *note(struct dump *d, struct seen **table, uint32_t dev, uint64_t ino,
			 uint32_t mnt_id, uint32_t id)
{
	struct seen **bucket = bucket_of(table, dev, ino);
	struct seen *s = arena_alloc(&d->arena, sizeof(*s));

	if (!s) {
		fail(d->err, ENOMEM, "cannot describe a file");
		return NULL;
	}
	*s = (struct seen){.next = *bucket, .ino = ino, .dev = dev, .mnt_id = mnt_id, .id = id};
	return *bucket = s;
}

static struct regfile_dump *tables(struct dump *d)
{
	if (!d->regfiles)
		d->regfiles = arena_alloc(&d->arena, sizeof(*d->regfiles));
	if (!d->regfiles)
		fail(d->err, ENOMEM, "cannot describe a file");
	return d->regfiles;
}

static int add_remap(struct dump *d, uint32_t id, uint32_t remap_id, RemapType type)
{
	RemapFilePathEntry remap = REMAP_FILE_PATH_ENTRY__INIT;
	struct image *image = dump_image(d, IMAGE_REMAP_FPATH);

	if (!image)
		return d->err->code;
	remap.orig_id = id;
	remap.remap_id = remap_id;
	remap.has_remap_type = true;
	remap.remap_type = type;
	return image_add(image, &remap.base, d->err);
}

/* No name is left: the inode goes into an image, once for all who have it. */
static int keep_ghost(struct dump *d, uint32_t id, const struct regfile_source *src)
{
	struct regfile_dump *t = tables(d);
	struct seen *s = t ? find(t->remaps, src->ref.dev, src->ref.ino, 0) : NULL;

	if (!t)
		return d->err->code;
	if (!s) {
		uint32_t ghost = ++d->next_remap_id;
		int rc;

		if (src->fd < 0)
			return fail(d->err, 0, "%s: nothing gives access to its content",
				    src->ref.path);
		rc = ghost_dump(d, ghost, src->fd);
		if (rc)
			return fail_in(d->err, "%s", src->ref.path);
		s = note(d, t->remaps, src->ref.dev, src->ref.ino, 0, ghost);
	}
	return s ? add_remap(d, id, s->id, REMAP_TYPE__GHOST) : d->err->code;
}

static int make_link(struct dump *d, const char *name, int fd, const char **ret_path)
{
	const char *slash = strrchr(name, '/');
	char from[64];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	for (unsigned int n = 1;; n++) {
		*ret_path =
			arena_printf(&d->arena, "%.*s/link_remap.%u", (int)(slash - name), name, n);
		if (!*ret_path)
			return fail(d->err, ENOMEM, "cannot describe %s", name);
		if (!linkat(AT_FDCWD, from, AT_FDCWD, *ret_path, AT_SYMLINK_FOLLOW))
			return 0;
		if (errno != EEXIST)
			return fail(d->err, errno, "cannot give %s a temporary name", name);
	}
}

/*
 * By its handle a file is found even if the link is gone: a dump that leaves the tree running
 * must not leave links behind.
 */
static int add_handle(struct dump *d, RegFileEntry *link, int fd)
{
	struct file_handle *handle = arena_alloc(&d->arena, sizeof(*handle) + MAX_HANDLE_SZ);
	int mnt_id;

	if (!handle)
		return fail(d->err, ENOMEM, "cannot describe %s", link->name);
	handle->handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(fd, "", handle, &mnt_id, AT_EMPTY_PATH))
		return 0;
	link->has_handle = link->has_handle_type = true;
	link->handle.data = handle->f_handle;
	link->handle.len = handle->handle_bytes;
	link->handle_type = handle->handle_type;
	return 0;
}

/* Other names are left, but not this one: it gets a temporary one beside it. */
static int keep_link(struct dump *d, uint32_t id, const RegFileEntry *reg,
		     const struct regfile_source *src)
{
	struct regfile_dump *t = tables(d);
	struct seen *s = t ? find(t->remaps, src->ref.dev, src->ref.ino, 0) : NULL;
	FileEntry entry = FILE_ENTRY__INIT;
	RegFileEntry link = *reg;
	const char *path;
	int rc;

	if (!t)
		return d->err->code;
	if (s)
		return add_remap(d, id, s->id, REMAP_TYPE__LINKED);
	if (src->fd < 0)
		return fail(d->err, 0, "%s: nothing gives access to it", src->ref.path);
	rc = make_link(d, reg->name, src->fd, &path);
	if (rc)
		return rc;
	s = note(d, t->remaps, src->ref.dev, src->ref.ino, 0, dump_new_file_id(d));
	if (!s) {
		(void)unlink(path);
		return d->err->code;
	}
	s->link = path;
	link.id = s->id;
	link.name = (char *)path;
	entry.type = FD_TYPES__REG;
	entry.id = s->id;
	entry.reg = &link;
	rc = add_handle(d, &link, src->fd) ?: dump_file_entry(d, &entry);
	return rc ? rc : add_remap(d, id, s->id, REMAP_TYPE__LINKED);
}

void regfile_discard(struct dump *d)
{
	for (size_t i = 0; d->regfiles && i < BUCKETS; i++)
		for (struct seen *s = d->regfiles->remaps[i]; s; s = s->next)
			if (s->link)
				(void)unlink(s->link);
}

static int add_build_id(struct dump *d, RegFileEntry *reg, const struct regfile_source *src)
{
	uint32_t words[BUILDID_WORDS];
	_cleanup_close_ int own = -1;
	int fd = src->fd;
	size_t n;

	if (fd < 0)
		fd = own = open(src->ref.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	n = fd >= 0 ? build_id_read(fd, words) : 0;
	if (!n)
		return 0;
	reg->build_id = arena_copy(&d->arena, words, n * sizeof(words[0]));
	reg->n_build_id = n;
	return reg->build_id ? 0 : fail(d->err, ENOMEM, "cannot describe %s", src->ref.path);
}

int regfile_describe(struct dump *d, FileEntry *entry, const struct regfile_source *src,
		     FownEntry *fown)
{
	enum fileref_state state = src->is_present ? FILEREF_PRESENT : fileref_state(&src->ref);
	RegFileEntry *reg = dump_message(d, &reg_file_entry__descriptor);
	const char *hint, *why = fileref_obstacle(d->opt, state, &hint);
	int rc = 0;

	if (why && !src->is_label) {
		fail(d->err, 0, "%s: %s", src->ref.path, why);
		return hint ? fail_hint(d->err, "%s", hint) : d->err->code;
	}
	if (reg && !fown)
		fown = dump_message(d, &fown_entry__descriptor);
	if (!reg || !fown || !(reg->name = (char *)fileref_name(&d->arena, &src->ref, state)))
		return fail(d->err, ENOMEM, "cannot describe %s", src->ref.path);
	reg->id = entry->id;
	reg->flags = src->flags;
	reg->pos = src->pos;
	reg->fown = fown;
	reg->has_mode = true;
	reg->mode = src->mode;
	/* A log that is only appended to may grow in the meantime. */
	if (S_ISREG(src->mode) && (src->flags & (O_ACCMODE | O_APPEND)) != (O_WRONLY | O_APPEND)) {
		reg->has_size = true;
		reg->size = src->size;
	}
	if (S_ISREG(src->mode) && src->wants_build_id)
		rc = add_build_id(d, reg, src);
	entry->reg = reg;
	if (rc || src->is_label)
		return rc;
	if (state == FILEREF_DELETED)
		rc = keep_ghost(d, entry->id, src);
	else if (state == FILEREF_UNLINKED)
		rc = keep_link(d, entry->id, reg, src);
	return rc;
}

static int write_entry(struct dump *d, FileEntry *entry, const struct regfile_source *src,
		       FownEntry *fown)
{
	int rc;

	entry->type = FD_TYPES__REG;
	entry->id = dump_new_file_id(d);
	rc = regfile_describe(d, entry, src, fown);
	return rc ? rc : dump_file_entry(d, entry);
}

uint32_t dump_regfile(struct dump *d, const char *path, uint32_t dev, uint64_t ino, uint32_t mnt_id,
		      uint32_t nlink, int fd)
{
	struct regfile_dump *t = tables(d);
	struct seen *s = t ? find(t->files, dev, ino, mnt_id) : NULL;
	struct regfile_source src = {
		.ref = {.path = path, .dev = dev, .ino = ino, .nlink = nlink},
		.mnt_id = mnt_id,
		.fd = fd,
		.wants_build_id = true,
	};
	FileEntry entry = FILE_ENTRY__INIT;
	struct stat st;

	if (!t)
		return 0;
	if (s)
		return s->id;
	if (fd >= 0 ? fstat(fd, &st) : lstat(path, &st)) {
		fail(d->err, errno, "cannot stat %s", path);
		return 0;
	}
	src.mode = st.st_mode;
	src.size = st.st_size;
	if (write_entry(d, &entry, &src, NULL))
		return 0;
	return note(d, t->files, dev, ino, mnt_id, entry.id) ? entry.id : 0;
}

uint32_t regfile_name(struct dump *d, struct file *f, bool is_label)
{
	char proc[64];
	struct regfile_source src = {
		.ref = {.path = f->path,
			.dev = f->rec->dev,
			.ino = f->rec->ino,
			.nlink = f->rec->nlink,
			.s_magic = f->rec->s_magic,
			.proc = proc},
		.mnt_id = f->rec->mnt_id,
		.mode = f->rec->i_mode,
		.flags = file_flags(f),
		.fd = -1,
		.is_label = is_label,
	};
	FileEntry entry = FILE_ENTRY__INIT;

	file_proc_path(f, proc, sizeof(proc));
	if (!is_label && fileref_state(&src.ref) != FILEREF_PRESENT) {
		src.fd = file_copy(f, d->err);
		if (src.fd < 0)
			return 0;
	}
	return write_entry(d, &entry, &src, dump_fown(d, f)) ? 0 : entry.id;
}
