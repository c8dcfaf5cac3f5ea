// SPDX-License-Identifier: GPL-2.0-only
#include "ghost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "fileref.h"
#include "ghost-file.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "regfile.pb-c.h"
#include "restore/restore.h"
#include "time.pb-c.h"

#define COPY_BYTES  (256 << 10)
#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)

/* A ghost on its way: what must be removed again, whatever happens. */
struct ghost {
	uint32_t id;
	GhostFileEntry *entry;
	char *temp;       /* its name while descriptors are opened; NULL: it has none */
	int fd;           /* of an O_TMPFILE that never had a name; -1 */
	char *parent;     /* deepest directory made for it; NULL */
	size_t n_parents; /* how many were made, upwards from there */
};

static bool is_of_ghost(const struct new_file *f, uint32_t id)
{
	const struct remap *remap = f->data;

	return f->entry->type == FD_TYPES__REG && remap && remap->how == REMAP_GHOST &&
	       remap->id == id;
}

static char *without_last(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? strdup("/") : strndup(path, slash - path);
}

/* Makes the directories above @path that are gone too. */
static int make_parents(struct restore *r, struct ghost *g, const char *path)
{
	_cleanup_free_ char *dir = without_last(path);
	int rc = 0;

	if (!dir)
		return fail(r->err, ENOMEM, "cannot make a deleted file again");
	if (!strcmp(dir, "/") || !access(dir, F_OK))
		return 0;
	rc = make_parents(r, g, dir);
	if (rc)
		return rc;
	if (mkdir(dir, 0700))
		return fail(r->err, errno, "cannot make the directory of a deleted file, %s", dir);
	free(g->parent);
	g->parent = take_ptr(dir);
	g->n_parents++;
	return 0;
}

static int write_content(struct restore *r, struct image *image, int fd, uint64_t at, uint64_t len)
{
	_cleanup_free_ char *buf = malloc(COPY_BYTES);

	if (!buf)
		return fail(r->err, ENOMEM, "cannot make a deleted file again");
	if (len > INT64_MAX - at || len > image_left(image))
		return fail(r->err, 0, "a ghost file claims %llu bytes at %llu",
			    (unsigned long long)len, (unsigned long long)at);
	while (len) {
		size_t n = len < COPY_BYTES ? (size_t)len : COPY_BYTES;
		int rc = image_next_bytes(image, buf, n, r->err);

		if (rc)
			return rc;
		for (size_t done = 0; done < n;) {
			ssize_t w = pwrite(fd, buf + done, n - done, at + done);

			if (w <= 0)
				return fail(r->err, w ? errno : EIO, "cannot write a deleted file");
			done += w;
		}
		at += n;
		len -= n;
	}
	return 0;
}

static int write_chunks(struct restore *r, struct image *image, int fd)
{
	ProtobufCMessage *msg;
	int rc;

	while ((rc = image_next(image, &ghost_chunk_entry__descriptor, &msg, r->err)) > 0) {
		GhostChunkEntry *chunk = (GhostChunkEntry *)msg;

		rc = chunk->off > INT64_MAX ? fail(r->err, 0, "a ghost file has data at %llu",
						   (unsigned long long)chunk->off)
					    : write_content(r, image, fd, chunk->off, chunk->len);
		protobuf_c_message_free_unpacked(msg, NULL);
		if (rc)
			return rc;
	}
	return rc;
}

static int fill_regular(struct restore *r, struct ghost *g, struct image *image, int fd)
{
	const GhostFileEntry *entry = g->entry;
	int rc = entry->has_chunks && entry->chunks
			 ? write_chunks(r, image, fd)
			 : write_content(r, image, fd, 0, image_left(image));

	if (!rc && entry->has_size && ftruncate(fd, entry->size))
		rc = fail(r->err, errno, "cannot size a deleted file");
	return rc;
}

