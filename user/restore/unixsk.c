// SPDX-License-Identifier: GPL-2.0-only
#include "unixsk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "sk-opts.pb-c.h"
#include "sk-unix.pb-c.h"
#include "sockopt.h"

#define NAME_AT       offsetof(struct sockaddr_un, sun_path)
#define INO_KEY       (0x5558ULL << 48)
#define SHUTDOWN_BOTH 3
enum { STATE_ESTABLISHED = 1, STATE_LISTEN = 10 };

static const struct identity nobody_else = {.uid = -1};

/* What a child is to do, and what came of it. */
struct job {
	int type;
	int fd;
	int backlog;
	socklen_t length;
	struct sockaddr_un address;
	char directory[PATH_MAX]; /* where a relative name belongs; "" nowhere */
};

int unix_add(struct restore *r, struct new_file *f)
{
	uint64_t key = INO_KEY | f->entry->usk->ino;

	if (ids_get(&r->kind_data, key))
		return fail(r->err, 0, "two sockets have the number %u", f->entry->usk->ino);
	if (ids_set(&r->kind_data, key, f->id))
		return fail(r->err, ENOMEM, "cannot plan a socket");
	return 0;
}

static struct new_file *by_ino(const struct restore *r, uint32_t ino)
{
	uint32_t id = ino ? ids_get(&r->kind_data, INO_KEY | ino) : 0;

	return id ? restore_file(r, id) : NULL;
}

static const UnixSkEntry *entry_of(const struct new_file *f)
{
	return f->entry->type == FD_TYPES__UNIXSK && f->process ? f->entry->usk : NULL;
}

/* What the other side of @usk was told of its maker. */
static struct identity identity_of(const UnixSkEntry *usk)
{
	if (!usk || !usk->has_peer_uid || !usk->has_peer_gid)
		return nobody_else;
	return (struct identity){usk->has_peer_pid ? usk->peer_pid : 0, usk->peer_uid,
				 usk->peer_gid};
}

static bool has_path(const UnixSkEntry *usk)
{
	return usk->name.len && usk->name.data[0];
}

static bool same_name(const UnixSkEntry *a, const UnixSkEntry *b)
{
	const char *x = a->name_dir ?: "", *y = b->name_dir ?: "";

	return a->name.len == b->name.len && !memcmp(a->name.data, b->name.data, a->name.len) &&
	       !strcmp(x, y);
}

static void job_init(struct job *job, const UnixSkEntry *usk)
{
	*job = (struct job){.type = usk->type, .fd = -1, .backlog = usk->backlog};
	job->address.sun_family = AF_UNIX;
	job->length = NAME_AT + usk->name.len;
	memcpy(job->address.sun_path, usk->name.data, usk->name.len);
	if (has_path(usk) && usk->name.data[0] != '/' && usk->name_dir)
		snprintf(job->directory, sizeof(job->directory), "%s", usk->name_dir);
}

static int enter(const struct job *job)
{
	return *job->directory && chdir(job->directory) ? -errno : 0;
}

/* Pairs that one process is to make. */
struct pairs {
	size_t n;
	struct {
		int type;
		int ends[2];
	} pair[];
};

static int do_pairs(void *data)
{
	struct pairs *pairs = data;

	for (size_t i = 0; i < pairs->n; i++)
		if (socketpair(AF_UNIX, pairs->pair[i].type | SOCK_CLOEXEC, 0, pairs->pair[i].ends))
			return -errno;
	return 0;
}

static int do_bind(void *data)
{
	struct job *job = data;
	int rc = enter(job);

	return rc ? rc : bind(job->fd, (struct sockaddr *)&job->address, job->length) ? -errno : 0;
}

static int do_listen(void *data)
{
	struct job *job = data;

	return listen(job->fd, job->backlog) ? -errno : 0;
}

static int do_connect(void *data)
{
	struct job *job = data;
	int rc = enter(job);

	return rc                                                                ? rc
	       : connect(job->fd, (struct sockaddr *)&job->address, job->length) ? -errno
										 : 0;
}

