// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every type of image with every field of its messages: written, read back, printed;
 * then with bytes changed at random, which must end in a message that names the file
 * and never in a crash (run under `make sanitize`).
 */
#include <stdint.h>

#include "harness.h"
#include "image/image.h"
#include "image/json.h"
#include "lib/err.h"
#include "lib/json.h"
#include "scratch.h"

#define MUTATIONS 400

/* xorshift64: the same numbers in every run, so that a failure can be repeated. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Fields that count bytes or entries which follow: small, since those are written too. */
static bool is_count(const char *name)
{
	static const char *const names[] = {"bytes",      "length",       "inq_len", "outq_len",
					    "keys_bytes", "values_bytes", "nsems",   "qnum",
					    "size",       "len",          "msize"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static ProtobufCMessage *make_message(const ProtobufCMessageDescriptor *desc, uint64_t *state,
				      int depth);

static uint64_t make_number(const ProtobufCFieldDescriptor *field, uint64_t *state)
{
	uint64_t value = next_random(state) >> (next_random(state) % 64);

	if (field->type == PROTOBUF_C_TYPE_ENUM) {
		const ProtobufCEnumDescriptor *desc = field->descriptor;

		return (uint64_t)desc->values[value % desc->n_values].value;
	}
	if (field->type == PROTOBUF_C_TYPE_BOOL)
		return value & 1;
	if (!strcmp(field->name, "img_version"))
		return 1 + (value & 1);
	return is_count(field->name) ? value % 50 : value;
}

static char *make_string(uint64_t *state)
{
	size_t n = next_random(state) % 12;
	char *s = calloc(1, n + 1);

	for (size_t i = 0; i < n; i++)
		s[i] = (char)(1 + next_random(state) % 255);
	return s;
}

/* Stores one value at @at. Returns the bytes that it takes there. */
static size_t make_value(void *at, const ProtobufCFieldDescriptor *field, uint64_t *state,
			 int depth)
{
	ProtobufCBinaryData *bytes = at;

	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = make_string(state);
		return sizeof(char *);
	case PROTOBUF_C_TYPE_BYTES:
		bytes->len = 5 + next_random(state) % 100;
		bytes->data = malloc(bytes->len);
		for (size_t i = 0; i < bytes->len; i++)
			bytes->data[i] = (uint8_t)next_random(state);
		return sizeof(*bytes);
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = make_message(field->descriptor, state, depth + 1);
		return sizeof(void *);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		*(uint64_t *)at = make_number(field, state);
		return 8;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = (protobuf_c_boolean)make_number(field, state);
		return sizeof(protobuf_c_boolean);
	default:
		*(uint32_t *)at = (uint32_t)make_number(field, state);
		return 4;
	}
}

static void make_list(char *msg, const ProtobufCFieldDescriptor *field, uint64_t *state, int depth)
{
	size_t n = next_random(state) % 5;
	char *values, *at;

	if (!n)
		return;
	at = values = malloc(n * sizeof(ProtobufCBinaryData));
	for (size_t i = 0; i < n; i++)
		at += make_value(at, field, state, depth);
	*(char **)(msg + field->offset) = values;
	*(size_t *)(msg + field->quantifier_offset) = n;
}

/* A message with each field filled, or now and then left out where that is allowed. */
static ProtobufCMessage *make_message(const ProtobufCMessageDescriptor *desc, uint64_t *state,
				      int depth)
{
	char *msg = calloc(1, desc->sizeof_message);

	desc->message_init((ProtobufCMessage *)msg);
	for (unsigned int i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &desc->fields[i];
		bool is_deep = depth > 4 && field->type == PROTOBUF_C_TYPE_MESSAGE;

		if (field->label == PROTOBUF_C_LABEL_REPEATED) {
			if (!is_deep)
				make_list(msg, field, state, depth);
			continue;
		}
		if (field->label != PROTOBUF_C_LABEL_REQUIRED &&
		    (is_deep || next_random(state) % 4 == 0))
			continue;
		make_value(msg + field->offset, field, state, depth);
		if (field->label == PROTOBUF_C_LABEL_OPTIONAL &&
		    field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
			*(protobuf_c_boolean *)(msg + field->quantifier_offset) = 1;
	}
	return (ProtobufCMessage *)msg;
}

static void add_extra(struct image *image, long long n, uint64_t *state)
{
	for (n = n < 0 ? 100 : n; n > 0; n--) {
		char byte = (char)next_random(state);

		EXPECT_EQ(image_add_bytes(image, &byte, 1, NULL), 0);
	}
}

/* Adds an entry and all that it says follows. Returns the entry. */
static ProtobufCMessage *add_entry(struct image *image, const struct image_info *info,
				   const ProtobufCMessageDescriptor *desc, uint64_t *state)
{
	ProtobufCMessage *msg = make_message(desc, state, 0), *nested;
	long long n = info->nested && desc == info->entry ? info->n_nested(msg) : 0;

	EXPECT_EQ(image_add(image, msg, NULL), 0);
	if (info->extra && desc == info->entry)
		add_extra(image, info->extra(msg), state);
	for (n = n < 0 ? 3 : n; n > 0; n--) {
		nested = make_message(info->nested, state, 0);
		EXPECT_EQ(image_add(image, nested, NULL), 0);
		add_extra(image, info->nested_extra(nested), state);
		protobuf_c_message_free_unpacked(nested, NULL);
	}
	return msg;
}

/* Only what ends within itself can be followed by more entries. */
static unsigned int n_entries(enum image_type type)
{
	return type == IMAGE_INVENTORY || type == IMAGE_GHOST_FILE ? 1 : 4;
}

static void make_image(struct image_dir *dir, enum image_type type, uint64_t *state,
		       ProtobufCMessage **ret_msgs)
{
	const struct image_info *info = image_info(type);
	struct image *image;

	EXPECT_EQ(image_create(dir, type, 1, &image, NULL), 0);
	for (unsigned int i = 0; i < n_entries(type); i++)
		ret_msgs[i] = add_entry(image, info, !i && info->first ? info->first : info->entry,
					state);
	EXPECT_EQ(image_finish(image, NULL), 0);
}

/* Are both the same bytes on the wire? */
static bool is_same(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
	size_t n = protobuf_c_message_get_packed_size(a);
	uint8_t *x = malloc(n + 1), *y = malloc(n + 1);
	bool same = protobuf_c_message_get_packed_size(b) == n;

	if (same) {
		protobuf_c_message_pack(a, x);
		protobuf_c_message_pack(b, y);
		same = !memcmp(x, y, n);
	}
	free(x);
	free(y);
	return same;
}

static void expect_same(struct image_dir *dir, enum image_type type, ProtobufCMessage **msgs)
{
	struct error err = {0};
	ProtobufCMessage *msg;
	struct image *image;

	EXPECT_EQ(image_open(dir, type, 1, &image, &err), 0);
	for (unsigned int i = 0; i < n_entries(type); i++) {
		if (image_next(image, NULL, &msg, &err) != 1)
			FAIL("entry %u: %s", i, err.text ?: "missing");
		if (!is_same(msg, msgs[i]))
			FAIL("entry %u of %s came back changed", i, image_file_name(image));
		EXPECT_EQ(image_skip_extra(image, msg, &err), 0);
		protobuf_c_message_free_unpacked(msg, NULL);
		protobuf_c_message_free_unpacked(msgs[i], NULL);
	}
	EXPECT_EQ(image_left(image), 0);
	image_close(image);
}

/* Reads and prints all of it. Returns what json_image returned. */
static int print_all(struct image_dir *dir, enum image_type type, FILE *out, struct error *err)
{
	struct json json = {.out = out};
	struct image *image;
	int ret;

	ret = image_open(dir, type, 1, &image, err);
	if (ret)
		return ret;
	ret = json_image(&json, NULL, image, err);
	image_close(image);
	return ret;
}

TEST(every_message_comes_back_and_can_be_printed)
{
	struct image_dir *dir = scratch_dir();
	FILE *out = fopen("/dev/null", "w");
	uint64_t state = 88172645463325252;
	ProtobufCMessage *msgs[4];

	for (int round = 0; round < 20; round++) {
		for (enum image_type type = 0; type < IMAGE_TYPES; type++) {
			struct error err = {0};

			if (!image_info(type)->entry)
				continue;
			make_image(dir, type, &state, msgs);
			expect_same(dir, type, msgs);
			if (print_all(dir, type, out, &err))
				FAIL("%s", err.text);
		}
	}
	fclose(out);
}

/* Changes some bytes; now and then cuts, or puts in a large number where a size may be. */
static size_t mutate(unsigned char *data, size_t n, uint64_t *state)
{
	unsigned int changes = 1 + (unsigned int)(next_random(state) % 4);

	while (changes-- && n > 8) {
		size_t at = 4 + next_random(state) % (n - 4);

		switch (next_random(state) % 5) {
		case 0:
			n = at;
			break;
		case 1:
			data[at] ^= (unsigned char)(1 << next_random(state) % 8);
			break;
		case 2:
			data[at] = (unsigned char)next_random(state);
			break;
		case 3:
			memset(data + at, 0xff, n - at < 4 ? n - at : 4);
			break;
		default:
			memmove(data + at, data + 4 + next_random(state) % (at - 3), n - at);
		}
	}
	return n;
}

static void try_mutations(struct image_dir *dir, enum image_type type, FILE *out, uint64_t *state)
{
	static unsigned char good[1 << 20], bad[1 << 20];
	char name[IMAGE_NAME_MAX];
	size_t n, n_bad;

	image_name(name, type, 1);
	n = scratch_read(dir, name, good, sizeof(good));
	EXPECT_LT(n, sizeof(good));
	for (int i = 0; i < MUTATIONS; i++) {
		struct error err = {0};
		int ret;

		memcpy(bad, good, n);
		n_bad = mutate(bad, n, state);
		scratch_write(dir, name, bad, n_bad);
		ret = print_all(dir, type, out, &err);
		if (ret > 0 || (ret < 0 && (!err.text || !strstr(err.text, name))))
			FAIL("%s: %d, %s", name, ret, err.text ?: "no message");
		error_deinit(&err);
	}
	scratch_write(dir, name, good, n);
}

TEST_TIMEOUT(changed_bytes_end_in_a_message, 120)
{
	struct image_dir *dir = scratch_dir();
	FILE *out = fopen("/dev/null", "w");
	uint64_t state = 1181783497276652981;
	ProtobufCMessage *msgs[4];

	for (enum image_type type = 0; type < IMAGE_TYPES; type++) {
		if (!image_info(type)->entry)
			continue;
		make_image(dir, type, &state, msgs);
		for (unsigned int i = 0; i < n_entries(type); i++)
			protobuf_c_message_free_unpacked(msgs[i], NULL);
		try_mutations(dir, type, out, &state);
	}
	fclose(out);
}
