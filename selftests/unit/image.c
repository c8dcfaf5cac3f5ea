// SPDX-License-Identifier: GPL-2.0-only
/* Images: what is written is read back; what is wrong is refused, with a line that says why. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "harness.h"
#include "image/image.h"
#include "inventory.pb-c.h"
#include "lib/err.h"
#include "pagemap.pb-c.h"
#include "pipe-data.pb-c.h"
#include "pstree.pb-c.h"
#include "scratch.h"

TEST(every_name_is_parsed_back)
{
	unsigned long long numbers[] = {0, 1, 0x20d14e, 4194304, ~0ull}, number;
	char name[IMAGE_NAME_MAX];
	enum image_type type;

	for (enum image_type t = 0; t < IMAGE_TYPES; t++) {
		EXPECT(image_info(t)->format);
		for (size_t i = 0; i < 5; i++) {
			image_name(name, t, numbers[i]);
			EXPECT(image_parse_name(name, &type, &number));
			EXPECT_EQ(type, t);
			if (strchr(image_info(t)->format, '%'))
				EXPECT_EQ(number, numbers[i]);
		}
	}
}

TEST(other_names_are_none)
{
	static const char *const names[] = {"",
					    "core",
					    "core-.img",
					    "core-1",
					    "core-01.img",
					    "core-1.imgx",
					    "core-x.img",
					    "core--1.img",
					    "core-+1.img",
					    "core- 1.img",
					    "tcp-stream-AB.img",
					    "pstree.img.1",
					    "core-99999999999999999999999.img",
					    "pages-0x1.img"};
	unsigned long long number;
	enum image_type type;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (image_parse_name(names[i], &type, &number))
			FAIL("'%s' was taken for an image", names[i]);
}

TEST(entries_and_their_bytes_come_back)
{
	struct image_dir *dir = scratch_dir();
	PipeDataEntry out = PIPE_DATA_ENTRY__INIT, *in;
	char content[300], back[300];
	ProtobufCMessage *msg;
	struct image *image;

	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (char)i;
	EXPECT_EQ(image_create(dir, IMAGE_PIPES_DATA, 0, &image, NULL), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		out.pipe_id = i;
		out.bytes = i % 300;
		EXPECT_EQ(image_add(image, &out.base, NULL), 0);
		EXPECT_EQ(image_add_bytes(image, content, out.bytes, NULL), 0);
	}
	EXPECT_EQ(image_finish(image, NULL), 0);

	EXPECT_EQ(image_open(dir, IMAGE_PIPES_DATA, 0, &image, NULL), 0);
	for (unsigned int i = 0; i < 5000; i++) {
		EXPECT_EQ(image_next(image, NULL, &msg, NULL), 1);
		in = (PipeDataEntry *)msg;
		EXPECT_EQ(in->pipe_id, i);
		EXPECT_EQ(in->bytes, i % 300);
		if (i % 3) {
			EXPECT_EQ(image_next_bytes(image, back, in->bytes, NULL), 0);
			EXPECT_MEMEQ(back, content, in->bytes);
		} else {
			EXPECT_EQ(image_skip_extra(image, msg, NULL), 0);
		}
		protobuf_c_message_free_unpacked(msg, NULL);
	}
	EXPECT_EQ(image_left(image), 0);
	EXPECT_EQ(image_next(image, NULL, &msg, NULL), 0);
	image_close(image);
}

TEST(large_content_is_not_gathered_in_memory_but_kept)
{
	struct image_dir *dir = scratch_dir();
	PipeDataEntry out = PIPE_DATA_ENTRY__INIT;
	size_t size = 3 << 20;
	char *content = malloc(size), *back = malloc(size);
	ProtobufCMessage *msg;
	struct image *image;

	memset(content, 'x', size);
	content[size - 1] = 'y';
	out.bytes = (__u32)size;
	EXPECT_EQ(image_create(dir, IMAGE_PIPES_DATA, 0, &image, NULL), 0);
	EXPECT_EQ(image_add(image, &out.base, NULL), 0);
	EXPECT_EQ(image_add_bytes(image, content, size, NULL), 0);
	EXPECT_EQ(image_finish(image, NULL), 0);
	EXPECT_EQ(image_open(dir, IMAGE_PIPES_DATA, 0, &image, NULL), 0);
	EXPECT_EQ(image_next(image, NULL, &msg, NULL), 1);
	EXPECT_EQ(image_left(image), size);
	/* The descriptor stands where the content begins, whatever was read ahead. */
	EXPECT_EQ(read(image_fd(image), back, size), (ssize_t)size);
	EXPECT_MEMEQ(back, content, size);
	EXPECT_EQ(image_next_bytes(image, back, size, NULL), 0);
	EXPECT_MEMEQ(back, content, size);
	protobuf_c_message_free_unpacked(msg, NULL);
	image_close(image);
	free(content);
	free(back);
}

