// SPDX-License-Identifier: GPL-2.0-only
/* What waits in the queues of Unix sockets is sent again, by whom it was sent. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "restore/restore.h"
#include "sk-packet.pb-c.h"
#include "sk-unix.pb-c.h"
#include "sockopt.h"
#include "unixsk.h"

#define NAME_AT        offsetof(struct sockaddr_un, sun_path)
#define MAX_RIGHTS     253
#define CONTROL_SIZE   (CMSG_SPACE(MAX_RIGHTS * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred)))
#define LARGEST_BUFFER (1 << 30)

/* Newer than the headers of the oldest distribution that this is built on. */
#define OPT_PASSPIDFD  76
#define OPT_PASSRIGHTS 83
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

/* Options that would change what is sent, and what they are meanwhile. */
static const struct {
	int name, value;
} quiet[] = {{SO_PASSCRED, 0}, {OPT_PASSPIDFD, 0}, {OPT_PASSRIGHTS, 1}};
#define N_QUIET (sizeof(quiet) / sizeof(quiet[0]))

/* One message on its way; plain data, for a child may have to send it. */
struct delivery {
	int fd;
	int flags;
	socklen_t name_length; /* 0: to the socket it is connected with */
	struct sockaddr_un name;
	struct ucred cred;
	bool has_cred;
	int files[MAX_RIGHTS];
	size_t n_files;
	const char *bytes;
	size_t n;
	size_t sent; /* of a stream perhaps less, as there is room */
};

static int do_deliver(void *data)
{
	struct delivery *d = data;
	_Alignas(struct cmsghdr) char control[CONTROL_SIZE] = {0};
	struct iovec iov = {(void *)d->bytes, d->n};
	struct msghdr msg = {.msg_name = d->name_length ? (void *)&d->name : NULL,
			     .msg_namelen = d->name_length,
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control};
	struct cmsghdr *cmsg = (struct cmsghdr *)control;
	ssize_t n;

	if (d->has_cred) {
		*cmsg = (struct cmsghdr){CMSG_LEN(sizeof(d->cred)), SOL_SOCKET, SCM_CREDENTIALS};
		memcpy(CMSG_DATA(cmsg), &d->cred, sizeof(d->cred));
		msg.msg_controllen += CMSG_SPACE(sizeof(d->cred));
		cmsg = (struct cmsghdr *)(control + msg.msg_controllen);
	}
	if (d->n_files) {
		*cmsg = (struct cmsghdr){CMSG_LEN(d->n_files * sizeof(int)), SOL_SOCKET,
					 SCM_RIGHTS};
		memcpy(CMSG_DATA(cmsg), d->files, d->n_files * sizeof(int));
		msg.msg_controllen += CMSG_SPACE(d->n_files * sizeof(int));
	}
	if (!msg.msg_controllen)
		msg.msg_control = NULL;
	n = sendmsg(d->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT | d->flags);
	d->sent = n < 0 ? 0 : (size_t)n;
	return n < 0 ? -errno : 0;
}

static int get_option(int fd, int name)
{
	socklen_t n = sizeof(int);
	int value = -1;

	return getsockopt(fd, SOL_SOCKET, name, &value, &n) ? -1 : value;
}

static void set_option(int fd, int name, int value)
{
	if (value >= 0 && get_option(fd, name) != value)
		(void)setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value));
}

/* Once a sender's buffer is full: twice the room, until it is given back. */
static bool enlarge(int fd)
{
	int size = get_option(fd, SO_SNDBUF);

	return size > 0 && size < LARGEST_BUFFER &&
	       !setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
}

/* Who sent it has perhaps ended: then its number is free to be used for the moment. */
static int try_to_deliver(struct restore *r, struct delivery *d)
{
	struct identity who = {d->cred.pid, d->cred.uid, d->cred.gid, NULL, 0};
	int rc = do_deliver(d);

	if (rc == -ESRCH && d->has_cred)
		rc = run_as(r, &who, do_deliver, d, sizeof(*d));
	if (rc == -EPERM && d->has_cred) {
		log_warn(r->log, "process %d, which sent a message that was not read yet, cannot be "
				 "imitated; ignoring", d->cred.pid);
		d->has_cred = false;
		rc = do_deliver(d);
	}
	return rc;
}

static int deliver(struct restore *r, struct delivery *d)
{
	int rc;

	for (;;) {
		rc = try_to_deliver(r, d);
		if (!rc && d->sent == d->n)
			return 0;
		if (!rc) {
			d->bytes += d->sent;
			d->n -= d->sent;
			d->n_files = 0;
		} else if ((rc != -EAGAIN && rc != -ENOBUFS && rc != -EMSGSIZE) || !enlarge(d->fd)) {
			break;
		}
	}
	fail(r->err, rc, "cannot queue a message of %zu bytes", d->n);
	return rc == -EAGAIN ? fail_hint(r->err, "raise net.unix.max_dgram_qlen") : rc;
}