/* The path of its name as this process can use it. */
static const char *path_of(const UnixSkEntry *usk, char buf[static PATH_MAX + 128])
{
	const char *dir = usk->name.data[0] != '/' ? usk->name_dir : NULL;

	snprintf(buf, PATH_MAX + 128, "%s%s%.*s", dir ?: "", dir ? "/" : "", (int)usk->name.len,
		 (const char *)usk->name.data);
	return buf;
}

/* Something at the path that no restore may remove. */
static bool is_in_the_way(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && !S_ISSOCK(st.st_mode);
}

static int give_file(struct restore *r, const UnixSkEntry *usk, const char *path)
{
	const FilePermsEntry *perms = usk->file_perms;

	if (usk->has_deleted && usk->deleted)
		return unlink(path) ? fail(r->err, errno, "cannot remove %s", path) : 0;
	if (perms && (chmod(path, perms->mode & 07777) || lchown(path, perms->uid, perms->gid)))
		return fail(r->err, errno, "cannot give %s its owner and mode", path);
	return 0;
}

/* Binds @fd to the name in @usk; a socket's file left from before gives way, as with CRIU. */
static int bind_name(struct restore *r, int fd, const UnixSkEntry *usk)
{
	char path[PATH_MAX + 128];
	struct job job;
	int rc;

	if (!usk->name.len)
		return 0;
	job_init(&job, usk);
	job.fd = fd;
	if (has_path(usk)) {
		path_of(usk, path);
		if (is_in_the_way(path) ||
		    (usk->has_deleted && usk->deleted && !access(path, F_OK)))
			return fail(r->err, EEXIST, "cannot bind it to %s", path);
		(void)unlink(path);
	}
	rc = run_as(r, &nobody_else, do_bind, &job, sizeof(job));
	if (rc && !has_path(usk)) {
		fail(r->err, rc, "cannot bind it to the abstract name @%.*s",
		     (int)usk->name.len - 1, (const char *)usk->name.data + 1);
		return rc == -EADDRINUSE ? fail_hint(r->err, "end what uses that name") : rc;
	}
	if (rc)
		return fail(r->err, rc, "cannot bind it to %s", path);
	return has_path(usk) ? give_file(r, usk, path) : 0;
}

static int new_socket(struct restore *r, uint32_t type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	return fd < 0 ? fail(r->err, errno, "cannot create a socket") : fd;
}

static bool listens_there(const struct restore *r, const UnixSkEntry *usk)
{
	for (size_t i = 0; i < r->n_files; i++) {
		const UnixSkEntry *other = entry_of(r->files[i]);

		if (other && other->state == STATE_LISTEN && same_name(other, usk))
			return true;
	}
	return false;
}

/*
 * Was it made by accept? Then it bears its listener's name without being bound to
 * it. @peer NULL: closed. Of two sides with a name the younger one was made by accept.
 */
static bool is_accepted(const struct restore *r, const UnixSkEntry *usk, const UnixSkEntry *peer)
{
	if (usk->type == SOCK_DGRAM || !usk->name.len || usk->state == STATE_LISTEN)
		return false;
	if (!peer || !peer->name.len || listens_there(r, usk))
		return true;
	return !listens_there(r, peer) && usk->ino > peer->ino;
}

/* May the name be borrowed for a moment? Not if it is somebody else's. */
static bool can_borrow(const struct restore *r, const UnixSkEntry *usk)
{
	char path[PATH_MAX + 128];

	if (!has_path(usk))
		return true;
	path_of(usk, path);
	return access(path, F_OK) || (listens_there(r, usk) && !is_in_the_way(path));
}

/*
 * Connects as it once was: @accepted comes out of a listener with its name, made for the
 * moment. *@ret_client, *@ret_accepted. Fails without an error set: then a pair must do.
 */