TEST(a_pagemap_begins_with_its_head)
{
	struct image_dir *dir = scratch_dir();
	PagemapHead head = PAGEMAP_HEAD__INIT;
	PagemapEntry entry = PAGEMAP_ENTRY__INIT;
	ProtobufCMessage *msg;
	struct image *image;

	head.pages_id = 77;
	entry.vaddr = 0x7f0000000000;
	EXPECT_EQ(image_create(dir, IMAGE_PAGEMAP, 1, &image, NULL), 0);
	EXPECT_EQ(image_add(image, &head.base, NULL), 0);
	EXPECT_EQ(image_add(image, &entry.base, NULL), 0);
	EXPECT_EQ(image_finish(image, NULL), 0);
	EXPECT_EQ(image_open(dir, IMAGE_PAGEMAP, 1, &image, NULL), 0);
	EXPECT_EQ(image_next(image, NULL, &msg, NULL), 1);
	EXPECT_EQ(((PagemapHead *)msg)->pages_id, 77);
	protobuf_c_message_free_unpacked(msg, NULL);
	EXPECT_EQ(image_next(image, NULL, &msg, NULL), 1);
	EXPECT(msg->descriptor == &pagemap_entry__descriptor);
	EXPECT_EQ(((PagemapEntry *)msg)->vaddr, 0x7f0000000000);
	protobuf_c_message_free_unpacked(msg, NULL);
	image_close(image);
}

TEST(the_bytes_are_those_of_the_format)
{
	static const unsigned char inventory[] = {0x16, 0x31, 0x31, 0x58, 2, 0, 0, 0, 8, 2};
	static const unsigned char pstree[] = {0x19, 0x43, 0x56, 0x54, 0x30, 0x30, 0x27, 0x50,
					       10,   0,    0,    0,    8,    1,    0x10, 0,
					       0x18, 3,    0x20, 4,    0x28, 5};
	InventoryEntry e = INVENTORY_ENTRY__INIT;
	PstreeEntry p = PSTREE_ENTRY__INIT;
	struct image_dir *dir = scratch_dir();
	unsigned char back[64];

	e.img_version = 2;
	EXPECT_EQ(image_write(dir, IMAGE_INVENTORY, 0, &e.base, NULL), 0);
	EXPECT_EQ(scratch_read(dir, "inventory.img", back, sizeof(back)), sizeof(inventory));
	EXPECT_MEMEQ(back, inventory, sizeof(inventory));
	p = (PstreeEntry){p.base, 1, 0, 3, 4, 1, (__u32[]){5}};
	EXPECT_EQ(image_write(dir, IMAGE_PSTREE, 0, &p.base, NULL), 0);
	EXPECT_EQ(scratch_read(dir, "pstree.img", back, sizeof(back)), sizeof(pstree));
	EXPECT_MEMEQ(back, pstree, sizeof(pstree));
}

