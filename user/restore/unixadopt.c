// SPDX-License-Identifier: GPL-2.0-only
/* The plan of every Unix socket: what is to wait in it, and which files with that. */
#include <errno.h>

#include "fdinfo.pb-c.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "sk-packet.pb-c.h"
#include "sk-unix.pb-c.h"
#include "unixsk.h"

#define MAX_RIGHTS 253

static bool is_socket(const struct new_file *f)
{
	return f->entry->type == FD_TYPES__UNIXSK && f->entry->usk;
}

static int plan_socket(struct restore *r, struct new_file *f)
{
	struct unix_plan *plan = arena_alloc(&r->arena, sizeof(*plan));
	uint64_t key = UNIX_INO_KEY | f->entry->usk->ino;

	if (ids_get(&r->kind_data, key))
		return fail(r->err, 0, "two sockets have the number %u", f->entry->usk->ino);
	if (!plan || ids_set(&r->kind_data, key, f->id))
		return fail(r->err, ENOMEM, "cannot plan a socket");
	plan->feeder = -1;
	f->data = plan;
	return 0;
}

static int check_packet(struct restore *r, const SkPacketEntry *entry, const struct image *image)
{
	const struct new_file *f = restore_file(r, entry->id_for);
	size_t n = 0;

	if (!f || !is_socket(f))
		return fail(r->err, 0, "file %u, whose message it is, is no socket", entry->id_for);
	if (entry->length > image_left(image))
		return fail(r->err, 0, "the image ends before its message");
	for (size_t i = 0; i < entry->n_scm; i++)
		for (size_t k = 0; k < entry->scm[i]->n_rights; k++, n++)
			if (!restore_file(r, entry->scm[i]->rights[k]))
				return fail(r->err, 0, "file %u, in flight, is missing",
					    entry->scm[i]->rights[k]);
	if (n > MAX_RIGHTS)
		return fail(r->err, 0, "a message has %zu files", n);
	if (entry->has_sender_name && entry->sender_name.len > sizeof(((struct sockaddr_un *)0)->sun_path))
		return fail(r->err, 0, "the name of its sender has %zu bytes", entry->sender_name.len);
	return 0;
}

/* Room for twice as many whenever their number is a power of two. */
static int add_packet(struct restore *r, struct new_file *f, struct unix_packet packet)
{
	struct unix_plan *plan = f->data;
	size_t n = plan->n_packets;
	struct unix_packet *grown;

	if (!(n & (n - 1))) {
		grown = arena_alloc(&r->arena, (n ? 2 * n : 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		for (size_t i = 0; i < n; i++)
			grown[i] = plan->packets[i];
		plan->packets = grown;
	}
	plan->packets[plan->n_packets++] = packet;
	return 0;
}

static int load_packet(struct restore *r, struct image *image, SkPacketEntry *entry)
{
	char *bytes;
	int rc = check_packet(r, entry, image);

	if (rc)
		return fail_in(r->err, "sk-queues.img");
	bytes = arena_alloc(&r->arena, entry->length + 1);
	if (!bytes)
		return fail(r->err, ENOMEM, "cannot load a message");
	rc = image_next_bytes(image, bytes, entry->length, r->err);
	if (!rc && add_packet(r, restore_file(r, entry->id_for), (struct unix_packet){entry, bytes}))
		rc = fail(r->err, ENOMEM, "cannot load a message");
	return rc;
}

static int load_packets(struct restore *r)
{
	ProtobufCMessage *msg;
	struct image *image;
	int rc = image_open(r->dir, IMAGE_SK_QUEUES, 0, &image, r->err);

	if (rc || !image)
		return rc;
	while ((rc = image_next(image, NULL, &msg, r->err)) > 0) {
		if (restore_keep(r, msg))
			rc = fail(r->err, ENOMEM, "cannot load a message");
		else
			rc = load_packet(r, image, (SkPacketEntry *)msg);
		if (rc)
			break;
	}
	image_finish(image, NULL);
	return rc;
}

/* Gives the files in flight to @f its process. Returns how many had none. */
static size_t adopt_from(struct restore *r, const struct new_file *f)
{
	const struct unix_plan *plan = f->data;
	size_t n = 0;

	for (size_t i = 0; i < plan->n_packets; i++) {
		const SkPacketEntry *entry = plan->packets[i].entry;

		for (size_t k = 0; k < entry->n_scm; k++)
			for (size_t m = 0; m < entry->scm[k]->n_rights; m++) {
				struct new_file *g = restore_file(r, entry->scm[k]->rights[m]);

				if (g->process)
					continue;
				g->process = f->process;
				g->number = f->number;
				n++;
			}
	}
	return n;
}

int unix_adopt(struct restore *r)
{
	size_t found;
	int rc = 0;

	for (size_t i = 0; i < r->n_files && !rc; i++)
		if (is_socket(r->files[i]))
			rc = plan_socket(r, r->files[i]);
	rc = rc ?: load_packets(r);
	/* A socket in flight may hold further ones. */
	do {
		found = 0;
		for (size_t i = 0; i < r->n_files && !rc; i++)
			if (is_socket(r->files[i]) && r->files[i]->process)
				found += adopt_from(r, r->files[i]);
	} while (found);
	return rc;
}
