// SPDX-License-Identifier: GPL-2.0-only
/* Unix sockets: their state. What waits in them is the matter of dump/unixqueue.c. */
#include "bpf/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "dump/dump.h"
#include "dump/unixoptions.h"
#include "external.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "fileref.h"
#include "judge.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "options.h"
#include "restore/restore.h"
#include "sk-opts.pb-c.h"
#include "sk-unix.pb-c.h"
#include "socknames.h"
#include "sockopt.h"
#include "unixqueue.h"
#include "unixsk.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif
#define NAME_AT       offsetof(struct sockaddr_un, sun_path)
#define DELETED       " (deleted)"
#define SHUTDOWN_BOTH 3
#define UFLAG_EXTERNAL 1 /* CRIU: a peer outside the tree */
enum { STATE_ESTABLISHED = 1, STATE_CLOSE = 7, STATE_LISTEN = 10 };

static bool claims(const struct file *f)
{
	return f->rec->s_magic == MAGIC_SOCKFS && !file_is_path(f) && unix_detail_of(f);
}

/* --- dump --- */

static bool has_name(const struct unix_detail *detail)
{
	return detail->address_length > NAME_AT;
}

static bool is_path(const struct unix_detail *detail)
{
	return has_name(detail) && detail->address[NAME_AT];
}

/* May it be connected again with a socket of somebody else, who keeps its name? */
static bool is_named_outside(const struct unix_detail *detail)
{
	return detail->type == SOCK_DGRAM && detail->peer_ino &&
	       detail->peer_address_length > NAME_AT &&
	       (!detail->peer_address[NAME_AT] || detail->peer_address[NAME_AT] == '/');
}

/* Is it to be given at restore, since its other side belongs to others? */
static bool is_external(const struct options *opt, const struct snapshot *snap, const struct file *f)
{
	const struct unix_detail *detail = unix_detail_of(f);

	return detail->peer_ino && external_has_inode(opt, "unix", f->rec->ino) &&
	       !unix_find(snap, f, detail->peer);
}

/* What waits in it could only be sent again by the other side. */
static void judge_unread(struct judge *j, const struct file *f, const struct unix_detail *detail)
{
	if (!detail->receive_skbs)
		return;
	judge_file(j, f, "unix", NULL, "%llu bytes that wait in it to be read are lost",
		   (unsigned long long)detail->receive_bytes);
	judge_soften(j);
}

static void judge_outside(struct judge *j, const struct file *f, const struct unix_detail *detail)
{
	unsigned long long ino = detail->peer_ino;
	char hint[128];

	snprintf(hint, sizeof(hint), "checkpoint both sides together; or --external 'unix[%llu]', if "
		 "restore is to be given another", (unsigned long long)f->rec->ino);
	if (!is_named_outside(detail))
		judge_file(j, f, "unix", hint,
			   "a process outside the tree has its other side (socket:[%llu])", ino);
	else if (!j->options->ext_unix_sk)
		judge_file(j, f, "unix", "--ext-unix-sk connects it again with whoever has the name then",
			   "it sends to a socket outside the tree (socket:[%llu])", ino);
}

static void judge_peer(struct judge *j, const struct file *f, const struct unix_detail *detail)
{
	const struct file *peer = unix_find(j->snap, f, detail->peer);
	bool is_dgram = detail->type == SOCK_DGRAM;

	if (!detail->peer || f->rec->is_contained ||
	    (!peer && !detail->peer_ino && (detail->shutdown == SHUTDOWN_BOTH || is_dgram)))
		return;
	if (!peer && !detail->peer_ino && !unix_listener_of(j->snap, f))
		judge_file(j, f, "unix", "let the other side accept it",
			   "its connection was not accepted yet");
	else if (!peer && detail->peer_ino)
		judge_outside(j, f, detail);
	else if (peer && is_dgram && unix_detail_of(peer)->peer != detail->sk &&
		 !has_name(unix_detail_of(peer)))
		judge_file(j, f, "unix", NULL,
			   "it sends to a socket without a name that does not send back to it");
}

