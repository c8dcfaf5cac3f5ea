// SPDX-License-Identifier: GPL-2.0-only
/*
 * Peeking at the queue of a Unix socket. A plain peek sees the beginning of a stream up to
 * the first message with descriptors, or one packet; further on leads only SO_PEEK_OFF,
 * which belongs to the socket and so is put back, by a guardian if we are killed meanwhile.
 */
#include "dump/flight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/unix.h"
#include "dump/dump.h"
#include "dump/guardian.h"
#include "lib/err.h"
#include "snapshot.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#define MAX_RIGHTS   253
#define CONTROL_SIZE 4096

/* One queue on its way into the snapshot. */
struct peek {
	struct dump *d;
	struct file *f;
	int fd;
	const struct unix_detail *detail;
	struct unix_message *messages;
	char *bytes;
	size_t total;
	struct flights *flights;
};

static bool is_stream(const struct peek *p)
{
	return p->detail->type == SOCK_STREAM;
}

static int peek_init(struct peek *p)
{
	const struct file *f = p->f;
	size_t at = 0;

	for (size_t i = 0; i < f->n_queue; i++)
		p->total += f->queue[i]->bytes;
	p->messages = arena_alloc(&p->d->snap.arena, f->n_queue * sizeof(*p->messages));
	p->bytes = arena_alloc(&p->d->snap.arena, p->total + 1);
	if (!p->messages || !p->bytes)
		return fail(p->d->err, ENOMEM, "cannot copy its queue");
	for (size_t i = 0; i < f->n_queue; i++) {
		p->messages[i].bytes = p->bytes + at;
		at += f->queue[i]->bytes;
	}
	p->fd = file_copy(p->f, p->d->err);
	return p->fd < 0 ? p->fd : 0;
}

/* --- what came with a message --- */

static int keep_flight(struct peek *p, uint64_t file, int fd)
{
	struct flights *flights = p->flights;
	struct flight *flight;
	bool known = snapshot_file(&p->d->snap, file);

	for (size_t i = 0; i < flights->n && !known; i++)
		known = flights->list[i].file == file;
	flight = known ? NULL : array_add(flights->list, flights->n);
	if (!flight)
		close(fd);
	if (flight)
		*flight = (struct flight){file, fd, p->f};
	return known || flight ? 0 : fail(p->d->err, ENOMEM, "cannot list the files in flight");
}

static int take_rights(struct peek *p, const struct queue_record *rec, const struct cmsghdr *cmsg,
		       size_t *n_files)
{
	size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fds[MAX_RIGHTS], ret = 0;

	memcpy(fds, CMSG_DATA(cmsg), n * sizeof(int));
	for (size_t i = 0; i < n; i++, (*n_files)++) {
		if (*n_files < rec->n_files && !ret)
			ret = keep_flight(p, rec->files[*n_files], fds[i]);
		else
			close(fds[i]);
	}
	return ret;
}

/* All descriptors that a message gave us are kept or closed. */
static int take_control(struct peek *p, const struct queue_record *rec, struct msghdr *msg)
{
	size_t n_files = 0;
	int ret = 0, pidfd;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS && !ret)
			ret = take_rights(p, rec, c, &n_files);
		if (c->cmsg_type == SCM_PIDFD) {
			memcpy(&pidfd, CMSG_DATA(c), sizeof(pidfd));
			if (pidfd >= 0)
				close(pidfd);
		}
	}
	/* With the last bytes before them, a stream shows the files that follow too. */
	if (!rec->n_files && is_stream(p))
		n_files = 0;
	if (!ret && (n_files != rec->n_files || msg->msg_flags & MSG_CTRUNC))
		ret = fail(p->d->err, 0, "message %u has %u descriptors, and %zu came",
			   rec->message, rec->n_files, n_files);
	return ret;
}

/* --- the peeks --- */