/* Owner, mode and times of what stands at @path, or is @fd if that is not -1. */
static int set_attributes(struct restore *r, const GhostFileEntry *entry, int fd, const char *path)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	int at = fd >= 0 ? fd : AT_FDCWD, flags = fd >= 0 ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;

	if (fchownat(at, fd >= 0 ? "" : path, entry->uid, entry->gid, flags))
		return fail(r->err, errno, "cannot give a deleted file its owner");
	if (!S_ISLNK(entry->mode) &&
	    (fd >= 0 ? fchmod(fd, entry->mode & 07777) : chmod(path, entry->mode & 07777)))
		return fail(r->err, errno, "cannot give a deleted file its mode");
	if (entry->atim)
		times[0] = (struct timespec){entry->atim->tv_sec,
					     entry->atim->tv_usec % 1000000 * 1000};
	if (entry->mtim)
		times[1] = (struct timespec){entry->mtim->tv_sec,
					     entry->mtim->tv_usec % 1000000 * 1000};
	if (fd >= 0 ? futimens(fd, times) : utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW))
		return fail(r->err, errno, "cannot give a deleted file its times");
	return 0;
}

/*
 * As it was made: a file that never had a name can still be given one. The first
 * description is @f's, @ret_fd another one. Not every file system can: false.
 */
