// SPDX-License-Identifier: GPL-2.0-only
/* Connections that nobody has accepted yet, in the order in which they wait at their listener. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "sk-unix.pb-c.h"
#include "sockopt.h"
#include "unixsk.h"

/* A connection on its way, with what is to be sent into it. */
struct arrival {
	struct unix_job job;
	size_t n;          /* messages in @data: a size_t before each */
	unsigned char data[];
};

static int do_arrive(void *data)
{
	struct arrival *arrival = data;
	const unsigned char *at = arrival->data;
	int rc = unix_do_connect(&arrival->job);

	for (size_t i = 0; i < arrival->n && !rc; i++) {
		size_t n;

		memcpy(&n, at, sizeof(n));
		at += sizeof(n);
		if (send(arrival->job.fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
			rc = errno ? -errno : -EIO;
		at += n;
	}
	return rc;
}

static struct arrival *arrival_create(const UnixSkEntry *listener,
				      const UnixPendingEntry *pending, size_t *ret_size)
{
	size_t size = sizeof(struct arrival);
	struct arrival *arrival;
	unsigned char *at;

	for (size_t i = 0; pending && i < pending->n_messages; i++)
		size += sizeof(size_t) + pending->messages[i].len;
	arrival = calloc(1, size);
	if (!arrival)
		return NULL;
	unix_job_init(&arrival->job, listener);
	at = arrival->data;
	for (size_t i = 0; pending && i < pending->n_messages; i++) {
		memcpy(at, &pending->messages[i].len, sizeof(size_t));
		memcpy(at + sizeof(size_t), pending->messages[i].data, pending->messages[i].len);
		at += sizeof(size_t) + pending->messages[i].len;
		arrival->n++;
	}
	*ret_size = size;
	return arrival;
}

/* @f NULL: its client was closed meanwhile. @pending NULL: CRIU's image does not say. */
static int open_one(struct restore *r, const struct new_file *listener, struct new_file *f,
		    const UnixPendingEntry *pending)
{
	const UnixSkEntry *at = listener->entry->usk, *usk = f ? f->entry->usk : NULL;
	_cleanup_close_ int fd = socket(AF_UNIX, at->type | SOCK_CLOEXEC, 0);
	_cleanup_free_ struct arrival *arrival = NULL;
	struct identity who = {.uid = -1};
	size_t size = 0;
	int rc;

	arrival = arrival_create(at, pending, &size);
	if (fd < 0 || !arrival)
		return fail(r->err, fd < 0 ? errno : ENOMEM, "cannot create a socket");
	if (usk && (restore_sockopts(r, fd, usk->opts) || unix_bind_name(r, fd, usk) ||
		    unix_drop_name(r, usk)))
		return r->err->code;
	if (pending && pending->has_uid && pending->has_gid)
		who = (struct identity){pending->has_pid ? pending->pid : 0, pending->uid,
					pending->gid, NULL, 0};
	arrival->job.fd = fd;
	rc = run_as(r, &who, do_arrive, arrival, size);
	if (rc == -EACCES)
		rc = run_as(r, &(struct identity){.uid = -1}, do_arrive, arrival, size);
	if (rc)
		return fail(r->err, rc, "cannot connect who waits to be accepted");
	if (f)
		f->fd = take_fd(fd);
	return 0;
}

static bool waits_for(const UnixSkEntry *usk, const UnixSkEntry *listener)
{
	return usk && usk->peer == listener->ino && usk->type == listener->type &&
	       usk->type != SOCK_DGRAM;
}

int unix_open_pending(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	int rc = 0;

	for (size_t i = 0; i < usk->n_pending && !rc; i++) {
		const UnixPendingEntry *pending = usk->pending[i];
		struct new_file *client =
			pending->has_client ? unix_by_ino(r, pending->client) : NULL;

		if (client && (client->fd >= 0 || !waits_for(unix_entry(client), usk)))
			return fail(r->err, 0, "socket %u cannot wait for it", pending->client);
		rc = open_one(r, f, client, pending);
	}
	for (size_t i = 0; i < r->n_files && !rc; i++) {
		struct new_file *client = r->files[i];

		if (client->fd < 0 && waits_for(unix_entry(client), usk))
			rc = open_one(r, f, client, NULL);
	}
	return rc;
}
