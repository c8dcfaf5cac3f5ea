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
#define SHUTDOWN_BOTH 3
enum { STATE_ESTABLISHED = 1, STATE_LISTEN = 10 };

static const struct identity nobody_else = {.uid = -1};

struct new_file *unix_by_ino(const struct restore *r, uint32_t ino)
{
	uint32_t id = ino ? ids_get(&r->kind_data, UNIX_INO_KEY | ino) : 0;

	return id ? restore_file(r, id) : NULL;
}

const UnixSkEntry *unix_entry(const struct new_file *f)
{
	return f->entry->type == FD_TYPES__UNIXSK && f->process ? f->entry->usk : NULL;
}

struct unix_plan *unix_plan_of(const struct new_file *f)
{
	return f->data;
}

/* What the other side of @usk was told of its maker. */
static struct identity identity_of(const UnixSkEntry *usk)
{
	if (!usk || !usk->has_peer_uid || !usk->has_peer_gid)
		return nobody_else;
	return (struct identity){usk->has_peer_pid ? usk->peer_pid : 0, usk->peer_uid,
				 usk->peer_gid, usk->peer_groups, usk->n_peer_groups};
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

void unix_job_init(struct unix_job *job, const UnixSkEntry *usk)
{
	*job = (struct unix_job){.type = usk->type, .fd = -1, .backlog = usk->backlog};
	job->address.sun_family = AF_UNIX;
	job->length = NAME_AT + usk->name.len;
	memcpy(job->address.sun_path, usk->name.data, usk->name.len);
	if (has_path(usk) && usk->name.data[0] != '/' && usk->name_dir)
		snprintf(job->directory, sizeof(job->directory), "%s", usk->name_dir);
}

static int enter(const struct unix_job *job)
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
	struct unix_job *job = data;
	int rc = enter(job);

	return rc ? rc : bind(job->fd, (struct sockaddr *)&job->address, job->length) ? -errno : 0;
}

static int do_listen(void *data)
{
	struct unix_job *job = data;

	return listen(job->fd, job->backlog) ? -errno : 0;
}

int unix_do_connect(void *data)
{
	struct unix_job *job = data;
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

	if (perms && (chmod(path, perms->mode & 07777) || lchown(path, perms->uid, perms->gid)))
		return fail(r->err, errno, "cannot give %s its owner and mode", path);
	return 0;
}

static bool is_deleted(const UnixSkEntry *usk)
{
	return has_path(usk) && usk->has_deleted && usk->deleted;
}

/* Is its file to leave the name again that it is bound to: for good, or for another? */
static bool is_left(const UnixSkEntry *usk)
{
	return is_deleted(usk) || (has_path(usk) && usk->renamed_to);
}

/* Of a sender made for the moment nothing is noted: it has no file of the image. */
static void note_name(struct restore *r, const UnixSkEntry *usk, bool has_name)
{
	struct new_file *f = unix_by_ino(r, usk->ino);

	if (f && f->entry->usk == usk)
		unix_plan_of(f)->has_name = has_name;
}

int unix_drop_name(struct restore *r, const UnixSkEntry *usk)
{
	char path[PATH_MAX + 128];

	if (!is_left(usk))
		return 0;
	path_of(usk, path);
	if (is_deleted(usk) && unlink(path))
		return fail(r->err, errno, "cannot remove %s", path);
	if (!is_deleted(usk) && is_in_the_way(usk->renamed_to)) {
		fail(r->err, EEXIST, "cannot move %s to %s", path, usk->renamed_to);
		return fail_hint(r->err, "move away what is there now");
	}
	if (!is_deleted(usk) && rename(path, usk->renamed_to))
		return fail(r->err, errno, "cannot move %s to %s", path, usk->renamed_to);
	note_name(r, usk, false);
	return 0;
}

void unix_abandon(struct new_file *f)
{
	const UnixSkEntry *usk = unix_entry(f);
	char path[PATH_MAX + 128];

	if (usk && unix_plan_of(f)->has_name)
		(void)unlink(path_of(usk, path));
}

/* Will a listener be made at @path, in place of what was left there? */
static bool is_replaced(const struct restore *r, const char *path)
{
	char other[PATH_MAX + 128];

	for (size_t i = 0; i < r->n_files; i++) {
		const UnixSkEntry *usk = unix_entry(r->files[i]);

		if (usk && usk->state == STATE_LISTEN && r->files[i]->fd < 0 && has_path(usk) &&
		    !is_deleted(usk) && !strcmp(usk->renamed_to ?: path_of(usk, other), path))
			return true;
	}
	return false;
}

/* What is to be removed from a path that the program had removed, and others may have taken. */
static int check_path(struct restore *r, const UnixSkEntry *usk, const char *path)
{
	bool is_taken = is_left(usk) && !access(path, F_OK) && !is_replaced(r, path);

	if (!is_taken && !is_in_the_way(path))
		return 0;
	fail(r->err, EEXIST, "cannot bind it to %s", path);
	return fail_hint(r->err, is_taken ? "remove it if nobody uses it: a restore that was killed "
					    "may have left it"
					  : "move away what is there now");
}

