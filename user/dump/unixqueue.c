// SPDX-License-Identifier: GPL-2.0-only
#include "unixqueue.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "bpf/unix.h"
#include "dump/dump.h"
#include "dump/flight.h"
#include "fdutil.h"
#include "judge.h"
#include "lib/err.h"
#include "sk-packet.pb-c.h"
#include "sk-unix.pb-c.h"
#include "snapshot.h"

#define NAME_AT offsetof(struct sockaddr_un, sun_path)
enum { STATE_LISTEN = 10 };
#define SCM_RIGHTS_TYPE 1

const struct unix_detail *unix_detail_of(const struct file *f)
{
	return f->rec->detail_type == DETAIL_UNIX ? f->detail : NULL;
}

/* Pairs mostly stand side by side. */
struct file *unix_find(const struct snapshot *snap, const struct file *f, uint64_t sk)
{
	struct file *other;
	size_t step = 0;

	while (sk && (other = file_near(snap, f, &step)))
		if (unix_detail_of(other) && unix_detail_of(other)->sk == sk)
			return other;
	return NULL;
}

static bool waits_for_client(const struct file *f, uint64_t client)
{
	const struct unix_detail *detail = unix_detail_of(f);

	if (!detail || detail->state != STATE_LISTEN)
		return false;
	for (size_t i = 0; i < f->n_queue; i++)
		if (f->queue[i]->flags & QUEUE_EMBRYO && f->queue[i]->peer == client)
			return true;
	return false;
}

struct file *unix_listener_of(const struct snapshot *snap, const struct file *f)
{
	const struct unix_detail *detail = unix_detail_of(f);
	struct file *other;
	size_t step = 0;

	/* Its other side has no inode before it is accepted. */
	if (!detail->peer || detail->peer_ino)
		return NULL;
	while ((other = file_near(snap, f, &step)))
		if (waits_for_client(other, detail->sk))
			return other;
	return NULL;
}

/* --- judge --- */

static void judge_embryo(struct judge *j, const struct file *f, size_t i)
{
	const struct queue_record *rec = f->queue[i];
	size_t n = 0;

	if (!(rec->flags & QUEUE_CLOSED) && !unix_find(j->snap, f, rec->peer))
		judge_file(j, f, "unix", "let the program accept it",
			   "a process outside the tree has connected and waits to be accepted");
	while (i + n + 1 < f->n_queue && f->queue[i + n + 1]->flags & QUEUE_OF_EMBRYO) {
		const struct queue_record *message = f->queue[i + ++n];

		if (message->n_files || message->flags & (QUEUE_PAGED | QUEUE_OOB))
			judge_file(j, f, "unix", "let the program accept it",
				   "%u bytes and %u descriptors wait in a connection that is not "
				   "accepted yet: they cannot be read",
				   message->bytes, message->n_files);
	}
	if (n < rec->bytes)
		judge_file(j, f, "unix", "let the program accept it",
			   "%u messages wait in a connection that is not accepted yet: they cannot "
			   "be read",
			   rec->bytes);
}

static void judge_messages(struct judge *j, const struct file *f)
{
	const struct unix_detail *detail = unix_detail_of(f);
	const struct file *peer = unix_find(j->snap, f, detail->peer);
	bool mutual = peer && unix_detail_of(peer)->peer == detail->sk;
	size_t unseen = 0;

	for (size_t i = 0; i < f->n_queue; i++)
		for (size_t k = 0; k < f->queue[i]->n_files; k++)
			unseen += !snapshot_file(j->snap, f->queue[i]->files[k]);
	if (unseen) {
		/* Of a scan, which saw it change; a dump has made them part of the snapshot. */
		judge_file(j, f, "unix", NULL, "%zu files in its queue could not be looked at", unseen);
		judge_soften(j);
	}
	if (detail->type == SOCK_DGRAM && detail->address_length <= NAME_AT && !mutual &&
	    (peer || !detail->peer || detail->peer_ino))
		judge_file(j, f, "unix", "let the program read them",
			   "messages wait in it whose sender has turned to another socket, and it "
			   "has no name under which they could be sent again");
}

void judge_unix_queue(struct judge *j, const struct file *f)
{
	const struct unix_detail *detail = unix_detail_of(f);

	if (detail->error && detail->type != SOCK_STREAM && f->n_queue)
		judge_file(j, f, "unix", "let the program read it",
			   "an error (%s) waits to be read, and messages behind it",
			   strerror((int)detail->error));
	else if (f->n_queue && detail->state != STATE_LISTEN)
		judge_messages(j, f);
	for (size_t i = 0; i < f->n_queue && detail->state == STATE_LISTEN; i++)
		if (f->queue[i]->flags & QUEUE_EMBRYO)
			judge_embryo(j, f, i);
}

/* --- dump --- */

