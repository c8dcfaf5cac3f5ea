// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/file.h"
#include "lib/cleanup.h"
#include "lib/err.h"

int image_dir_open(struct image_dir **ret, const char *path, struct error *err)
{
	struct image_dir *dir = calloc(1, sizeof(*dir));
	int code;

	if (!dir)
		return fail(err, ENOMEM, "cannot open images directory '%s'", path);
	pthread_mutex_init(&dir->lock, NULL);
	dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir->fd < 0) {
		code = fail(err, errno, "cannot open images directory '%s'", path);
		image_dir_close(dir);
		return code;
	}
	*ret = dir;
	return 0;
}

int image_dir_fd(const struct image_dir *dir)
{
	return dir->fd;
}

bool image_dir_is_complete(struct image_dir *dir)
{
	char name[IMAGE_NAME_MAX];
	struct stat st;

	image_name(name, IMAGE_INVENTORY, 0);
	return !fstatat(dir->fd, name, &st, 0) && S_ISREG(st.st_mode) && st.st_size > 0;
}

int image_dir_remove(struct image_dir *dir, const char *name, struct error *err)
{
	if (unlinkat(dir->fd, name, 0) && errno != ENOENT)
		return fail(err, errno, "cannot remove the old %s", name);
	return 0;
}

int image_dir_clear(struct image_dir *dir, struct error *err)
{
	char inventory[IMAGE_NAME_MAX];
	unsigned long long number;
	enum image_type type;
	struct dirent *entry;
	int fd, ret;
	DIR *list;

	image_name(inventory, IMAGE_INVENTORY, 0);
	ret = image_dir_remove(dir, inventory, err);
	if (ret)
		return ret;

	/* A description of its own: readdir moves the position. */
	fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (!list) {
		ret = fail(err, errno, "cannot list the images directory");
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (!ret && (entry = readdir(list)))
		if (image_parse_name(entry->d_name, &type, &number) ||
		    !strcmp(entry->d_name, IMAGE_SUMS_NAME))
			ret = image_dir_remove(dir, entry->d_name, err);
	closedir(list);
	return ret;
}

static int note_made(struct image_dir *dir, const char *name)
{
	char *copy = strdup(name);
	char **slot = NULL;

	if (!copy)
		return -ENOMEM;
	pthread_mutex_lock(&dir->lock);
	slot = array_add(dir->made, dir->n_made);
	if (slot)
		*slot = copy;
	pthread_mutex_unlock(&dir->lock);
	if (!slot)
		free(copy);
	return slot ? 0 : -ENOMEM;
}

int image_dir_make(struct image_dir *dir, const char *name, struct error *err)
{
	int fd, ret;

	fd = openat(dir->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(err, errno, "cannot create %s", name);
	ret = note_made(dir, name);
	if (ret) {
		close(fd);
		unlinkat(dir->fd, name, 0);
		return fail(err, ret, "cannot create %s", name);
	}
	return fd;
}

static int sync_file(struct image_dir *dir, const char *name, struct error *err)
{
	_cleanup_close_ int fd = openat(dir->fd, name, O_RDONLY | O_CLOEXEC);

	/* A file that its maker removed again needs no flushing. */
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fsync(fd))
		return fail(err, errno, "cannot flush %s to the disk", name);
	return 0;
}

int image_dir_sync(struct image_dir *dir, struct error *err)
{
	int ret;

	for (; dir->n_synced < dir->n_made; dir->n_synced++) {
		ret = sync_file(dir, dir->made[dir->n_synced], err);
		if (ret)
			return ret;
	}
	if (fsync(dir->fd))
		return fail(err, errno, "cannot flush the images directory to the disk");
	return 0;
}

static void forget_made(struct image_dir *dir)
{
	for (size_t i = 0; i < dir->n_made; i++)
		free(dir->made[i]);
	free(dir->made);
	dir->made = NULL;
	dir->n_made = dir->n_synced = 0;
	free(dir->noted);
	dir->noted = NULL;
	dir->n_noted = 0;
}

void image_dir_discard(struct image_dir *dir)
{
	for (size_t i = dir->n_made; i-- > 0;)
		unlinkat(dir->fd, dir->made[i], 0);
	image_dir_drop_held(dir);
	forget_made(dir);
	dir->n_discards++;
}

void image_dir_close(struct image_dir *dir)
{
	if (!dir)
		return;
	image_dir_drop_held(dir);
	forget_made(dir);
	pthread_mutex_destroy(&dir->lock);
	if (dir->fd >= 0)
		close(dir->fd);
	free(dir);
}
