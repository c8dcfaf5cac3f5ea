/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_SCRATCH_H
#define CRBPF_SELFTESTS_SCRATCH_H

/* A directory for images that vanishes with the test, and files in it. */

#include <fcntl.h>
#include <unistd.h>

#include "harness.h"
#include "image/image.h"

static char scratch_path[64];

__attribute__((unused)) static void scratch_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", scratch_path);
	if (scratch_path[0] && system(command))
		perror(command);
}

/* The test's directory (borrowed), always the same one. */
__attribute__((unused)) static struct image_dir *scratch_dir(void)
{
	static struct image_dir *dir;

	if (dir)
		return dir;
	strcpy(scratch_path, "/tmp/crbpf-image-XXXXXX");
	EXPECT(mkdtemp(scratch_path));
	atexit(scratch_remove);
	EXPECT_EQ(image_dir_open(&dir, scratch_path, NULL), 0);
	return dir;
}

__attribute__((unused)) static void scratch_write(struct image_dir *dir, const char *name,
						  const void *data, size_t n)
{
	int fd = openat(image_dir_fd(dir), name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	EXPECT_GE(fd, 0);
	EXPECT_EQ(write(fd, data, n), (ssize_t)n);
	close(fd);
}

__attribute__((unused)) static size_t scratch_read(struct image_dir *dir, const char *name,
						   void *data, size_t room)
{
	int fd = openat(image_dir_fd(dir), name, O_RDONLY);
	ssize_t n;

	EXPECT_GE(fd, 0);
	n = read(fd, data, room);
	close(fd);
	EXPECT_GE(n, 0);
	return (size_t)n;
}

__attribute__((unused)) static bool scratch_exists(struct image_dir *dir, const char *name)
{
	return !faccessat(image_dir_fd(dir), name, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* Reads an image to its end. *@ret_n entries were good; returns 0 or -errno. */
__attribute__((unused)) static int scratch_count(struct image_dir *dir, enum image_type type,
						 unsigned long long number, size_t *ret_n,
						 struct error *err)
{
	ProtobufCMessage *msg;
	struct image *image;
	int ret;

	*ret_n = 0;
	ret = image_open(dir, type, number, &image, err);
	if (ret || !image)
		return ret;
	while ((ret = image_next(image, NULL, &msg, err)) > 0) {
		(*ret_n)++;
		ret = image_skip_extra(image, msg, err);
		protobuf_c_message_free_unpacked(msg, NULL);
		if (ret)
			break;
	}
	image_close(image);
	return ret;
}

#endif
