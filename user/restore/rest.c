// SPDX-License-Identifier: GPL-2.0-only
/*
 * Images that kinds read when their turn comes, or not at all: a broken one is found
 * before any process exists.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/err.h"
#include "restore/check.h"
#include "restore/restore.h"

/* Loaded already, or no part of a checkpoint. */
static bool is_known(enum image_type type)
{
	switch (type) {
	case IMAGE_INVENTORY:
	case IMAGE_PSTREE:
	case IMAGE_CORE:
	case IMAGE_IDS:
	case IMAGE_MM:
	case IMAGE_FS:
	case IMAGE_FDINFO:
	case IMAGE_FILES:
	case IMAGE_PAGEMAP:
	case IMAGE_STATS_DUMP:
	case IMAGE_STATS_RESTORE:
		return true;
	default:
		return !image_info(type)->entry;
	}
}

static int check_image(struct restore *r, enum image_type type, unsigned long long number,
		       struct error *err)
{
	ProtobufCMessage *msg;
	struct image *image;
	int ret = image_open(r->dir, type, number, &image, err);

	if (ret || !image)
		return ret;
	while ((ret = image_next(image, NULL, &msg, err)) > 0) {
		ret = image_skip_extra(image, msg, err);
		protobuf_c_message_free_unpacked(msg, NULL);
		if (ret)
			break;
	}
	image_finish(image, NULL);
	return ret;
}

int check_rest(struct restore *r, struct error *err)
{
	int fd = openat(image_dir_fd(r->dir), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	unsigned long long number;
	enum image_type type;
	struct dirent *entry;

	if (!dir) {
		ret = fail(err, errno, "cannot list the images");
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (!ret && (entry = readdir(dir)))
		if (image_parse_name(entry->d_name, &type, &number) && !is_known(type))
			ret = check_image(r, type, number, err);
	closedir(dir);
	return ret;
}