static bool make_tmpfile(struct ghost *g, struct new_file *f, int *ret_fd)
{
	_cleanup_free_ char *dir = without_last(g->temp);
	int flags = (f->entry->reg->flags & ~(O_CREAT | O_EXCL | O_TRUNC)) | O_CLOEXEC;
	char path[64];

	f->fd = dir ? open(dir, flags | O_TMPFILE, 0600) : -1;
	if (f->fd < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	*ret_fd = open(path, O_RDWR | O_CLOEXEC);
	if (*ret_fd < 0) {
		close(f->fd);
		f->fd = -1;
		return false;
	}
	free(g->temp);
	g->temp = NULL;
	g->fd = *ret_fd;
	return true;
}

/* The inode, empty, at g->temp or (with O_TMPFILE) nowhere. Regular files: *@ret_fd is open for
 * writing. */
static int make_inode(struct restore *r, struct ghost *g, struct new_file *tmpfile, int *ret_fd)
{
	const GhostFileEntry *entry = g->entry;
	mode_t mode = entry->mode;
	dev_t rdev = entry->has_rdev ? user_dev(entry->rdev) : 0;
	int rc;

	if (S_ISREG(mode) && tmpfile && make_tmpfile(g, tmpfile, ret_fd))
		return 0;
	/* One that a killed restore left behind. */
	if (unlink(g->temp) && errno == EISDIR)
		(void)rmdir(g->temp);
	if (S_ISREG(mode))
		rc = *ret_fd = open(g->temp, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	else if (S_ISDIR(mode))
		rc = mkdir(g->temp, 0700);
	else if (S_ISLNK(mode))
		rc = symlink(entry->symlnk_target ?: "", g->temp);
	else
		rc = mknod(g->temp, (mode & S_IFMT) | 0600, rdev);
	return rc < 0 ? fail(r->err, errno, "cannot make %s", g->temp) : 0;
}

static int ghost_make(struct restore *r, struct ghost *g, const char *name,
		      struct new_file *tmpfile)
{
	_cleanup_close_ int fd = -1;
	ProtobufCMessage *msg = NULL;
	struct image *image;
	int rc;

	rc = image_open(r->dir, IMAGE_GHOST_FILE, g->id, &image, r->err);
	if (rc)
		return rc;
	if (!image || image_next(image, NULL, &msg, r->err) <= 0) {
		image_finish(image, NULL);
		return fail(r->err, 0, "the content of a deleted file, ghost %u, is missing",
			    g->id);
	}
	g->entry = (GhostFileEntry *)msg;
	if (asprintf(&g->temp, "%s.cr.%x.ghost", name, g->id) < 0)
		g->temp = NULL;
	rc = g->temp ? make_parents(r, g, g->temp) : fail(r->err, ENOMEM, "cannot make %s", name);
	if (!rc)
		rc = make_inode(r, g, tmpfile, &fd);
	if (!rc && fd >= 0)
		rc = fill_regular(r, g, image, fd);
	if (!rc)
		rc = set_attributes(r, g->entry, fd, g->temp);
	image_finish(image, NULL);
	if (fd == g->fd)
		take_fd(fd);
	return rc;
}

static int open_flags(const struct new_file *f)
{
	uint32_t flags = f->entry->reg->flags;

	if (!f->process)
		return O_PATH | O_CLOEXEC;
	return (flags & ~(O_CREAT | O_EXCL | O_TRUNC | TMPFILE_BIT)) | O_CLOEXEC | O_NOCTTY;
}

/* Opens @f under its own name, or if that is taken by another file, under the temporary one. */
static int open_named(struct restore *r, struct ghost *g, struct new_file *f)
{
	const char *name = f->entry->reg->name;
	int flags = open_flags(f) | (S_ISLNK(g->entry->mode) ? O_NOFOLLOW : 0);
	int linked = S_ISDIR(g->entry->mode) ? -1 : linkat(AT_FDCWD, g->temp, AT_FDCWD, name, 0);

	if (linked && errno != EEXIST && !S_ISDIR(g->entry->mode))
		log_debug(r->log, "%s: cannot be linked there (%s), opening it as %s", name,
			  strerror(errno), g->temp);
	f->fd = open(linked ? g->temp : name, flags);
	if (f->fd < 0)
		fail(r->err, errno, "cannot open the deleted file %s", name);
	if (!linked)
		(void)unlink(name);
	return f->fd < 0 ? r->err->code : 0;
}

/* A directory has one name only: if that is free, it is the temporary one. */
static int name_directory(struct restore *r, struct ghost *g, const char *name)
{
	char *copy = strdup(name);

	if (!copy)
		return fail(r->err, ENOMEM, "cannot make a deleted file again");
	if (renameat2(AT_FDCWD, g->temp, AT_FDCWD, name, RENAME_NOREPLACE)) {
		free(copy);
		return 0;
	}
	free(g->temp);
	g->temp = copy;
	return 0;
}

static int open_nameless(struct restore *r, struct ghost *g, struct new_file *f)
{
	char path[64];
	int flags = open_flags(f) & ~(O_NOFOLLOW | O_DIRECTORY);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", g->fd);
	f->fd = open(path, flags);
	return f->fd < 0 ? fail(r->err, errno, "cannot open a temporary file again") : 0;
}

static void ghost_deinit(struct ghost *g)
{
	if (g->temp && unlink(g->temp) && errno == EISDIR)
		(void)rmdir(g->temp);
	for (; g->n_parents && g->parent; g->n_parents--) {
		char *up = without_last(g->parent);

		(void)rmdir(g->parent);
		free(g->parent);
		g->parent = up;
	}
	if (g->fd >= 0)
		close(g->fd);
	if (g->entry)
		protobuf_c_message_free_unpacked(&g->entry->base, NULL);
	free(g->parent);
	free(g->temp);
}

static void note_inode(struct new_file *f, const GhostFileEntry *entry)
{
	struct remap *remap = f->data;

	if (entry->has_dev && entry->has_ino) {
		remap->dev = entry->dev;
		remap->ino = entry->ino;
	}
}

int ghost_open(struct restore *r, uint32_t id)
{
	struct ghost g = {.id = id, .fd = -1};
	struct new_file *tmpfile = NULL;
	const char *name = NULL;
	int rc = 0;

	for (size_t i = 0; i < r->n_files; i++) {
		if (!is_of_ghost(r->files[i], id))
			continue;
		name = r->files[i]->entry->reg->name;
		if (r->files[i]->process && (r->files[i]->entry->reg->flags & TMPFILE_BIT))
			tmpfile = r->files[i];
	}
	if (!is_absolute_path(name))
		return fail(r->err, 0, "ghost %u has no path", id);
	rc = ghost_make(r, &g, name, tmpfile);
	if (!rc && S_ISDIR(g.entry->mode))
		rc = name_directory(r, &g, name);
	for (size_t i = 0; i < r->n_files && !rc; i++)
		if (is_of_ghost(r->files[i], id)) {
			note_inode(r->files[i], g.entry);
			if (r->files[i]->fd < 0)
				rc = g.temp ? open_named(r, &g, r->files[i])
					    : open_nameless(r, &g, r->files[i]);
		}
	ghost_deinit(&g);
	return rc;
}

int ghost_dup(const struct restore *r, uint32_t dev, uint64_t ino)
{
	for (size_t i = 0; i < r->n_files; i++) {
		const struct remap *remap = r->files[i]->data;
		int fd;

		if (r->files[i]->entry->type != FD_TYPES__REG || r->files[i]->fd < 0 || !remap ||
		    remap->how != REMAP_GHOST || !ino || remap->ino != ino || remap->dev != dev)
			continue;
		fd = fcntl(r->files[i]->fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}