/* The path of the file that it was bound to, as it is now; "" if the kernel does not tell. */
static void bound_path(int fd, char path[static PATH_MAX])
{
	_cleanup_close_ int file = ioctl(fd, SIOCUNIXFILE);
	char link[64];
	ssize_t n = -1;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
	if (file >= 0)
		n = readlink(link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = 0;
}

/* Has its file another name than the one that it was bound to, and tells? */
static bool is_renamed(const struct unix_detail *detail)
{
	struct fileref ref = {.path = (const char *)detail->address + NAME_AT,
			      .dev = detail->path_dev,
			      .ino = detail->path_ino,
			      .nlink = detail->path_nlink};
	const char *last = strrchr(ref.path, '/');

	if (!is_path(detail) || !detail->path_ino || !detail->path_nlink)
		return false;
	if (strcmp(last ? last + 1 : ref.path, detail->path_name))
		return true;
	return *ref.path == '/' && fileref_state(&ref) != FILEREF_PRESENT;
}

/* As bound_path(), of a program that may run: its descriptor is borrowed. */
static void look_for_path(const struct file *f, char path[static PATH_MAX])
{
	_cleanup_close_ int fd = -1, pidfd = -1;

	if (f->copy >= 0) {
		bound_path(f->copy, path);
		return;
	}
	pidfd = (int)syscall(SYS_pidfd_open, f->process->pid, 0);
	if (pidfd >= 0)
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, f->fd, 0);
	if (fd >= 0)
		bound_path(fd, path);
}

/*
 * The path at which a socket is bound whose file is moved to @now then: its name, for a relative
 * one in the directory where the file is. Returns false if there is none.
 */
static bool first_path(const struct unix_detail *detail, const char *now,
		       char path[static PATH_MAX])
{
	const char *name = (const char *)detail->address + NAME_AT, *last = strrchr(now, '/');
	int n;

	if (*name == '/')
		n = snprintf(path, PATH_MAX, "%s", name);
	else
		n = snprintf(path, PATH_MAX, "%.*s/%s", (int)(last - now), now, name);
	return n < PATH_MAX && (*name == '/' || !strchr(name, '/'));
}

/* Can a file be made at @path, and be moved to @now? */
static bool can_move(const char *path, const char *now)
{
	const char *last = strrchr(path, '/'), *last_now = strrchr(now, '/');
	char dir[PATH_MAX], dir_now[PATH_MAX];
	struct stat st, st_now;

	snprintf(dir, sizeof(dir), "%.*s/", (int)(last - path), path);
	snprintf(dir_now, sizeof(dir_now), "%.*s/", (int)(last_now - now), now);
	return lstat(path, &st) && errno == ENOENT && !stat(dir, &st) && !stat(dir_now, &st_now) &&
	       st.st_dev == st_now.st_dev;
}

/* What was renamed is bound again to the name that it was given, which must be free, and moved. */
static void judge_name(struct judge *j, const struct file *f, const struct unix_detail *detail)
{
	struct fileref ref = {
		.dev = detail->path_dev, .ino = detail->path_ino, .nlink = detail->path_nlink};
	char now[PATH_MAX], path[PATH_MAX];

	if (!is_renamed(detail))
		return;
	*now = 0;
	if (!f->carrier)
		look_for_path(f, now);
	ref.path = now;
	if (*now != '/' || fileref_state(&ref) != FILEREF_PRESENT)
		judge_file(j, f, "unix", "give the file its name back",
			   "the file that it was bound to, %s, has another name now (%s)",
			   (const char *)detail->address + NAME_AT, detail->path_name);
	else if (!first_path(detail, now, path) || !can_move(path, now))
		judge_file(j, f, "unix", "give the file its name back, or make that name free",
			   "the file that it was bound to, %s, is %s now, and the name cannot be used",
			   (const char *)detail->address + NAME_AT, now);
}

/* Is a listener of the tree at @path, which gives way to one that was there before? */
static bool listener_is_at(const struct snapshot *snap, const char *path)
{
	for (size_t i = 0; i < snap->n_files; i++) {
		const struct unix_detail *detail = unix_detail_of(snap->files[i]);
		struct fileref ref = {.path = path};

		if (!detail || detail->state != STATE_LISTEN || !detail->path_nlink)
			continue;
		ref.dev = detail->path_dev;
		ref.ino = detail->path_ino;
		ref.nlink = detail->path_nlink;
		if (fileref_state(&ref) == FILEREF_PRESENT)
			return true;
	}
	return false;
}

/* The path of its file that was removed, in @path; "" if it cannot be told. */
static void removed_path(const struct file *f, const struct unix_detail *detail,
			 char path[static PATH_MAX])
{
	size_t n;

	*path = 0;
	if (detail->address[NAME_AT] == '/') {
		snprintf(path, PATH_MAX, "%s", (const char *)detail->address + NAME_AT);
		return;
	}
	if (!f->carrier)
		look_for_path(f, path);
	n = strlen(path);
	if (n > strlen(DELETED) && !strcmp(path + n - strlen(DELETED), DELETED))
		path[n - strlen(DELETED)] = 0;
}