TEST(a_file_without_entries_does_not_appear_and_an_old_one_goes)
{
	struct image_dir *dir = scratch_dir();
	struct image *image;

	scratch_write(dir, "seccomp.img", "old", 3);
	EXPECT_EQ(image_create(dir, IMAGE_SECCOMP, 0, &image, NULL), 0);
	EXPECT_EQ(image_finish(image, NULL), 0);
	EXPECT(!scratch_exists(dir, "seccomp.img"));
	EXPECT_EQ(image_open(dir, IMAGE_SECCOMP, 0, &image, NULL), 0);
	EXPECT(!image);
}

TEST(replacing_a_file_leaves_its_other_names_alone)
{
	struct image_dir *dir = scratch_dir();
	PstreeEntry e = PSTREE_ENTRY__INIT;
	struct stat st;
	char back[8];

	scratch_write(dir, "kept", "old", 3);
	EXPECT_EQ(linkat(image_dir_fd(dir), "kept", image_dir_fd(dir), "pstree.img", 0), 0);
	EXPECT_EQ(image_write(dir, IMAGE_PSTREE, 0, &e.base, NULL), 0);
	EXPECT_EQ(scratch_read(dir, "kept", back, sizeof(back)), 3);
	EXPECT_EQ(fstatat(image_dir_fd(dir), "pstree.img", &st, 0), 0);
	EXPECT_EQ(st.st_mode & 07777, 0600);
	/* Nor is what a link points to written. */
	EXPECT_EQ(symlinkat("kept", image_dir_fd(dir), "files.img"), 0);
	EXPECT_EQ(image_write(dir, IMAGE_FILES, 0, &e.base, NULL), 0);
	EXPECT_EQ(scratch_read(dir, "kept", back, sizeof(back)), 3);
}

TEST(discard_removes_what_was_made_and_nothing_else)
{
	struct image_dir *dir = scratch_dir();
	PstreeEntry e = PSTREE_ENTRY__INIT;
	int fd;

	scratch_write(dir, "core-1.img", "old", 3);
	scratch_write(dir, "notes", "mine", 4);
	EXPECT_EQ(image_write(dir, IMAGE_PSTREE, 0, &e.base, NULL), 0);
	fd = image_create_raw(dir, IMAGE_PAGES, 1, NULL);
	EXPECT_GE(fd, 0);
	EXPECT_EQ(image_dir_sync(dir, NULL), 0);
	image_dir_discard(dir);
	EXPECT(!scratch_exists(dir, "pstree.img"));
	EXPECT(!scratch_exists(dir, "pages-1.img"));
	EXPECT(scratch_exists(dir, "core-1.img"));
	EXPECT(scratch_exists(dir, "notes"));
	close(fd);
}

TEST(clear_removes_images_and_nothing_else)
{
	struct image_dir *dir = scratch_dir();

	scratch_write(dir, "inventory.img", "x", 1);
	scratch_write(dir, "pages-7.img", "x", 1);
	scratch_write(dir, "dump.log", "x", 1);
	EXPECT(image_dir_is_complete(dir));
	EXPECT_EQ(image_dir_clear(dir, NULL), 0);
	EXPECT(!image_dir_is_complete(dir));
	EXPECT(!scratch_exists(dir, "pages-7.img"));
	EXPECT(scratch_exists(dir, "dump.log"));
}

/* Reading a file with that content must fail, and say @text. */
static void expect_error(enum image_type type, const char *name, const void *data, size_t n,
			 const char *text)
{
	struct image_dir *dir = scratch_dir();
	struct error err = {0};
	ProtobufCMessage *msg;

	scratch_write(dir, name, data, n);
	EXPECT_LT(image_read(dir, type, 12, &msg, &err), 0);
	EXPECT_STREQ(err.text, text);
	error_deinit(&err);
}

#define CORE_MAGICS "\x19\x43\x56\x54\x47\x38\x05\x55"

static void expect_core_error(const char *data, size_t n, const char *text)
{
	expect_error(IMAGE_CORE, "core-12.img", data, n, text);
}

