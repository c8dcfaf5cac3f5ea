// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ghost-file.pb-c.h"
#include "image/file.h"
#include "image/json.h"
#include "ipc-msg.pb-c.h"
#include "ipc-sem.pb-c.h"
#include "ipc-shm.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/json.h"
#include "tcp-stream.pb-c.h"

/* Content is read and printed in pieces of this size. */
#define PIECE (JSON_BASE64_LINE * 1024ull)

/* The next @n bytes in base64; @padded bytes are passed over in all. */
static int print_bytes(struct json *json, const char *key, struct image *image,
		       unsigned long long n, unsigned long long padded, struct error *err)
{
	_cleanup_free_ char *piece = malloc(PIECE);
	unsigned long long left, take;
	int ret = piece ? 0 : fail(err, ENOMEM, "cannot print %s", image_file_name(image));

	if (padded > image_left(image))
		return image_skip(image, padded, err);
	json_base64_open(json, key);
	for (left = n; left && !ret; left -= take) {
		take = left < PIECE ? left : PIECE;
		ret = image_next_bytes(image, piece, (size_t)take, err);
		if (!ret)
			json_base64_add(json, piece, (size_t)take);
	}
	json_base64_close(json);
	return ret ?: image_skip(image, padded - n, err);
}

static int print_tcp_queues(struct json *json, struct image *image, const TcpStreamEntry *e,
			    struct error *err)
{
	int ret;

	json_open(json, "extra", '{');
	ret = print_bytes(json, "inq", image, e->inq_len, e->inq_len, err);
	if (!ret)
		ret = print_bytes(json, "outq", image, e->outq_len, e->outq_len, err);
	json_close(json, '}');
	return ret;
}

static int print_semaphores(struct json *json, struct image *image, const IpcSemEntry *e,
			    unsigned long long padded, struct error *err)
{
	uint16_t value;
	int ret = 0;

	json_open(json, "extra", '[');
	for (uint32_t i = 0; i < e->nsems && !ret; i++) {
		ret = image_next_bytes(image, &value, sizeof(value), err);
		if (!ret)
			json_unsigned(json, NULL, value);
	}
	json_close(json, ']');
	return ret ?: image_skip(image, padded - e->nsems * 2ull, err);
}

static int print_queue_message(struct json *json, struct image *image, struct error *err)
{
	ProtobufCMessage *msg;
	int ret;

	ret = image_next(image, image->info->nested, &msg, err);
	if (ret <= 0)
		return ret ?: fail(err, 0, "%s ends within a message queue", image->name);
	json_message(json, NULL, msg);
	ret = print_bytes(json, NULL, image, ((IpcMsg *)msg)->msize,
			  (unsigned long long)image->info->nested_extra(msg), err);
	protobuf_c_message_free_unpacked(msg, NULL);
	return ret;
}

static int print_queue(struct json *json, struct image *image, const IpcMsgEntry *e,
		       struct error *err)
{
	int ret = 0;

	json_open(json, "extra", '[');
	for (uint32_t i = 0; i < e->qnum && !ret; i++)
		ret = print_queue_message(json, image, err);
	json_close(json, ']');
	return ret;
}

static int print_extra(struct json *json, struct image *image, const ProtobufCMessage *msg,
		       struct error *err)
{
	const struct image_info *info = image->info;
	long long size = info->extra ? info->extra(msg) : 0;
	unsigned long long n = size < 0 ? image_left(image) : (unsigned long long)size;

	switch (image->type) {
	case IMAGE_TCP_STREAM:
		return print_tcp_queues(json, image, (const void *)msg, err);
	case IMAGE_IPCNS_SEM:
		return print_semaphores(json, image, (const void *)msg, n, err);
	case IMAGE_IPCNS_MSG:
		return print_queue(json, image, (const void *)msg, err);
	case IMAGE_IPCNS_SHM:
		return print_bytes(json, "extra", image, n ? ((IpcShmEntry *)msg)->size : 0, n,
				   err);
	default:
		/* A ghost in chunks has its content in the entries that follow. */
		if (!info->extra || (!size && info->nested))
			return 0;
		return print_bytes(json, "extra", image, n, n, err);
	}
}

/* The chunks of a ghost file are printed as if they were entries. */
static int print_chunks(struct json *json, struct image *image, const ProtobufCMessage *msg,
			struct error *err)
{
	const struct image_info *info = image->info;
	unsigned long long n;
	ProtobufCMessage *chunk;
	int ret = 1;

	if (image->type != IMAGE_GHOST_FILE || !info->n_nested(msg))
		return 0;
	while (ret > 0) {
		ret = image_next(image, info->nested, &chunk, err);
		if (ret <= 0)
			break;
		json_open(json, NULL, '{');
		json_message_fields(json, chunk);
		n = (unsigned long long)info->nested_extra(chunk);
		ret = print_bytes(json, "extra", image, n, n, err) ?: 1;
		json_close(json, '}');
		protobuf_c_message_free_unpacked(chunk, NULL);
	}
	return ret;
}

static int print_entries(struct json *json, struct image *image, struct error *err)
{
	ProtobufCMessage *msg;
	int ret;

	for (;;) {
		ret = image_next(image, NULL, &msg, err);
		if (ret <= 0)
			return ret;
		json_open(json, NULL, '{');
		json_message_fields(json, msg);
		ret = print_extra(json, image, msg, err);
		json_close(json, '}');
		if (!ret)
			ret = print_chunks(json, image, msg, err);
		protobuf_c_message_free_unpacked(msg, NULL);
		if (ret)
			return ret;
	}
}

int json_image(struct json *json, const char *key, struct image *image, struct error *err)
{
	int ret = 0;

	json_open(json, key, '{');
	if (!image->info->magic) {
		json_unsigned(json, "raw_bytes", image_left(image));
	} else {
		json_string(json, "magic", image->info->name);
		json_open(json, "entries", '[');
		ret = print_entries(json, image, err);
		json_close(json, ']');
		if (ret < 0 && err && err->text)
			json_string(json, "error", err->text);
	}
	json_close(json, '}');
	return ret;
}