/* What is bound again to a name whose file was removed needs that name for a moment. */
static void judge_removed(struct judge *j, const struct file *f, const struct unix_detail *detail)
{
	char path[PATH_MAX];
	struct stat st;

	if (!is_path(detail) || !detail->path_ino || detail->path_nlink ||
	    (detail->type != SOCK_DGRAM && detail->state == STATE_ESTABLISHED))
		return;
	removed_path(f, detail, path);
	if (lstat(path, &st))
		return;
	if (detail->state != STATE_LISTEN || !S_ISSOCK(st.st_mode) || !listener_is_at(j->snap, path))
		judge_file(j, f, "unix", "remove what has that name",
			   "its file was removed, and its name, %s, is another's now", path);
}

static void judge(struct judge *j, struct file *f)
{
	const struct unix_detail *detail = unix_detail_of(f);

	judge_fown(j, f);
	if (detail->net_ns != f->process->tasks[0].rec->net_ns)
		judge_file(j, f, "unix", NULL,
			   "it belongs to another network namespace than its process");
	if (is_external(j->options, j->snap, f)) {
		judge_unread(j, f, detail);
		return;
	}
	judge_unix_queue(j, f);
	judge_name(j, f, detail);
	judge_removed(j, f, detail);
	judge_peer(j, f, detail);
}

/* What it is joined to is there, in whatever tree it is. */
static bool is_plain(const struct file *f)
{
	return f->rec->is_contained;
}

/* Its file has another name now: @path, to which it is moved when it has been made. */
static int describe_renamed(struct dump *d, const char *path, UnixSkEntry *usk)
{
	const char *last = strrchr(path, '/');

	usk->renamed_to = arena_printf(&d->arena, "%s", path);
	if (usk->name.data[0] != '/' && last)
		usk->name_dir = arena_printf(&d->arena, "%.*s", (int)(last - path ?: 1), path);
	return usk->renamed_to ? 0 : fail(d->err, ENOMEM, "cannot describe it");
}

static int describe_path(struct dump *d, struct file *f, UnixSkEntry *usk)
{
	const struct unix_detail *detail = unix_detail_of(f);
	const char *name = (const char *)usk->name.data;
	struct fileref ref = {
		.dev = detail->path_dev, .ino = detail->path_ino, .nlink = detail->path_nlink};
	char path[PATH_MAX];
	int fd = file_copy(f, d->err);
	size_t n, m;

	if (fd < 0)
		return fd;
	usk->file_perms = dump_message(d, &file_perms_entry__descriptor);
	if (!usk->file_perms)
		return fail(d->err, ENOMEM, "cannot describe it");
	usk->file_perms->mode = detail->path_mode;
	usk->file_perms->uid = detail->path_uid;
	usk->file_perms->gid = detail->path_gid;
	bound_path(fd, path);
	ref.path = *path ? path : name;
	if (fileref_state(&ref) != FILEREF_PRESENT)
		usk->has_deleted = usk->deleted = true;
	else if (is_renamed(detail))
		return describe_renamed(d, path, usk);
	if (name[0] == '/')
		return 0;
	/* A relative name belongs to the directory in which it was bound. */
	n = strlen(path);
	m = strlen(name);
	if (usk->deleted && n > strlen(DELETED))
		n -= strlen(DELETED);
	if (n <= m + 1 || memcmp(path + n - m, name, m) || path[n - m - 1] != '/')
		return fail(d->err, 0, "cannot find the directory in which it was bound to %s",
			    name);
	usk->name_dir = arena_printf(&d->arena, "%.*s", (int)(n - m - 1 ?: 1), path);
	return usk->name_dir ? 0 : fail(d->err, ENOMEM, "cannot describe it");
}

/* Was the entry of the socket outside, that @f sends to, written with an earlier file? */
static bool is_described(const struct dump *d, const struct file *f)
{
	for (size_t i = 0; d->snap.files[i] != f; i++) {
		const struct unix_detail *other = unix_detail_of(d->snap.files[i]);

		if (other && other->peer == unix_detail_of(f)->peer)
			return true;
	}
	return false;
}

