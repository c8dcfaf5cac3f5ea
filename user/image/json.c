// SPDX-License-Identifier: GPL-2.0-only
#include "image/json.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "image/hints.h"
#include "lib/buf.h"
#include "lib/cleanup.h"
#include "lib/json.h"

static void print_flags(struct json *json, const char *key, __u64 value,
			const struct hint_name *names)
{
	struct buf text = {0};
	char rest[24];
	__u64 known = 0;

	for (; names->name; names++) {
		if (!(value & names->value))
			continue;
		if (text.size)
			buf_add(&text, " | ", 3);
		buf_add(&text, names->name, strlen(names->name));
		known |= names->value;
	}
	if (value & ~known) {
		snprintf(rest, sizeof(rest), "%s0x%llx", text.size ? " | " : "", value & ~known);
		buf_add(&text, rest, strlen(rest));
	}
	json_printf(json, key, "%.*s", (int)text.size, text.data ? (char *)text.data : "");
	buf_deinit(&text);
}

static void print_name(struct json *json, const char *key, __u64 value,
		       const struct hint_name *names)
{
	for (; names->name; names++) {
		if (names->value == value) {
			json_string(json, key, names->name);
			return;
		}
	}
	json_unsigned(json, key, value);
}

static void print_unsigned(struct json *json, const char *key, __u64 value, const struct hint *hint,
			   bool hex)
{
	if (hex || (hint && hint->form == HINT_HEX))
		json_printf(json, key, "0x%llx", value);
	else if (hint && hint->form == HINT_FLAGS)
		print_flags(json, key, value, hint->names);
	else if (hint && hint->form == HINT_VALUES)
		print_name(json, key, value, hint->names);
	else if (hint && hint->form == HINT_DEV)
		json_printf(json, key, "%llu:%llu", value >> 20, value & 0xfffff);
	else if (hint && hint->form == HINT_OLD_DEV)
		json_printf(json, key, "%u:%u", major(value), minor(value));
	else
		json_unsigned(json, key, value);
}

static void print_signed(struct json *json, const char *key, long long value, bool hex)
{
	unsigned long long size =
		value < 0 ? -(unsigned long long)value : (unsigned long long)value;

	if (hex)
		json_printf(json, key, "%s0x%llx", value < 0 ? "-" : "", size);
	else
		json_number(json, key, value);
}

/* Bytes above and below the printable ones as =XX, lines broken after 75 characters. */
static void print_quoted(struct json *json, const char *key, const ProtobufCBinaryData *bytes)
{
	_cleanup_free_ char *text = malloc(bytes->len * 4 + 8);
	size_t n = 0, line = 0;

	for (size_t i = 0; text && i < bytes->len; i++) {
		uint8_t c = bytes->data[i];
		bool last = i + 1 == bytes->len;
		bool lone_dot = c == '.' && !line && (last || !bytes->data[i + 1]);
		bool plain = c == '\n' || c == '\r' ||
			     (c >= ' ' && c < 127 && c != '=' && !lone_dot) || c == '\t';
		size_t width;

		if (last && (c == ' ' || c == '\t'))
			plain = false;
		width = plain ? 1 : 3;
		if (line + width >= 76) {
			n += (size_t)sprintf(text + n, "=\n");
			line = 0;
		}
		n += (size_t)sprintf(text + n, plain ? "%c" : "=%02X", c);
		line = c == '\n' ? 0 : line + width;
	}
	if (text)
		text[n] = '\0';
	json_string(json, key, text ?: "");
}

static void print_enum(struct json *json, const char *key, const ProtobufCEnumDescriptor *desc,
		       int value)
{
	const ProtobufCEnumValue *named = protobuf_c_enum_descriptor_get_value(desc, value);

	if (named)
		json_string(json, key, named->name);
	else
		json_number(json, key, value);
}

static void print_fields(struct json *json, const ProtobufCMessage *msg, bool hex);

/* One value of a field; @at is where it lies. */
static void print_value(struct json *json, const char *key, const ProtobufCFieldDescriptor *field,
			const void *at, const struct hint *hint, bool hex)
{
	bool is_hex = hex || (hint && hint->form == HINT_HEX);

	switch (field->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		print_signed(json, key, *(const int32_t *)at, is_hex);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		print_signed(json, key, *(const int64_t *)at, is_hex);
		break;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		print_unsigned(json, key, *(const uint32_t *)at, hint, hex);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		print_unsigned(json, key, *(const uint64_t *)at, hint, hex);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		json_bool(json, key, *(const protobuf_c_boolean *)at);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		print_enum(json, key, field->descriptor, *(const int *)at);
		break;
	case PROTOBUF_C_TYPE_STRING:
		json_string(json, key, *(char *const *)at ?: "");
		break;
	case PROTOBUF_C_TYPE_BYTES:
		if (hint && hint->form == HINT_QUOTED)
			print_quoted(json, key, at);
		else
			json_base64(json, key, ((const ProtobufCBinaryData *)at)->data,
				    ((const ProtobufCBinaryData *)at)->len);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		json_open(json, key, '{');
		print_fields(json, *(ProtobufCMessage *const *)at, is_hex);
		json_close(json, '}');
		break;
	default:
		json_null(json, key); /* floating point: the format has none */
	}
}

static size_t size_of_type(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return 4;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_ENUM:
		return sizeof(int);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		return 8;
	}
}

/* One word is an IPv4 address, four are an IPv6 one. */
static bool print_address(struct json *json, const void *words, size_t n)
{
	char text[INET6_ADDRSTRLEN];

	if ((n != 1 && n != 4) ||
	    !inet_ntop(n == 1 ? AF_INET : AF_INET6, words, text, sizeof(text)))
		return false;
	json_string(json, NULL, text);
	return true;
}

static void print_list(struct json *json, const ProtobufCMessage *msg,
		       const ProtobufCFieldDescriptor *field, const struct hint *hint, bool hex)
{
	size_t n = *(const size_t *)((const char *)msg + field->quantifier_offset);
	const char *at = *(char *const *)((const char *)msg + field->offset);
	size_t size = size_of_type(field->type);

	if (!n)
		return;
	json_open(json, field->name, '[');
	if (!hint || hint->form != HINT_ADDRESS || !print_address(json, at, n))
		for (size_t i = 0; i < n; i++)
			print_value(json, NULL, field, at + i * size, hint, hex);
	json_close(json, ']');
}

static bool is_present(const ProtobufCMessage *msg, const ProtobufCFieldDescriptor *field)
{
	const char *at = (const char *)msg + field->offset;

	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void *const *)at;
	if (field->label == PROTOBUF_C_LABEL_REQUIRED)
		return true;
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return *(void *const *)at && *(void *const *)at != field->default_value;
	return *(const protobuf_c_boolean *)((const char *)msg + field->quantifier_offset);
}

static void print_fields(struct json *json, const ProtobufCMessage *msg, bool hex)
{
	const ProtobufCMessageDescriptor *desc = msg->descriptor;

	for (unsigned int i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &desc->fields[i];
		const struct hint *hint = hint_of_field(desc, field);

		if (field->label == PROTOBUF_C_LABEL_REPEATED)
			print_list(json, msg, field, hint, hex);
		else if (is_present(msg, field))
			print_value(json, field->name, field, (const char *)msg + field->offset,
				    hint, hex);
	}
}

void json_message_fields(struct json *json, const ProtobufCMessage *msg)
{
	print_fields(json, msg, false);
}

void json_message(struct json *json, const char *key, const ProtobufCMessage *msg)
{
	json_open(json, key, '{');
	print_fields(json, msg, false);
	json_close(json, '}');
}