TEST(a_size_beyond_the_file_is_refused)
{
	char data[100] = CORE_MAGICS "\xff\xff\xff\xff";

	expect_core_error(data, sizeof(data),
			  "core-12.img: entry at byte 8 claims 4294967295 bytes, "
			  "the file has 88 left");
}

TEST(another_image_is_recognised)
{
	expect_core_error("\x19\x43\x56\x54\x30\x30\x27\x50", 8,
			  "core-12.img is not a CORE image: magic 0x50273030 (PSTREE), "
			  "expected 0x55053847");
	expect_core_error("\x7f\x45LF....", 8,
			  "core-12.img is not a CORE image: magic 0x464c457f (unknown), "
			  "expected 0x55053847");
	expect_core_error("\x40\x59\x10\x55\x47\x38\x05\x55", 8,
			  "core-12.img is not a CORE image: it begins with 0x55105940, "
			  "expected 0x54564319");
	expect_core_error("abc", 3, "core-12.img is no image: it has only 3 bytes");
	expect_core_error(CORE_MAGICS, 8, "core-12.img has no entry");
}

TEST(a_missing_field_is_named)
{
	expect_core_error(CORE_MAGICS "\0\0\0\0", 12,
			  "core-12.img: entry at byte 8: required field mtype is missing");
	expect_core_error(CORE_MAGICS "\4\0\0\0\x08\1\x1a\0", 16,
			  "core-12.img: entry at byte 8: field tc: required field task_state is "
			  "missing");
	expect_core_error(CORE_MAGICS "\2\0\0\0\x0a\0", 14,
			  "core-12.img: entry at byte 8: field mtype has a value of another type");
	expect_core_error(CORE_MAGICS "\2\0\0\0\x08\x80", 14,
			  "core-12.img: entry at byte 8: its bytes are no core_entry");
}

TEST(an_unknown_format_version_is_refused)
{
	expect_error(IMAGE_INVENTORY, "inventory.img", "\x16\x31\x31\x58\2\0\0\0\x08\3", 10,
		     "inventory.img: entry at byte 4: format version 3, we read 1 and 2");
}

TEST(version_1_has_one_magic)
{
	static const char pstree[] = "\x30\x30\x27\x50\12\0\0\0\x08\1\x10\0\x18\3\x20\4\x28\5";
	struct image_dir *dir = scratch_dir();
	ProtobufCMessage *msg;

	scratch_write(dir, "pstree.img", pstree, sizeof(pstree) - 1);
	EXPECT_EQ(image_read(dir, IMAGE_PSTREE, 0, &msg, NULL), 0);
	EXPECT_EQ(((PstreeEntry *)msg)->sid, 4);
	protobuf_c_message_free_unpacked(msg, NULL);
}

/* Puts @n as a varint before @p, and @tag before that. */
static unsigned char *prepend(unsigned char *p, unsigned char tag, size_t n)
{
	unsigned char digits[10];
	size_t count = 0;

	do {
		digits[count++] = (unsigned char)((n & 127) | (n > 127 ? 128 : 0));
		n >>= 7;
	} while (n);
	p -= count;
	memcpy(p, digits, count);
	*--p = tag;
	return p;
}

/* Namespaces within namespaces: protobuf-c alone overflows its stack on some thousands. */
TEST(endless_nesting_is_refused)
{
	enum { LEVELS = 100000, ROOM = LEVELS * 8 };
	struct image_dir *dir = scratch_dir();
	unsigned char *data = malloc(ROOM), *end = data + ROOM, *p = end;
	struct error err = {0};
	ProtobufCMessage *msg;
	__u32 size;

	for (int i = 0; i < LEVELS; i++) {
		if (i)
			p = prepend(p, 0x1a, (size_t)(end - p)); /* namespaces */
		p = prepend(p, 0x0a, 0);                         /* name, empty */
	}
	p = prepend(p, 0x0a, (size_t)(end - p));
	size = (__u32)(end - p);
	p -= 12;
	memcpy(p, "\x19\x43\x56\x54\x47\x30\x42\x59", 8);
	memcpy(p + 8, &size, 4);
	scratch_write(dir, "apparmor.img", p, (size_t)(end - p));
	EXPECT_LT(image_read(dir, IMAGE_APPARMOR, 0, &msg, &err), 0);
	EXPECT(strstr(err.text, "nested more than"));
	error_deinit(&err);
	free(data);
}