/* As CRIU has it: an entry for the socket outside, which nobody in the tree has. */
static int describe_outside(struct dump *d, const struct file *f)
{
	const struct unix_detail *detail = unix_detail_of(f);
	FileEntry *entry = dump_message(d, &file_entry__descriptor);
	UnixSkEntry *usk = dump_message(d, &unix_sk_entry__descriptor);
	int fd = file_copy((struct file *)f, d->err);

	if (fd < 0 || is_described(d, f))
		return fd < 0 ? fd : 0;
	if (!entry || !usk || !(usk->fown = dump_message(d, &fown_entry__descriptor)) ||
	    !(usk->opts = dump_sockopts(d, fd, AF_UNIX, detail->type, 0)))
		return d->err->code;
	entry->type = FD_TYPES__UNIXSK;
	entry->id = usk->id = dump_new_file_id(d);
	entry->usk = usk;
	usk->ino = detail->peer_ino;
	usk->type = detail->peer_type;
	usk->state = STATE_CLOSE;
	usk->flags = O_RDWR;
	usk->uflags = UFLAG_EXTERNAL;
	usk->has_ns_id = true;
	usk->ns_id = HOST_NET_NS_ID;
	usk->name.data = (uint8_t *)detail->peer_address + NAME_AT;
	usk->name.len = detail->peer_address_length > NAME_AT ? detail->peer_address_length - NAME_AT
							      : 0;
	return dump_file_entry(d, entry);
}

