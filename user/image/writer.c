// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/file.h"
#include "lib/err.h"

/* So much is gathered before it is written. */
#define FLUSH_SIZE (256 * 1024)

int image_create(struct image_dir *dir, enum image_type type, unsigned long long number,
		 struct image **ret, struct error *err)
{
	char name[IMAGE_NAME_MAX];
	struct image *image;
	int code;

	image_name(name, type, number);
	code = dir->holds ? 0 : image_dir_remove(dir, name, err);
	if (code)
		return code;
	image = calloc(1, sizeof(*image));
	if (!image)
		return fail(err, ENOMEM, "cannot create %s", name);
	*image = (struct image){.dir = dir, .type = type, .info = image_info(type), .fd = -1,
				.n_discards = dir->n_discards};
	image->name = strdup(name);
	if (!image->name) {
		free(image);
		return fail(err, ENOMEM, "cannot create %s", name);
	}
	*ret = image;
	return 0;
}

static int write_all(const struct image *image, const void *data, size_t n, struct error *err)
{
	const char *p = data;
	ssize_t done;

	while (n) {
		done = write(image->fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return fail(err, done ? errno : EIO, "cannot write %s", image->name);
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* The file is made when there is something to write into it. */
static int flush(struct image *image, struct error *err)
{
	int ret = 0;

	if (image->fd < 0 && image->dir->holds)
		ret = image_dir_remove(image->dir, image->name, err);
	if (image->fd < 0 && !ret)
		image->fd = image_dir_make(image->dir, image->name, err);
	if (image->fd < 0)
		return ret ?: image->fd;
	ret = write_all(image, image->buf.data, image->buf.size, err);
	image->buf.size = 0;
	return ret;
}

/* The magics, once there is an entry. */
static int begin(struct image *image, struct error *err)
{
	const __u32 magics[] = {image->info->head_magic, image->info->magic};
	size_t skip = magics[0] ? 0 : 1;

	image->is_begun = true;
	if (buf_add(&image->buf, magics + skip, (2 - skip) * sizeof(__u32)))
		return fail(err, ENOMEM, "cannot write %s", image->name);
	return 0;
}

static int add_message(struct image *image, const ProtobufCMessage *msg, struct error *err)
{
	size_t size;
	__u32 size32;
	int ret;

	/* A required string that is NULL: a mistake of ours, which no reader would forgive. */
	if (!protobuf_c_message_check(msg))
		return fail(err, 0, "cannot write %s: its %s is not complete", image->name,
			    msg->descriptor->name);
	size = protobuf_c_message_get_packed_size(msg);
	if (size > INT32_MAX)
		return fail(err, EFBIG, "cannot write %s: an entry of %zu bytes", image->name,
			    size);
	if (!image->is_begun) {
		ret = begin(image, err);
		if (ret)
			return ret;
	}
	if (buf_reserve(&image->buf, sizeof(size32) + size))
		return fail(err, ENOMEM, "cannot write %s", image->name);
	size32 = (__u32)size;
	buf_add(&image->buf, &size32, sizeof(size32));
	protobuf_c_message_pack(msg, (uint8_t *)image->buf.data + image->buf.size);
	image->buf.size += size;
	return image->buf.size >= FLUSH_SIZE ? flush(image, err) : 0;
}

int image_add(struct image *image, const ProtobufCMessage *msg, struct error *err)
{
	if (!image->failed)
		image->failed = add_message(image, msg, err);
	return image->failed;
}

static int add_bytes(struct image *image, const void *data, size_t n, struct error *err)
{
	int ret;

	if (!image->is_begun)
		return fail(err, 0, "cannot write %s: bytes without an entry", image->name);
	if (n < FLUSH_SIZE && image->buf.size + n < 2 * FLUSH_SIZE) {
		if (buf_add(&image->buf, data, n))
			return fail(err, ENOMEM, "cannot write %s", image->name);
		return image->buf.size >= FLUSH_SIZE ? flush(image, err) : 0;
	}
	ret = flush(image, err);
	return ret ?: write_all(image, data, n, err);
}

int image_add_bytes(struct image *image, const void *data, size_t n, struct error *err)
{
	if (!image->failed)
		image->failed = add_bytes(image, data, n, err);
	return image->failed;
}

static void image_free(struct image *image)
{
	buf_deinit(&image->buf);
	free(image->name);
	free(image);
}

/* Keeps it for image_dir_release. */
static int hold(struct image *image, struct error *err)
{
	struct image_dir *dir = image->dir;
	struct image **slot;

	pthread_mutex_lock(&dir->lock);
	slot = array_add(dir->held, dir->n_held);
	if (slot)
		*slot = image;
	pthread_mutex_unlock(&dir->lock);
	if (slot)
		return 0;
	fail(err, ENOMEM, "cannot write %s", image->name);
	image_free(image);
	return -ENOMEM;
}

void image_dir_hold(struct image_dir *dir)
{
	dir->holds = true;
}

int image_dir_release(struct image_dir *dir, struct error *err)
{
	int ret = 0;

	dir->holds = false;
	for (size_t i = 0; i < dir->n_held; i++) {
		struct image *image = dir->held[i];

		if (!ret)
			ret = image_dir_remove(dir, image->name, err);
		image->failed = image->failed ?: ret;
		ret = image_finish(image, err) ?: ret;
	}
	free(dir->held);
	dir->held = NULL;
	dir->n_held = 0;
	return ret;
}

void image_dir_drop_held(struct image_dir *dir)
{
	for (size_t i = 0; i < dir->n_held; i++)
		image_free(dir->held[i]);
	free(dir->held);
	dir->held = NULL;
	dir->n_held = 0;
}

int image_finish(struct image *image, struct error *err)
{
	int ret;

	if (!image)
		return 0;
	ret = image->failed;
	if (!ret && image->fd < 0 && image->dir && image->dir->holds)
		return hold(image, err);
	if (!ret && image->is_begun && image->n_discards == image->dir->n_discards)
		ret = flush(image, err);
	/* Some filesystems report a full disk only here. */
	if (image->fd >= 0 && close(image->fd) && !ret)
		ret = fail(err, errno, "cannot write %s", image->name);
	image_free(image);
	return ret;
}

int image_write(struct image_dir *dir, enum image_type type, unsigned long long number,
		const ProtobufCMessage *msg, struct error *err)
{
	struct image *image;
	int ret;

	ret = image_create(dir, type, number, &image, err);
	if (ret)
		return ret;
	(void)image_add(image, msg, err);
	return image_finish(image, err);
}

int image_create_raw(struct image_dir *dir, enum image_type type, unsigned long long number,
		     struct error *err)
{
	char name[IMAGE_NAME_MAX];
	int ret;

	image_name(name, type, number);
	ret = image_dir_remove(dir, name, err);
	return ret ?: image_dir_make(dir, name, err);
}