static int meet(struct restore *r, const UnixSkEntry *client, const UnixSkEntry *accepted,
		int *ret_client, int *ret_accepted)
{
	struct identity listener_is = identity_of(client), client_is = identity_of(accepted);
	_cleanup_close_ int listener = socket(AF_UNIX, accepted->type | SOCK_CLOEXEC, 0);
	_cleanup_close_ int fd = socket(AF_UNIX, accepted->type | SOCK_CLOEXEC, 0);
	char path[PATH_MAX + 128] = "";
	struct job job;
	int rc;

	if (listener < 0 || fd < 0 || !can_borrow(r, accepted))
		return -EBUSY;
	if (client && client->name.len && bind_name(r, fd, client))
		return r->err->code;
	job_init(&job, accepted);
	job.fd = listener;
	job.backlog = 1;
	if (has_path(accepted))
		(void)unlink(path_of(accepted, path));
	rc = run_as(r, &nobody_else, do_bind, &job, sizeof(job));
	if (rc)
		return rc;
	if (*path)
		(void)chmod(path, 0777);
	rc = run_as(r, &listener_is, do_listen, &job, sizeof(job));
	job.fd = fd;
	if (!rc && run_as(r, &client_is, do_connect, &job, sizeof(job)))
		rc = run_as(r, &nobody_else, do_connect, &job, sizeof(job));
	if (*path)
		(void)unlink(path);
	*ret_accepted = rc ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (*ret_accepted < 0)
		return rc ? rc : -errno;
	*ret_client = take_fd(fd);
	return 0;
}

static int set_shutdown(struct restore *r, int fd, const UnixSkEntry *usk)
{
	if (usk->has_shutdown && usk->shutdown && shutdown(fd, usk->shutdown - 1))
		return fail(r->err, errno, "cannot shut a socket down");
	return 0;
}

/*
 * Names, options and states of @f and the socket it is connected with (NULL: that one was closed).
 */
static int finish_connected(struct restore *r, struct new_file *f, struct new_file *peer,
			    int pair[2])
{
	const UnixSkEntry *usk = f->entry->usk, *other = peer ? peer->entry->usk : NULL;
	int rc = 0;

	f->fd = pair[0];
	if (peer)
		peer->fd = pair[1];
	else
		close(pair[1]);
	if (usk->type == SOCK_DGRAM)
		rc = bind_name(r, f->fd, usk) ?: (peer ? bind_name(r, peer->fd, other) : 0);
	if (!rc)
		rc = restore_sockopts(r, f->fd, usk->opts) ?: set_shutdown(r, f->fd, usk);
	if (!rc && peer)
		rc = restore_sockopts(r, peer->fd, other->opts) ?: set_shutdown(r, peer->fd, other);
	return rc;
}

/* Two sockets that met at a listener. Leaves them alone if they did not, or cannot any more. */
static int open_accepted(struct restore *r, struct new_file *f, struct new_file *peer)
{
	const UnixSkEntry *usk = f->entry->usk, *other = peer ? peer->entry->usk : NULL;
	bool swapped = other && is_accepted(r, other, usk);
	int pair[2] = {-1, -1}, rc;

	if (!swapped && !is_accepted(r, usk, other))
		return 0;
	rc = swapped ? meet(r, usk, other, &pair[0], &pair[1])
		     : meet(r, other, usk, &pair[1], &pair[0]);
	if (r->err->code)
		return r->err->code;
	if (!rc)
		return finish_connected(r, f, peer, pair);
	log_warn(r->log, "a connected socket loses the name of its listener (%s), ignoring",
		 strerror(-rc));
	return 0;
}

static int open_lone(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	struct identity who = identity_of(usk);
	struct job job;
	int rc;

	f->fd = new_socket(r, usk->type);
	if (f->fd < 0)
		return f->fd;
	rc = restore_sockopts(r, f->fd, usk->opts) ?: bind_name(r, f->fd, usk);
	if (!rc && usk->state == STATE_LISTEN) {
		job_init(&job, usk);
		job.fd = f->fd;
		rc = run_as(r, &who, do_listen, &job, sizeof(job));
		if (rc)
			fail(r->err, rc, "cannot listen");
	}
	return rc ? rc : set_shutdown(r, f->fd, usk);
}

/* The socket that it is connected with, if that one is connected with it too. */
static struct new_file *mutual_peer(const struct restore *r, const struct new_file *f)
{
	struct new_file *peer = by_ino(r, f->entry->usk->peer);