/* As SO_PEERCRED tells: whom its other side, or of a listener its clients, take it for. */
static int describe_peer(struct dump *d, const struct file *f, UnixSkEntry *usk)
{
	const struct unix_detail *detail = unix_detail_of(f);
	const struct file *peer = unix_find(&d->snap, f, detail->peer);

	if (!peer)
		peer = unix_listener_of(&d->snap, f);
	usk->peer = peer ? peer->rec->ino
		    : is_named_outside(detail) || is_external(d->opt, &d->snap, f) ? detail->peer_ino
										   : 0;
	usk->has_peer_closed = usk->peer_closed = detail->peer && !usk->peer;
	usk->has_error = usk->error = detail->error;
	if (usk->peer && !peer && describe_outside(d, f))
		return d->err->code;
	if (detail->peer_uid == (uint32_t)-1)
		return 0;
	usk->has_peer_pid = usk->has_peer_uid = usk->has_peer_gid = true;
	usk->peer_pid = detail->peer_pid.virt;
	usk->peer_uid = detail->peer_uid;
	usk->peer_gid = detail->peer_gid;
	return 0;
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	const struct unix_detail *detail = unix_detail_of(f);
	UnixSkEntry *usk = dump_message(d, &unix_sk_entry__descriptor);
	const struct unix_options *options = dump_unix_options(d, f);

	if (!options)
		return d->err->code;
	if (!usk || !(usk->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	usk->id = f->id;
	usk->ino = f->rec->ino;
	usk->type = detail->type;
	usk->state = detail->state;
	usk->flags = file_flags(f);
	usk->backlog = detail->state == STATE_LISTEN ? detail->max_backlog : 0;
	usk->has_ns_id = true;
	usk->ns_id = HOST_NET_NS_ID;
	if (detail->shutdown) {
		usk->has_shutdown = true;
		usk->shutdown = (SkShutdown)(detail->shutdown & SHUTDOWN_BOTH);
	}
	if (describe_peer(d, f, usk) ||
	    (detail->state == STATE_LISTEN && dump_unix_pending(d, f, usk)))
		return d->err->code;
	usk->opts = options->opts;
	usk->peer_groups = options->peer_groups;
	usk->n_peer_groups = options->n_peer_groups;
	usk->name.data = arena_alloc(&d->arena, sizeof(detail->address));
	if (!usk->name.data)
		return fail(d->err, ENOMEM, "cannot describe it");
	usk->name.len = has_name(detail) ? detail->address_length - NAME_AT : 0;
	memcpy(usk->name.data, detail->address + NAME_AT, usk->name.len);
	entry->usk = usk;
	if (is_path(detail) && describe_path(d, f, usk))
		return d->err->code;
	return is_external(d->opt, &d->snap, f) ? 0 : dump_unix_queue(d, f);
}

/* --- restore --- */

static void name(struct restore *r, const struct new_file *f, char *buf, size_t n,
		 uint32_t *ret_flags)
{
	if (!f->entry->usk)
		return;
	snprintf(buf, n, "socket:[%u]", f->entry->usk->ino);
	*ret_flags = f->entry->usk->flags;
}

/* A connection has another side in the image, which is connected with it or listens. */
static int check_peer(struct restore *r, const struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	const struct new_file *peer = unix_by_ino(r, usk->peer);
	char own[EXTERNAL_NAME];

	if (f->given >= 0)
		return peer && unix_entry(peer) ? fail(r->err, 0, "a descriptor is given for it, "
						       "but its other side, socket %u, is part "
						       "of the tree", usk->peer) : 0;
	if (!f->process || !usk->peer)
		return 0;
	snprintf(own, sizeof(own), "socket:[%u]", usk->ino);
	if (peer && peer->entry->usk->uflags & UFLAG_EXTERNAL &&
	    (usk->type != SOCK_DGRAM || !peer->entry->usk->name.len))
		return external_missing(r, own);
	if (usk->type == SOCK_DGRAM)
		return 0;
	if (!peer || !unix_entry(peer))
		return fail(r->err, 0, "its other side, socket %u, is missing", usk->peer);
	if (!unix_mutual_peer(r, f) && peer->entry->usk->state != STATE_LISTEN)
		return fail(r->err, 0, "its other side, socket %u, is not connected with it",
			    usk->peer);
	return 0;
}

static int check(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;
	const struct sockaddr_un *sun = NULL;

	if (!usk || usk->id != f->id)
		return fail(r->err, 0, "it says nothing of a socket");
	if (usk->type != SOCK_STREAM && usk->type != SOCK_DGRAM && usk->type != SOCK_SEQPACKET)
		return fail(r->err, 0, "no Unix socket is of type %u", usk->type);
	if (usk->state != STATE_ESTABLISHED && usk->state != STATE_CLOSE &&
	    usk->state != STATE_LISTEN)
		return fail(r->err, 0, "no Unix socket is in state %u", usk->state);
	if (usk->name.len > sizeof(sun->sun_path))
		return fail(r->err, 0, "its name has %zu bytes", usk->name.len);
	if (usk->name_dir && !is_absolute_path(usk->name_dir))
		return fail(r->err, 0, "`%s' is no absolute path", usk->name_dir);
	if (usk->renamed_to && !is_absolute_path(usk->renamed_to))
		return fail(r->err, 0, "`%s' is no absolute path", usk->renamed_to);
	if (usk->uflags & ~(f->process ? 0 : UFLAG_EXTERNAL))
		return fail(r->err, 0, "a socket with the flags %#x cannot be restored yet",
			    usk->uflags);
	return check_sockopts(r, usk->opts) ?: check_peer(r, f);
}

static int open_socket(struct restore *r, struct new_file *f)
{
	return unix_open_all(r);
}

static int connect_socket(struct restore *r, struct new_file *f)
{
	const UnixSkEntry *usk = f->entry->usk;

	return connect_fown_flags(r, f, usk->fown, usk->flags);
}

/* The address as it is bound; an abstract one begins with @ in place of the NUL. */
static void print_address(const struct unix_detail *detail, FILE *out)
{
	size_t start = offsetof(struct sockaddr_un, sun_path);

	for (size_t i = start; i < detail->address_length && i < sizeof(detail->address); i++) {
		unsigned char c = detail->address[i];

		if (c > ' ' && c < 0x7f)
			fputc(c, out);
		else if (i == start || i + 1 < detail->address_length)
			fputc(i == start ? '@' : '?', out);
	}
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	const struct unix_detail *detail = f->detail;

	if (!detail)
		return;
	fprintf(out, "type %s state %s peer %llu queued %llu messages %u",
		socket_type_name(detail->type), socket_state_name(detail->type, detail->state), (unsigned long long)detail->peer_ino,
		(unsigned long long)detail->receive_bytes, detail->receive_skbs);
	if (detail->n_fds)
		fprintf(out, " fds %u", detail->n_fds);
	if (detail->address_length > offsetof(struct sockaddr_un, sun_path)) {
		fputs(" address ", out);
		print_address(detail, out);
	}
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__UNIXSK,
	.claims = claims,
	.judge = judge,
	.is_plain = is_plain,
	.state = state,
	.describe = describe,
	.name = name,
	.adopt = unix_adopt,
	.check = check,
	.open = open_socket,
	.abandon = unix_abandon,
	.connect = connect_socket,
	.fill = unix_fill_all,
};

const struct kind kind_unix = {.name = "unix", .file = &file_ops};