static int add_rights(struct dump *d, const struct queue_record *rec, SkPacketEntry *entry)
{
	ScmEntry *scm = dump_message(d, &scm_entry__descriptor);
	ScmEntry **list = arena_alloc(&d->arena, sizeof(*list));

	if (scm)
		scm->rights = arena_alloc(&d->arena, rec->n_files * sizeof(scm->rights[0]));
	if (!scm || !list || !scm->rights)
		return fail(d->err, ENOMEM, "cannot describe its queue");
	for (size_t i = 0; i < rec->n_files; i++) {
		const struct file *f = snapshot_file(&d->snap, rec->files[i]);

		if (!f)
			return fail(d->err, EPROTO, "a file in flight is not known");
		scm->rights[scm->n_rights++] = f->id;
	}
	scm->type = SCM_RIGHTS_TYPE;
	list[0] = scm;
	entry->scm = list;
	entry->n_scm = 1;
	return 0;
}

/* Who sent it: as a socket, if it is one of ours, or by its name; and as a process. */
static void add_sender(const struct dump *d, const struct file *f, const struct queue_record *rec,
		       struct unix_message *message, SkPacketEntry *entry)
{
	const struct file *sender = unix_find(&d->snap, f, rec->peer);

	entry->has_sender = sender != NULL;
	entry->sender = sender ? sender->id : 0;
	if (!sender && message->sender_length > NAME_AT) {
		entry->has_sender_name = true;
		entry->sender_name.data = (uint8_t *)message->sender.sun_path;
		entry->sender_name.len = message->sender_length - NAME_AT;
	}
	if (rec->sender.virt) {
		entry->has_pid = entry->has_uid = entry->has_gid = true;
		entry->pid = rec->sender.virt;
		entry->uid = rec->uid;
		entry->gid = rec->gid;
	}
}

int dump_unix_queue(struct dump *d, const struct file *f)
{
	const struct unix_detail *detail = unix_detail_of(f);
	struct image *image = f->n_queue && f->messages ? dump_image(d, IMAGE_SK_QUEUES) : NULL;

	if (!f->n_queue || !f->messages)
		return 0;
	for (size_t i = 0; image && i < f->n_queue; i++) {
		const struct queue_record *rec = f->queue[i];
		struct unix_message message = f->messages[i];
		SkPacketEntry entry = SK_PACKET_ENTRY__INIT;

		if (detail->type == SOCK_STREAM && !rec->bytes)
			continue;
		entry.id_for = f->id;
		entry.length = rec->bytes;
		entry.has_oob = entry.oob = rec->flags & QUEUE_OOB;
		add_sender(d, f, rec, &message, &entry);
		if ((rec->n_files && add_rights(d, rec, &entry)) ||
		    image_add(image, &entry.base, d->err) ||
		    image_add_bytes(image, message.bytes, rec->bytes, d->err))
			return d->err->code;
	}
	return image ? 0 : d->err->code;
}

static UnixPendingEntry *pending_of(struct dump *d, const struct file *f, size_t i)
{
	UnixPendingEntry *pending = dump_message(d, &unix_pending_entry__descriptor);
	const struct queue_record *rec = f->queue[i];
	const struct file *client = unix_find(&d->snap, f, rec->peer);

	if (!pending)
		return NULL;
	pending->has_client = client != NULL;
	pending->client = client ? client->rec->ino : 0;
	if (rec->uid != (uint32_t)-1) {
		pending->has_pid = pending->has_uid = pending->has_gid = true;
		pending->pid = rec->sender.virt;
		pending->uid = rec->uid;
		pending->gid = rec->gid;
	}
	pending->messages = arena_alloc(&d->arena, (rec->bytes + 1) * sizeof(*pending->messages));
	if (!pending->messages)
		return NULL;
	for (size_t k = 1; k <= rec->bytes && i + k < f->n_queue &&
			   f->queue[i + k]->flags & QUEUE_OF_EMBRYO;
	     k++)
		pending->messages[pending->n_messages++] = (ProtobufCBinaryData){
			f->queue[i + k]->bytes, (uint8_t *)f->queue[i + k]->files};
	return pending;
}

int dump_unix_pending(struct dump *d, const struct file *f, UnixSkEntry *usk)
{
	usk->pending = arena_alloc(&d->arena, (f->n_queue + 1) * sizeof(*usk->pending));
	if (!usk->pending)
		return fail(d->err, ENOMEM, "cannot describe who waits to be accepted");
	for (size_t i = 0; i < f->n_queue; i++) {
		if (!(f->queue[i]->flags & QUEUE_EMBRYO))
			continue;
		usk->pending[usk->n_pending] = pending_of(d, f, i);
		if (!usk->pending[usk->n_pending++])
			return fail(d->err, ENOMEM, "cannot describe who waits to be accepted");
	}
	return 0;
}