/* --- by whom, and where to --- */

/* Its name as any process can use it. *@ret_dir: a directory held open meanwhile, or -1. */
static int address_of(struct restore *r, const UnixSkEntry *usk, struct delivery *d, int *ret_dir)
{
	struct unix_job job;
	int n;

	unix_job_init(&job, usk);
	d->name = job.address;
	d->name_length = job.length;
	if (!*job.directory)
		return 0;
	*ret_dir = open(job.directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	n = snprintf(d->name.sun_path, sizeof(d->name.sun_path), "/proc/self/fd/%d/%.*s", *ret_dir,
		     (int)usk->name.len, (const char *)usk->name.data);
	if (*ret_dir < 0 || n >= (int)sizeof(d->name.sun_path))
		return fail(r->err, ENAMETOOLONG, "cannot find %s in %s", job.address.sun_path,
			    job.directory);
	d->name_length = NAME_AT + n + 1;
	return 0;
}

/* A datagram from a socket that is no more; its name is free, or it is somebody else's now. */
static int stranger(struct restore *r, const SkPacketEntry *entry, int *ret)
{
	UnixSkEntry usk = UNIX_SK_ENTRY__INIT;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return fail(r->err, errno, "cannot create a socket");
	*ret = fd;
	if (!entry->has_sender_name || !entry->sender_name.len)
		return 0;
	usk.name = entry->sender_name;
	usk.has_deleted = usk.deleted = true;
	if (!usk.name.data[0] || usk.name.data[0] == '/') {
		if (!unix_bind_name(r, fd, &usk) && !unix_drop_name(r, &usk))
			return 0;
		error_deinit(r->err);
	}
	log_warn(r->log, "a message that was not read yet loses the name of its sender; ignoring");
	return 0;
}

/*
 * The socket to send from: d->fd, and d->name if it must be told where to. *@ret_own: a
 * socket made for it, to be closed.
 */
static int choose_sender(struct restore *r, struct new_file *f, const struct unix_packet *packet,
			 struct delivery *d, int *ret_own, int *ret_dir)
{
	const SkPacketEntry *entry = packet->entry;
	struct new_file *peer = unix_mutual_peer(r, f);
	struct new_file *sender = entry->has_sender ? restore_file(r, entry->sender) : NULL;
	bool known = sender && unix_entry(sender) && sender->fd >= 0;

	d->fd = peer ? peer->fd : unix_plan_of(f)->feeder;
	if (f->entry->usk->type != SOCK_DGRAM || (peer && (!known || sender == peer)) ||
	    (d->fd >= 0 && !known && !entry->has_sender_name))
		return d->fd < 0 ? fail(r->err, 0, "nobody is connected with it") : 0;
	if (!f->entry->usk->name.len)
		return d->fd < 0 ? fail(r->err, 0, "it has no name to send to") : 0;
	if (!known && stranger(r, entry, ret_own))
		return r->err->code;
	d->fd = known ? sender->fd : *ret_own;
	return address_of(r, f->entry->usk, d, ret_dir);
}

static int set_files(struct restore *r, const SkPacketEntry *entry, struct delivery *d)
{
	for (size_t i = 0; i < entry->n_scm; i++)
		for (size_t k = 0; k < entry->scm[i]->n_rights; k++) {
			const struct new_file *f = restore_file(r, entry->scm[i]->rights[k]);

			if (!f || f->fd < 0 || d->n_files == MAX_RIGHTS)
				return fail(r->err, 0, "file %u, in flight, was not opened",
					    entry->scm[i]->rights[k]);
			d->files[d->n_files++] = f->fd;
		}
	return 0;
}

static int send_packet(struct restore *r, struct new_file *f, const struct unix_packet *packet)
{
	const SkPacketEntry *entry = packet->entry;
	_cleanup_close_ int own = -1, dir = -1;
	int before[2][N_QUIET], size, locks, rc;
	struct delivery d = {
		.flags = entry->has_oob && entry->oob ? MSG_OOB : 0,
		.bytes = packet->bytes,
		.n = entry->length,
		.has_cred = entry->has_pid && entry->has_uid && entry->has_gid,
		.cred = {entry->pid, entry->uid, entry->gid},
	};

	rc = choose_sender(r, f, packet, &d, &own, &dir) ?: set_files(r, entry, &d);
	if (rc)
		return rc;
	for (size_t i = 0; i < N_QUIET; i++) {
		before[0][i] = get_option(d.fd, quiet[i].name);
		before[1][i] = get_option(f->fd, quiet[i].name);
		set_option(d.fd, quiet[i].name, quiet[i].value);
		set_option(f->fd, quiet[i].name, quiet[i].value);
	}
	size = get_option(d.fd, SO_SNDBUF);
	locks = get_option(d.fd, SO_BUF_LOCK);
	rc = deliver(r, &d);
	if (get_option(d.fd, SO_SNDBUF) != size) {
		(void)setsockopt(d.fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){size / 2}, sizeof(int));
		set_option(d.fd, SO_BUF_LOCK, locks);
	}
	for (size_t i = 0; i < N_QUIET; i++) {
		set_option(d.fd, quiet[i].name, before[0][i]);
		set_option(f->fd, quiet[i].name, before[1][i]);
	}
	return rc;
}