TEST(a_fifo_is_not_waited_for)
{
	struct image_dir *dir = scratch_dir();
	struct image *image;

	EXPECT_EQ(mkfifoat(image_dir_fd(dir), "pstree.img", 0600), 0);
	EXPECT_LT(image_open(dir, IMAGE_PSTREE, 0, &image, NULL), 0);
}

/* Every shorter file is an error, or ends where an entry ends. */
TEST(a_file_cut_anywhere_is_noticed)
{
	struct image_dir *dir = scratch_dir();
	PstreeEntry e = PSTREE_ENTRY__INIT;
	unsigned char data[256];
	size_t ends[8], n_ends = 0, n;
	struct image *image;

	e.pid = 300;
	EXPECT_EQ(image_create(dir, IMAGE_PSTREE, 0, &image, NULL), 0);
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(image_add(image, &e.base, NULL), 0);
	EXPECT_EQ(image_finish(image, NULL), 0);
	n = scratch_read(dir, "pstree.img", data, sizeof(data));
	for (size_t at = 8; at <= n; at += (n - 8) / 4)
		ends[n_ends++] = at;
	EXPECT_EQ(n_ends, 5);

	for (size_t cut = 0; cut < n; cut++) {
		struct error err = {0};
		size_t got = 0;
		bool whole = false;
		int ret;

		scratch_write(dir, "pstree.img", data, cut);
		ret = scratch_count(dir, IMAGE_PSTREE, 0, &got, &err);
		for (size_t i = 0; i < n_ends; i++)
			whole |= cut == ends[i] && got == i;
		if (whole ? ret : !ret)
			FAIL("cut at %zu of %zu: %d after %zu entries", cut, n, ret, got);
		EXPECT(whole || (err.text && strstr(err.text, "pstree.img")));
		error_deinit(&err);
	}
}

TEST(a_full_disk_is_reported_with_the_name)
{
	char path[] = "/tmp/crbpf-image-XXXXXX";
	struct error err = {0}, late = {0};
	PipeDataEntry e = PIPE_DATA_ENTRY__INIT;
	static char content[65536];
	struct image_dir *dir;
	struct image *image;
	int ret = 0;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		SKIP("needs root to mount a small tmpfs");
	EXPECT(mkdtemp(path));
	EXPECT_EQ(mount("none", path, "tmpfs", 0, "size=256k"), 0);
	EXPECT_EQ(image_dir_open(&dir, path, NULL), 0);
	EXPECT_EQ(image_create(dir, IMAGE_PIPES_DATA, 0, &image, NULL), 0);
	e.bytes = sizeof(content);
	for (int i = 0; i < 100 && !ret; i++) {
		ret = image_add(image, &e.base, &err);
		if (!ret)
			ret = image_add_bytes(image, content, sizeof(content), &err);
	}
	EXPECT_EQ(ret, -ENOSPC);
	EXPECT_STREQ(err.text, "cannot write pipes-data.img: No space left on device");
	EXPECT_EQ(image_finish(image, &late), -ENOSPC);
	image_dir_discard(dir);
	/* What fits in the buffer must fail no later than at the end. */
	ret = image_create_raw(dir, IMAGE_PAGES, 1, NULL);
	while (write(ret, content, sizeof(content)) > 0)
		;
	close(ret);
	EXPECT_LT(image_write(dir, IMAGE_PIPES_DATA, 0, &e.base, NULL), 0);
	image_dir_close(dir);
	error_deinit(&err);
	error_deinit(&late);
	umount(path);
	rmdir(path);
}
