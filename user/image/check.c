// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image/file.h"
#include "lib/cleanup.h"
#include "lib/err.h"

/* The deepest nesting is that of cgroup directories, which the kernel lets be some dozens. */
#define MAX_DEPTH 100

enum wire { WIRE_VARINT, WIRE_64BIT, WIRE_BYTES, WIRE_32BIT = 5 };

/* The part of the entry that is still to be read. */
struct wire_cursor {
	const uint8_t *p;
	size_t n;
};

static bool take_varint(struct wire_cursor *c, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && c->n; shift += 7) {
		uint8_t byte = *c->p;

		c->p++;
		c->n--;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* Passes over one value. *@ret_at and *@ret_n are its bytes if it is WIRE_BYTES. */
static bool take_value(struct wire_cursor *c, enum wire wire, struct wire_cursor *ret_bytes)
{
	uint64_t n;

	switch (wire) {
	case WIRE_VARINT:
		return take_varint(c, &n);
	case WIRE_64BIT:
		n = 8;
		break;
	case WIRE_32BIT:
		n = 4;
		break;
	case WIRE_BYTES:
		if (!take_varint(c, &n))
			return false;
		break;
	default:
		return false;
	}
	if (n > c->n)
		return false;
	*ret_bytes = (struct wire_cursor){c->p, (size_t)n};
	c->p += n;
	c->n -= (size_t)n;
	return true;
}

static enum wire wire_of_type(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return WIRE_32BIT;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WIRE_64BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_BYTES;
	default:
		return WIRE_VARINT;
	}
}

/* A packed list: nothing but whole values of the wire type. */
static bool is_packed_list(struct wire_cursor list, enum wire wire)
{
	struct wire_cursor ignored;

	while (list.n)
		if (!take_value(&list, wire, &ignored))
			return false;
	return true;
}

static int check_message(const ProtobufCMessageDescriptor *desc, struct wire_cursor c,
			 unsigned int depth, struct error *err);

static int check_field(const ProtobufCFieldDescriptor *field, enum wire wire,
		       struct wire_cursor bytes, bool again, unsigned int depth, struct error *err)
{
	enum wire expected = wire_of_type(field->type);

	if (wire == WIRE_BYTES && expected != WIRE_BYTES &&
	    field->label == PROTOBUF_C_LABEL_REPEATED && is_packed_list(bytes, expected))
		return 0;
	if (wire != expected)
		return fail(err, 0, "field %s has a value of another type", field->name);
	if (field->type != PROTOBUF_C_TYPE_MESSAGE)
		return 0;
	/* Allowed by protobuf (they would be merged), written by nobody. */
	if (again && field->label != PROTOBUF_C_LABEL_REPEATED)
		return fail(err, 0, "field %s is there twice", field->name);
	if (check_message(field->descriptor, bytes, depth + 1, err))
		return fail_in(err, "field %s", field->name);
	return 0;
}

static int check_required(const ProtobufCMessageDescriptor *desc, const bool *seen,
			  struct error *err)
{
	for (unsigned int i = 0; i < desc->n_fields; i++)
		if (desc->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && !seen[i])
			return fail(err, 0, "required field %s is missing", desc->fields[i].name);
	return 0;
}

static int check_message(const ProtobufCMessageDescriptor *desc, struct wire_cursor c,
			 unsigned int depth, struct error *err)
{
	_cleanup_free_ bool *seen = calloc(desc->n_fields ?: 1, sizeof(*seen));
	const ProtobufCFieldDescriptor *field;
	struct wire_cursor bytes = {0};
	uint64_t tag;
	size_t i;
	int ret;

	if (!seen)
		return fail(err, ENOMEM, "cannot check a %s", desc->name);
	if (depth > MAX_DEPTH)
		return fail(err, 0, "messages are nested more than %u deep", MAX_DEPTH);
	while (c.n) {
		if (!take_varint(&c, &tag) || tag > UINT32_MAX || !(tag >> 3) ||
		    !take_value(&c, tag & 7, &bytes))
			return fail(err, 0, "its bytes are no %s", desc->name);
		field = protobuf_c_message_descriptor_get_field(desc, (unsigned int)(tag >> 3));
		if (!field)
			continue;
		i = (size_t)(field - desc->fields);
		ret = check_field(field, tag & 7, bytes, seen[i], depth, err);
		if (ret)
			return ret;
		seen[i] = true;
	}
	return check_required(desc, seen, err);
}

int image_check_message(const ProtobufCMessageDescriptor *desc, const void *data, size_t n,
			struct error *err)
{
	return check_message(desc, (struct wire_cursor){data, n}, 0, err);
}
