// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/file.h"
#include "inventory.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"

/* So much is read at once; more if an entry is larger. */
#define WINDOW_SIZE (64 * 1024)
/* No entry of a real checkpoint comes near; it bounds what a wrong one makes us allocate. */
#define ENTRY_MAX (1024ull * 1024 * 1024)

static unsigned long long position(const struct image *image)
{
	return image->start + image->at;
}

unsigned long long image_left(const struct image *image)
{
	unsigned long long pos = position(image);

	return pos < image->file_size ? image->file_size - pos : 0;
}

static int read_at(const struct image *image, void *data, size_t n, unsigned long long offset,
		   struct error *err)
{
	char *p = data;
	ssize_t got;

	while (n) {
		got = pread(image->fd, p, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(err, errno, "cannot read %s", image->name);
		if (!got)
			return fail(err, 0, "%s became shorter while it was read", image->name);
		p += got;
		offset += (size_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* Makes the next @n bytes, which the file must have, lie in the window. */
static int want(struct image *image, size_t n, struct error *err)
{
	struct buf *buf = &image->buf;
	unsigned long long left = image_left(image);
	size_t take = n > WINDOW_SIZE ? n : WINDOW_SIZE;
	int ret;

	if (buf->size - image->at >= n)
		return 0;
	image->start += image->at;
	image->at = 0;
	buf->size = 0;
	if (take > left)
		take = (size_t)left;
	if (buf_reserve(buf, take))
		return fail(err, ENOMEM, "cannot read %s", image->name);
	ret = read_at(image, buf->data, take, image->start, err);
	if (!ret)
		buf->size = take;
	return ret;
}

static int next_u32(struct image *image, __u32 *ret, struct error *err)
{
	int code = want(image, sizeof(*ret), err);

	if (code)
		return code;
	memcpy(ret, (char *)image->buf.data + image->at, sizeof(*ret));
	image->at += sizeof(*ret);
	return 0;
}

static const char *magic_name(__u32 magic)
{
	for (enum image_type type = 0; type < IMAGE_TYPES; type++)
		if (magic && image_info(type)->magic == magic)
			return image_info(type)->name;
	return "unknown";
}

/* Reads what the file begins with: one magic (format 1, and inventories) or two. */
static int read_magic(struct image *image, __u32 *ret_head, __u32 *ret_magic, struct error *err)
{
	int ret;

	if (image_left(image) < sizeof(__u32))
		return fail(err, 0, "%s is no image: it has only %llu bytes", image->name,
			    image_left(image));
	ret = next_u32(image, ret_magic, err);
	*ret_head = 0;
	if (ret || (*ret_magic != IMAGE_MAGIC_COMMON && *ret_magic != IMAGE_MAGIC_SERVICE))
		return ret;
	*ret_head = *ret_magic;
	if (image_left(image) < sizeof(__u32))
		return fail(err, 0, "%s is no image: it ends in its magic", image->name);
	return next_u32(image, ret_magic, err);
}

static int check_magic(struct image *image, struct error *err)
{
	const struct image_info *info = image->info;
	__u32 head, magic;
	int ret;

	ret = read_magic(image, &head, &magic, err);
	if (ret)
		return ret;
	if (magic != info->magic)
		return fail(err, 0, "%s is not a %s image: magic 0x%08x (%s), expected 0x%08x",
			    image->name, info->name, magic, magic_name(magic), info->magic);
	if (head && head != info->head_magic)
		return fail(err, 0, "%s is not a %s image: it begins with 0x%08x, expected 0x%08x",
			    image->name, info->name, head, info->head_magic ?: info->magic);
	return 0;
}

/* Opens a file below @dirfd, never waiting for anybody (a fifo's). Returns 1 if there is none. */
static int open_regular(int dirfd, const char *name, struct image **ret, struct error *err)
{
	struct image *image = calloc(1, sizeof(*image));
	const char *slash = strrchr(name, '/');
	struct stat st;
	int code;

	if (!image)
		return fail(err, ENOMEM, "cannot open %s", name);
	image->fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	image->name = strdup(slash ? slash + 1 : name);
	if (image->fd < 0 && errno == ENOENT)
		code = 1;
	else if (image->fd < 0 || fstat(image->fd, &st))
		code = fail(err, errno, "cannot open %s", name);
	else if (!S_ISREG(st.st_mode))
		code = fail(err, 0, "%s is not a regular file", name);
	else if (!image->name)
		code = fail(err, ENOMEM, "cannot open %s", name);
	else
		code = 0;
	if (code) {
		image_close(image);
		return code;
	}
	image->file_size = (unsigned long long)st.st_size;
	*ret = image;
	return 0;
}

int image_open(struct image_dir *dir, enum image_type type, unsigned long long number,
	       struct image **ret, struct error *err)
{
	char name[IMAGE_NAME_MAX];
	struct image *image;
	int code;

	image_name(name, type, number);
	code = open_regular(dir->fd, name, &image, err);
	if (code) {
		if (code > 0)
			*ret = NULL;
		return code > 0 ? 0 : code;
	}
	image->dir = dir;
	image->type = type;
	image->info = image_info(type);
	code = image->info->magic ? check_magic(image, err) : 0;
	if (code) {
		image_close(image);
		return code;
	}
	*ret = image;
	return 0;
}

int image_open_file(const char *path, struct image **ret, struct error *err)
{
	struct image *image;
	__u32 head, magic;
	int code;

	code = open_regular(AT_FDCWD, path, &image, err);
	if (code)
		return code > 0 ? fail(err, ENOENT, "cannot open %s", path) : code;
	code = read_magic(image, &head, &magic, err);
	if (code) {
		image_close(image);
		return code;
	}
	for (enum image_type type = 0; type < IMAGE_TYPES; type++) {
		image->info = image_info(type);
		image->type = type;
		if (image->info->magic == magic && magic &&
		    (!head || head == image->info->head_magic)) {
			*ret = image;
			return 0;
		}
	}
	code = fail(err, 0, "%s is no image: it begins with 0x%08x, which is no magic that we know",
		    path, magic);
	image_close(image);
	return code;
}

void image_close(struct image *image)
{
	if (!image)
		return;
	if (image->fd >= 0)
		close(image->fd);
	buf_deinit(&image->buf);
	free(image->name);
	free(image);
}

enum image_type image_type(const struct image *image)
{
	return image->type;
}

const char *image_file_name(const struct image *image)
{
	return image->name;
}

/* Reads the size of the next entry and its bytes into the window. */
static int next_entry(struct image *image, __u32 *ret_size, struct error *err)
{
	unsigned long long at = position(image);
	int ret;

	if (image_left(image) < sizeof(*ret_size))
		return fail(err, 0, "%s: entry at byte %llu is cut off after %llu bytes",
			    image->name, at, image_left(image));
	ret = next_u32(image, ret_size, err);
	if (ret)
		return ret;
	if (*ret_size > image_left(image))
		return fail(err, 0,
			    "%s: entry at byte %llu claims %u bytes, the file has %llu left",
			    image->name, at, *ret_size, image_left(image));
	if (*ret_size > ENTRY_MAX)
		return fail(err, 0, "%s: entry at byte %llu claims %u bytes, more than any has",
			    image->name, at, *ret_size);
	return want(image, *ret_size, err);
}

static int check_inventory(const ProtobufCMessage *msg, struct error *err)
{
	const InventoryEntry *e = (const void *)msg;

	if (e->img_version != 1 && e->img_version != 2)
		return fail(err, 0, "format version %u, we read 1 and 2", e->img_version);
	return 0;
}

static int unpack(struct image *image, const ProtobufCMessageDescriptor *desc, __u32 size,
		  ProtobufCMessage **ret, struct error *err)
{
	const uint8_t *data = (const uint8_t *)image->buf.data + image->at;
	ProtobufCMessage *msg;
	int code;

	code = image_check_message(desc, data, size, err);
	if (code)
		return code;
	msg = protobuf_c_message_unpack(desc, NULL, size, data);
	if (!msg)
		return fail(err, 0, "cannot unpack a %s of %u bytes", desc->name, size);
	code = desc == &inventory_entry__descriptor ? check_inventory(msg, err) : 0;
	if (code) {
		protobuf_c_message_free_unpacked(msg, NULL);
		return code;
	}
	*ret = msg;
	return 0;
}

int image_next(struct image *image, const ProtobufCMessageDescriptor *desc, ProtobufCMessage **ret,
	       struct error *err)
{
	unsigned long long at = position(image);
	__u32 size = 0;
	int code;

	if (!image_left(image))
		return 0;
	if (!desc)
		desc = image->info->first && !image->n_entries ? image->info->first
							       : image->info->entry;
	if (!desc)
		return fail(err, 0, "%s has no entries: it is raw", image->name);
	code = next_entry(image, &size, err);
	if (code)
		return code;
	if (unpack(image, desc, size, ret, err))
		return fail_in(err, "%s: entry at byte %llu", image->name, at);
	image->at += size;
	image->n_entries++;
	return 1;
}

static int check_left(const struct image *image, unsigned long long n, struct error *err)
{
	if (n > image_left(image))
		return fail(err, 0, "%s: %llu bytes should follow byte %llu, the file has %llu",
			    image->name, n, position(image), image_left(image));
	return 0;
}

int image_skip(struct image *image, unsigned long long n, struct error *err)
{
	int ret = check_left(image, n, err);

	if (ret)
		return ret;
	if (n <= image->buf.size - image->at) {
		image->at += (size_t)n;
		return 0;
	}
	image->start = position(image) + n;
	image->at = 0;
	image->buf.size = 0;
	return 0;
}

int image_next_bytes(struct image *image, void *data, size_t n, struct error *err)
{
	size_t have = image->buf.size - image->at;
	int ret = check_left(image, n, err);

	if (ret)
		return ret;
	if (have > n)
		have = n;
	if (have)
		memcpy(data, (char *)image->buf.data + image->at, have);
	ret = read_at(image, (char *)data + have, n - have, position(image) + have, err);
	return ret ?: image_skip(image, n, err);
}

static int skip_nested(struct image *image, long long n, struct error *err)
{
	ProtobufCMessage *msg;
	int ret;

	/* -1, to the end of the file, never comes down to 0. */
	for (; n; n--) {
		ret = image_next(image, image->info->nested, &msg, err);
		if (ret < 0 || (!ret && n < 0))
			return ret;
		if (!ret)
			return fail(err, 0, "%s ends before %lld more entries", image->name, n);
		ret = image_skip(image, (unsigned long long)image->info->nested_extra(msg), err);
		protobuf_c_message_free_unpacked(msg, NULL);
		if (ret)
			return ret;
	}
	return 0;
}

int image_skip_extra(struct image *image, const ProtobufCMessage *msg, struct error *err)
{
	const struct image_info *info = image->info;
	long long n = info->extra ? info->extra(msg) : 0;
	int ret;

	ret = image_skip(image, n < 0 ? image_left(image) : (unsigned long long)n, err);
	if (ret || !info->nested)
		return ret;
	return skip_nested(image, info->n_nested(msg), err);
}

int image_fd(struct image *image)
{
	lseek(image->fd, (off_t)position(image), SEEK_SET);
	return image->fd;
}

int image_read(struct image_dir *dir, enum image_type type, unsigned long long number,
	       ProtobufCMessage **ret, struct error *err)
{
	char name[IMAGE_NAME_MAX];
	struct image *image;
	int code;

	code = image_open(dir, type, number, &image, err);
	if (code)
		return code;
	image_name(name, type, number);
	if (!image)
		return fail(err, ENOENT, "cannot read %s", name);
	code = image_next(image, NULL, ret, err);
	image_close(image);
	if (!code)
		return fail(err, 0, "%s has no entry", name);
	return code < 0 ? code : 0;
}

int image_open_raw(struct image_dir *dir, enum image_type type, unsigned long long number,
		   struct error *err)
{
	char name[IMAGE_NAME_MAX];
	struct image *image;
	int code, fd;

	image_name(name, type, number);
	code = open_regular(dir->fd, name, &image, err);
	if (code)
		return code > 0 ? -ENOENT : code;
	fd = take_fd(image->fd);
	image_close(image);
	return fd;
}