	return peer && peer != f && peer->entry->usk->peer == f->entry->usk->ino &&
			       peer->entry->usk->type == f->entry->usk->type
		       ? peer
		       : NULL;
}

/* The other side was closed. A connection is shut down by that, a datagram socket goes on. */
static bool is_orphan(const UnixSkEntry *usk)
{
	if (usk->peer || usk->state == STATE_LISTEN)
		return false;
	if (usk->has_peer_closed)
		return usk->peer_closed;
	return usk->type != SOCK_DGRAM && usk->state == STATE_ESTABLISHED;
}

/* Waits to be opened as one of a pair. *@ret_peer NULL: the other one was closed. */
static bool is_of_pair(const struct restore *r, const struct new_file *f,
		       struct new_file **ret_peer)
{
	if (!entry_of(f) || f->fd >= 0)
		return false;
	*ret_peer = mutual_peer(r, f);
	return *ret_peer || is_orphan(f->entry->usk);
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* All pairs that the same process once made as @who, from @files[@first] on. */
static int open_pairs(struct restore *r, size_t first, const struct identity *who)
{
	_cleanup_free_ struct pairs *pairs = NULL;
	_cleanup_free_ struct new_file **files = calloc(r->n_files, sizeof(*files));
	struct new_file *peer;
	int rc = 0;

	pairs = calloc(1, sizeof(*pairs) + r->n_files * sizeof(pairs->pair[0]));
	if (!pairs || !files)
		return fail(r->err, ENOMEM, "cannot create pairs of sockets");
	for (size_t i = first; i < r->n_files; i++) {
		struct identity its;

		if (!is_of_pair(r, r->files[i], &peer) || (peer && peer->id < r->files[i]->id))
			continue;
		its = identity_of(r->files[i]->entry->usk);
		if (!same_identity(&its, who))
			continue;
		pairs->pair[pairs->n].type = r->files[i]->entry->usk->type;
		files[pairs->n++] = r->files[i];
	}
	rc = run_as(r, who, do_pairs, pairs, sizeof(*pairs) + pairs->n * sizeof(pairs->pair[0]));
	if (rc)
		return fail(r->err, rc, "cannot create a pair of sockets");
	for (size_t i = 0; i < pairs->n && !rc; i++)
		rc = finish_connected(r, files[i], mutual_peer(r, files[i]), pairs->pair[i].ends);
	return rc;
}

/* Connections first: they borrow the names that listeners are bound to for good afterwards. */
int unix_open_all(struct restore *r)
{
	struct new_file *peer;
	int rc = 0;

	for (size_t i = 0; i < r->n_files && !rc; i++)
		if (is_of_pair(r, r->files[i], &peer))
			rc = open_accepted(r, r->files[i], peer);
	for (size_t i = 0; i < r->n_files && !rc; i++) {
		if (is_of_pair(r, r->files[i], &peer) && (!peer || peer->id > r->files[i]->id)) {
			struct identity who = identity_of(r->files[i]->entry->usk);

			rc = open_pairs(r, i, &who);
		}
	}
	for (size_t i = 0; i < r->n_files && !rc; i++)
		if (entry_of(r->files[i]) && r->files[i]->fd < 0)
			rc = open_lone(r, r->files[i]);
	return rc;
}

int unix_connect(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	struct new_file *peer = by_ino(r, usk->peer);
	struct job job;
	int rc;

	if (!usk->peer || mutual_peer(r, f))
		return 0;
	if (!peer)
		return fail(r->err, 0, "the socket that it is connected with, %u, is missing",
			    usk->peer);
	if (usk->type != SOCK_DGRAM || !peer->entry->usk->name.len)
		return fail(r->err, 0, "it cannot be connected again with socket %u", usk->peer);
	job_init(&job, peer->entry->usk);
	job.fd = f->fd;
	rc = run_as(r, &nobody_else, do_connect, &job, sizeof(job));
	return rc ? fail(r->err, rc, "cannot connect it with socket %u", usk->peer) : 0;
}