static int peek_message(struct peek *p, size_t i, int flags)
{
	const struct queue_record *rec = p->f->queue[i];
	struct unix_message *message = &p->messages[i];
	_Alignas(struct cmsghdr) char control[CONTROL_SIZE];
	struct iovec iov = {(char *)message->bytes, rec->bytes};
	struct msghdr msg = {
		.msg_name = &message->sender,
		.msg_namelen = sizeof(message->sender),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(p->fd, &msg, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC | flags);

	if (n < 0)
		return fail(p->d->err, errno, "cannot look at message %u in its queue", rec->message);
	message->sender_length = is_stream(p) ? 0 : msg.msg_namelen;
	if (!(flags & MSG_OOB) && take_control(p, rec, &msg))
		return p->d->err->code;
	if ((size_t)n != rec->bytes || msg.msg_flags & MSG_TRUNC)
		return fail(p->d->err, 0, "message %u has %u bytes, and %zd came", rec->message,
			    rec->bytes, n);
	return 0;
}

/* Nothing to be read of it; a peek might even pass it over. */
static bool is_empty(const struct peek *p, const struct queue_record *rec)
{
	return !rec->bytes && !rec->n_files && (is_stream(p) || rec->flags & QUEUE_PEEKED);
}

static int peek_all(struct peek *p)
{
	int oob_inline = 0, ret = 0;
	socklen_t size = sizeof(oob_inline);

	getsockopt(p->fd, SOL_SOCKET, SO_OOBINLINE, &oob_inline, &size);
	for (size_t i = 0; i < p->f->n_queue && !ret; i++) {
		const struct queue_record *rec = p->f->queue[i];
		bool is_oob = rec->flags & QUEUE_OOB && !oob_inline;

		if (!is_empty(p, rec))
			ret = peek_message(p, i, is_oob ? MSG_OOB : 0);
	}
	return ret;
}

static int set_offset(struct peek *p, int value)
{
	if (setsockopt(p->fd, SOL_SOCKET, SO_PEEK_OFF, &value, sizeof(value)))
		return fail(p->d->err, errno, "cannot move its peek offset");
	return 0;
}

static int peek_further(struct peek *p)
{
	const struct guarded_option option = {p->fd, SOL_SOCKET, SO_PEEK_OFF, p->detail->peek_off};
	int ret = 0;

	if (!p->flights->guardian)
		ret = guardian_create(&p->flights->guardian, p->d->err);
	if (ret)
		return ret;
	guardian_arm(p->flights->guardian, &option);
	ret = set_offset(p, 0) ?: peek_all(p);
	if (setsockopt(option.fd, option.level, option.name, &option.value, sizeof(option.value)) &&
	    !ret)
		ret = fail(p->d->err, errno, "cannot put its peek offset back");
	guardian_disarm(p->flights->guardian);
	return ret;
}

/* All of a stream at once. It falls short where messages are not glued together. */
static bool peek_stream(struct peek *p)
{
	ssize_t n;

	for (size_t i = 0; i < p->f->n_queue; i++)
		if (p->f->queue[i]->n_files || p->f->queue[i]->flags & QUEUE_OOB)
			return false;
	/* By recv: what comes as ancillary data is of no use here, a pidfd least of all. */
	n = recv(p->fd, p->bytes, p->total, MSG_PEEK | MSG_DONTWAIT);
	return n >= 0 && (size_t)n == p->total;
}

int unix_peek(struct dump *d, struct file *f, struct flights *flights)
{
	struct peek p = {.d = d, .f = f, .fd = -1, .detail = f->detail, .flights = flights};
	int ret;

	if (f->rec->detail_type != DETAIL_UNIX || !p.detail || f->queue[0]->flags & QUEUE_EMBRYO)
		return 0;
	/* Asking would take the error away: judge refuses it. */
	if (p.detail->error && !is_stream(&p))
		return 0;
	ret = peek_init(&p);
	if (!ret && !(p.detail->peek_off < 0 && is_stream(&p) && peek_stream(&p))) {
		if (p.detail->peek_off < 0 && f->n_queue == 1)
			ret = peek_all(&p);
		else
			ret = peek_further(&p);
	}
	if (ret)
		return fail_in(d->err, "process %d: fd %u: unix", f->process->pid, f->fd);
	f->messages = p.messages;
	return 0;
}