/* A socket's file left from before gives way, as with CRIU. */
int unix_bind_name(struct restore *r, int fd, const UnixSkEntry *usk)
{
	char path[PATH_MAX + 128];
	struct unix_job job;
	int rc;

	if (!usk->name.len)
		return 0;
	unix_job_init(&job, usk);
	job.fd = fd;
	if (has_path(usk)) {
		rc = check_path(r, usk, path_of(usk, path));
		if (rc)
			return rc;
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
	note_name(r, usk, is_left(usk));
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
		const UnixSkEntry *other = unix_entry(r->files[i]);

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
	struct unix_job job;
	int rc;

	if (listener < 0 || fd < 0 || !can_borrow(r, accepted))
		return -EBUSY;
	if (client && client->name.len &&
	    (unix_bind_name(r, fd, client) || unix_drop_name(r, client)))
		return r->err->code;
	unix_job_init(&job, accepted);
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
	if (!rc && run_as(r, &client_is, unix_do_connect, &job, sizeof(job)))
		rc = run_as(r, &nobody_else, unix_do_connect, &job, sizeof(job));
	if (*path)
		(void)unlink(path);
	*ret_accepted = rc ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (*ret_accepted < 0)
		return rc ? rc : -errno;
	*ret_client = take_fd(fd);
	return 0;
}

/* SO_REUSEPORT can be read of a Unix socket, and means nothing; since 6.13 it cannot be set. */
static int set_options(struct restore *r, int fd, const SkOptsEntry *opts)
{
	int rc = restore_sockopts(r, fd, opts);

	if (!rc && opts->reuseaddr)
		rc = restore_reuse(r, fd, true, false);
	if (!rc && opts->so_reuseport)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
	return rc;
}

/* Names the socket and gives it its options. */
static int finish_one(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	int rc = 0;

	if (usk->type == SOCK_DGRAM)
		rc = unix_bind_name(r, f->fd, usk) ?: unix_drop_name(r, usk);
	return rc ?: set_options(r, f->fd, usk->opts);
}

/*
 * @f and the socket it is connected with. NULL: that one was closed, which it will be again
 * when what it had sent has been sent.
 */
static int finish_connected(struct restore *r, struct new_file *f, struct new_file *peer,
			    int pair[2])
{
	f->fd = pair[0];
	if (peer)
		peer->fd = pair[1];
	else
		unix_plan_of(f)->feeder = pair[1];
	return finish_one(r, f) ?: (peer ? finish_one(r, peer) : 0);
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

/* Is its name needed, though its file was removed: by who sends to it? */
static bool is_sent_to(const struct restore *r, const struct new_file *f)
{
	if (f->entry->usk->type != SOCK_DGRAM)
		return false;
	for (size_t i = 0; i < r->n_files; i++) {
		const UnixSkEntry *other = unix_entry(r->files[i]);

		if (other && other->peer == f->entry->usk->ino)
			return true;
	}
	return unix_plan_of(f)->n_packets;
}

static int open_lone(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	struct identity who = identity_of(usk);
	struct unix_job job;
	int rc;

	f->fd = new_socket(r, usk->type);
	if (f->fd < 0)
		return f->fd;
	rc = set_options(r, f->fd, usk->opts) ?: unix_bind_name(r, f->fd, usk);
	if (!rc && usk->state == STATE_LISTEN) {
		unix_job_init(&job, usk);
		job.fd = f->fd;
		rc = run_as(r, &who, do_listen, &job, sizeof(job));
		if (rc)
			fail(r->err, rc, "cannot listen");
		rc = rc ?: unix_open_pending(r, f);
	}
	unix_plan_of(f)->drop_name = !rc && is_sent_to(r, f);
	return rc || unix_plan_of(f)->drop_name ? rc : unix_drop_name(r, usk);
}

/* The socket that it is connected with, if that one is connected with it too. */
struct new_file *unix_mutual_peer(const struct restore *r, const struct new_file *f)
{
	struct new_file *peer = unix_by_ino(r, f->entry->usk->peer);

	return peer && peer != f && unix_entry(peer) &&
			       peer->entry->usk->peer == f->entry->usk->ino &&
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
	if (!unix_entry(f) || f->fd >= 0)
		return false;
	*ret_peer = unix_mutual_peer(r, f);
	return *ret_peer || is_orphan(f->entry->usk);
}

static bool same_identity(const struct identity *a, const struct identity *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid &&
	       a->n_groups == b->n_groups &&
	       (!a->n_groups || !memcmp(a->groups, b->groups, a->n_groups * sizeof(*a->groups)));
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
		rc = finish_connected(r, files[i], unix_mutual_peer(r, files[i]), pairs->pair[i].ends);
	return rc;
}

/*
 * Listeners first: they make the sockets that wait to be accepted. Of those the ones whose file was
 * removed, for another may have their name since.
 */
static int open_lones(struct restore *r, bool listeners, bool all)
{
	int rc = 0;

	for (size_t i = 0; i < r->n_files && !rc; i++) {
		const UnixSkEntry *usk = unix_entry(r->files[i]);

		if (usk && r->files[i]->fd < 0 && (usk->state == STATE_LISTEN) == listeners &&
		    (all || is_deleted(usk)))
			rc = open_lone(r, r->files[i]);
	}
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
	return rc ?: open_lones(r, true, false) ?: open_lones(r, true, true) ?:
	       open_lones(r, false, true);
}