/* --- all of them --- */

/* Connects a datagram socket to the named one that it sends to. */
static int connect_datagrams(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	struct new_file *peer = unix_by_ino(r, usk->peer);
	struct unix_job job;
	int rc;

	if (!usk->peer || usk->type != SOCK_DGRAM || unix_mutual_peer(r, f))
		return 0;
	if (!peer)
		return fail(r->err, 0, "the socket that it is connected with, %u, is missing",
			    usk->peer);
	if (!peer->entry->usk->name.len)
		return fail(r->err, 0, "it cannot be connected again with socket %u", usk->peer);
	if (!unix_entry(peer) && !r->opt->ext_unix_sk) {
		fail(r->err, 0, "it sends to a socket that is not part of the checkpoint");
		return fail_hint(r->err, "--ext-unix-sk connects it with whoever has the name now");
	}
	unix_job_init(&job, peer->entry->usk);
	job.fd = f->fd;
	rc = run_as(r, &(struct identity){.uid = -1}, unix_do_connect, &job, sizeof(job));
	return rc ? fail(r->err, rc, "cannot connect it with socket %u (%.*s)", usk->peer,
			 (int)peer->entry->usk->name.len, (char *)peer->entry->usk->name.data)
		  : 0;
}

/* The other side was closed, with something unread in it: that is an error to be told once. */
static int leave_unread(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	int feeder = unix_plan_of(f)->feeder;

	if (!usk->has_error || !usk->error)
		return 0;
	if (usk->error != ECONNRESET || usk->type == SOCK_DGRAM || feeder < 0)
		log_warn(r->log, "a socket loses the error that it would tell next (%s); ignoring",
			 strerror((int)usk->error));
	else if (send(f->fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
		return fail(r->err, errno, "cannot give it the error that waits in it");
	return 0;
}

static int finish(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	struct unix_plan *plan = unix_plan_of(f);
	int rc = leave_unread(r, f);

	if (!rc && usk->has_shutdown && usk->shutdown && plan->feeder < 0 &&
	    shutdown(f->fd, usk->shutdown - 1))
		rc = fail(r->err, errno, "cannot shut a socket down");
	if (!rc && plan->drop_name)
		rc = unix_drop_name(r, usk);
	cleanup_close(&plan->feeder);
	return rc;
}

/* A filter would be asked again about what it has let through, or was not there to be asked. */
static int fill(struct restore *r, struct new_file *f)
{
	const struct unix_plan *plan = unix_plan_of(f);
	int rc = 0;

	if (plan->n_packets)
		rc = restore_filter(r, f->fd, f->entry->usk->opts, false);
	for (size_t i = 0; i < plan->n_packets && !rc; i++)
		rc = send_packet(r, f, &plan->packets[i]);
	if (plan->n_packets && !rc)
		rc = restore_filter(r, f->fd, f->entry->usk->opts, true);
	return rc;
}

int unix_fill_all(struct restore *r, struct new_file *unused)
{
	static int (*const steps[])(struct restore *r, struct new_file *f) = {
		fill, connect_datagrams, finish};
	const uint64_t key = (uintptr_t)&unix_fill_all;

	if (ids_get(&r->kind_data, key))
		return 0;
	if (ids_set(&r->kind_data, key, 1))
		return fail(r->err, ENOMEM, "cannot fill sockets");
	for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++)
		for (size_t i = 0; i < r->n_files; i++)
			if (unix_entry(r->files[i]) && r->files[i]->given < 0 && steps[s](r, r->files[i]))
				return fail_in(r->err, "socket %u", r->files[i]->entry->usk->ino);
	return 0;
}
