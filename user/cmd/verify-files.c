// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "cmd/verify.h"
#include "core.pb-c.h"
#include "fdinfo.pb-c.h"
#include "file-lock.pb-c.h"
#include "inventory.pb-c.h"
#include "lib/err.h"
#include "memfd.pb-c.h"
#include "pstree.pb-c.h"
#include "remap-file-path.pb-c.h"
#include "sk-packet.pb-c.h"
#include "tty.pb-c.h"

/* clang-format off */
/* Where a FileEntry has the message of its type. */
static const struct {
	FdTypes type;
	size_t offset;
	bool needs_user;	/* CRIU fails on one that no descriptor has */
} parts[] = {
	{ FD_TYPES__REG, offsetof(FileEntry, reg), false },
	{ FD_TYPES__PIPE, offsetof(FileEntry, pipe), true },
	{ FD_TYPES__FIFO, offsetof(FileEntry, fifo), true },
	{ FD_TYPES__INETSK, offsetof(FileEntry, isk), true },
	{ FD_TYPES__UNIXSK, offsetof(FileEntry, usk), true },
	{ FD_TYPES__EVENTFD, offsetof(FileEntry, efd), true },
	{ FD_TYPES__EVENTPOLL, offsetof(FileEntry, epfd), true },
	{ FD_TYPES__INOTIFY, offsetof(FileEntry, ify), true },
	{ FD_TYPES__SIGNALFD, offsetof(FileEntry, sgfd), true },
	{ FD_TYPES__PACKETSK, offsetof(FileEntry, psk), true },
	{ FD_TYPES__TTY, offsetof(FileEntry, tty), true },
	{ FD_TYPES__FANOTIFY, offsetof(FileEntry, ffy), true },
	{ FD_TYPES__NETLINKSK, offsetof(FileEntry, nlsk), true },
	{ FD_TYPES__NS, offsetof(FileEntry, nsf), true },
	{ FD_TYPES__TUNF, offsetof(FileEntry, tunf), true },
	{ FD_TYPES__EXT, offsetof(FileEntry, ext), true },
	{ FD_TYPES__TIMERFD, offsetof(FileEntry, tfd), true },
	{ FD_TYPES__MEMFD, offsetof(FileEntry, memfd), false },
	{ FD_TYPES__BPFMAP, offsetof(FileEntry, bpf), true },
	{ FD_TYPES__PIDFD, offsetof(FileEntry, pidfd), true },
};
/* clang-format on */

/* What files refer to by numbers that are not ids of files. */
struct tables {
	struct ids memfds, terminals, unix_inodes;
};

static __u32 id_of(const ProtobufCMessage *msg)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field_by_name(msg->descriptor, "id");

	return *(const __u32 *)((const char *)msg + field->offset);
}

/* The name of a socket that belongs to somebody else (--ext-unix-sk). */
static bool is_outside(const FileEntry *file)
{
	return file->type == FD_TYPES__UNIXSK && file->usk && file->usk->uflags;
}

/* The entry's own message, and whether somebody has it. */
static void check_entry(struct verify *v, const FileEntry *file)
{
	const ProtobufCMessage *part;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].type != file->type)
			continue;
		part = *(ProtobufCMessage *const *)((const char *)file + parts[i].offset);
		if (!part)
			verify_problem(v, "files.img: file %u has nothing of its type", file->id);
		else if (id_of(part) != file->id)
			verify_problem(v, "files.img: file %u calls itself %u", file->id,
				       id_of(part));
		if (parts[i].needs_user && !is_outside(file) &&
		    !ids_get(&v->file_users, file->id))
			verify_problem(v, "files.img: file %u belongs to no descriptor", file->id);
		return;
	}
	verify_problem(v, "files.img: file %u is of unknown type %d", file->id, (int)file->type);
}

static void check_path(struct verify *v, const FileEntry *file, bool has, __u32 id)
{
	const FileEntry *path = has ? image_set_file(&v->set, id) : NULL;

	if (has && (!path || path->type != FD_TYPES__REG))
		verify_problem(v, "files.img: file %u: its path, file %u, is missing", file->id,
			       id);
}

static void check_stream(struct verify *v, const FileEntry *file)
{
	const InventoryEntry *inventory = v->set.inventory;
	char name[IMAGE_NAME_MAX];

	if (file->isk->proto != 6 || !file->isk->dst_port || (inventory && inventory->tcp_close))
		return;
	image_name(name, IMAGE_TCP_STREAM, file->isk->ino);
	if (faccessat(image_dir_fd(v->dir), name, F_OK, 0))
		verify_problem(v, "files.img: file %u: %s is missing", file->id, name);
}

static void check_references(struct verify *v, struct tables *t, const FileEntry *file)
{
	const UnixSkEntry *usk = file->usk;

	if (file->memfd && !ids_get(&t->memfds, file->memfd->inode_id))
		verify_problem(v, "files.img: file %u: memfd inode %u is not in memfd.img",
			       file->id, file->memfd->inode_id);
	if (file->tty && !ids_get(&t->terminals, file->tty->tty_info_id))
		verify_problem(v, "files.img: file %u: terminal %u is not in tty-info.img",
			       file->id, file->tty->tty_info_id);
	if (usk && usk->peer && !usk->uflags && !ids_get(&t->unix_inodes, usk->peer))
		verify_problem(v, "files.img: file %u: its peer, socket %u, is missing", file->id,
			       usk->peer);
	if (file->pidfd && file->pidfd->nspid > 0 && !ids_get(&v->pids, (__u32)file->pidfd->nspid))
		verify_problem(v, "files.img: file %u: process %d is not in the tree", file->id,
			       file->pidfd->nspid);
	if (file->tty)
		check_path(v, file, file->tty->has_regf_id, file->tty->regf_id);
	if (file->fifo)
		check_path(v, file, file->fifo->has_regf_id, file->fifo->regf_id);
	if (file->isk)
		check_stream(v, file);
	for (size_t i = 0; file->epfd && i < file->epfd->n_tfd; i++)
		if (file->epfd->tfd[i]->has_file_id &&
		    !image_set_file(&v->set, file->epfd->tfd[i]->file_id))
			verify_problem(v, "files.img: file %u watches file %u, which is missing",
				       file->id, file->epfd->tfd[i]->file_id);
}

/* Only a tun file shares its number: with the entry that gives its path. */
static int check_unique(struct verify *v, struct error *err)
{
	struct ids seen = {0};
	int ret = 0;

	for (size_t i = 0; i < v->set.files.n && !ret; i++) {
		const FileEntry *file = (const void *)v->set.files.msgs[i];
		__u64 key = (__u64)(file->type == FD_TYPES__TUNF) << 32 | file->id;

		if (!file->id || ids_get(&seen, key))
			verify_problem(v, "files.img: two files have the id %u", file->id);
		if (ids_set(&seen, key, 1))
			ret = fail(err, ENOMEM, "cannot check the files");
	}
	ids_deinit(&seen);
	return ret;
}

static int check_fds(struct verify *v, const struct set_process *p, struct error *err)
{
	struct ids seen = {0};
	int ret = 0;

	for (size_t i = 0; i < p->fds.n && !ret; i++) {
		const FdinfoEntry *fd = (const void *)p->fds.msgs[i];
		const FileEntry *file = image_set_file(&v->set, fd->id);

		if (!file)
			verify_problem(v,
				       "fdinfo-%u.img: descriptor %u: file %u is not in files.img",
				       p->ids->files_id, fd->fd, fd->id);
		else if (file->type != fd->type && fd->type != FD_TYPES__TUNF)
			verify_problem(v,
				       "fdinfo-%u.img: descriptor %u: file %u is of another type",
				       p->ids->files_id, fd->fd, fd->id);
		if (ids_get(&seen, fd->fd))
			verify_problem(v, "fdinfo-%u.img: descriptor %u is there twice",
				       p->ids->files_id, fd->fd);
		if (ids_set(&seen, fd->fd, 1) || ids_set(&v->file_users, fd->id, 1))
			ret = fail(err, ENOMEM, "cannot check the descriptors");
	}
	ids_deinit(&seen);
	return ret;
}

/* Descriptors on their way through a unix socket have no number yet. */
static int check_rights(struct verify *v, const ScmEntry *scm, struct error *err)
{
	for (size_t i = 0; i < scm->n_rights; i++) {
		if (!image_set_file(&v->set, scm->rights[i]))
			verify_problem(v, "sk-queues.img: file %u is sent, and missing",
				       scm->rights[i]);
		if (ids_set(&v->file_users, scm->rights[i], 1))
			return fail(err, ENOMEM, "cannot check the queues");
	}
	return 0;
}

static int check_queues(struct verify *v, struct error *err)
{
	struct image_entries queues = verify_load(v, IMAGE_SK_QUEUES, 0);
	int ret = 0;

	for (size_t i = 0; i < queues.n && !ret; i++) {
		const SkPacketEntry *e = (const void *)queues.msgs[i];

		if (!image_set_file(&v->set, e->id_for))
			verify_problem(v,
				       "sk-queues.img: a packet is for file %u, which is missing",
				       e->id_for);
		for (size_t j = 0; j < e->n_scm && !ret; j++)
			ret = check_rights(v, e->scm[j], err);
	}
	image_entries_deinit(&queues);
	return ret;
}

static void check_remaps(struct verify *v)
{
	struct image_entries remaps = verify_load(v, IMAGE_REMAP_FPATH, 0);
	char name[IMAGE_NAME_MAX];

	for (size_t i = 0; i < remaps.n; i++) {
		const RemapFilePathEntry *e = (const void *)remaps.msgs[i];
		bool ghost =
			e->has_remap_type ? e->remap_type == REMAP_TYPE__GHOST : e->remap_id >> 31;

		image_name(name, IMAGE_GHOST_FILE, e->remap_id & 0x7fffffff);
		if (!image_set_file(&v->set, e->orig_id))
			verify_problem(v, "remap-fpath.img: file %u is not in files.img",
				       e->orig_id);
		if (ghost && faccessat(image_dir_fd(v->dir), name, F_OK, 0))
			verify_problem(v, "%s, the content of file %u, is missing", name,
				       e->orig_id);
		if (!ghost && e->remap_type == REMAP_TYPE__LINKED &&
		    !image_set_file(&v->set, e->remap_id))
			verify_problem(v, "remap-fpath.img: file %u is not in files.img",
				       e->remap_id);
	}
	image_entries_deinit(&remaps);
}

static void check_locks(struct verify *v)
{
	struct image_entries locks = verify_load(v, IMAGE_FILELOCKS, 0);

	for (size_t i = 0; i < locks.n; i++) {
		const FileLockEntry *e = (const void *)locks.msgs[i];

		if (e->pid < 0 || !ids_get(&v->pids, (__u32)e->pid))
			verify_problem(v, "filelocks.img: process %d is not in the tree", e->pid);
	}
	image_entries_deinit(&locks);
}

static int load_tables(struct verify *v, struct tables *t, struct error *err)
{
	struct image_entries memfds = verify_load(v, IMAGE_MEMFD, 0);
	struct image_entries terminals = verify_load(v, IMAGE_TTY_INFO, 0);
	int ret = 0;

	for (size_t i = 0; i < memfds.n; i++)
		ret |= ids_set(&t->memfds, ((MemfdInodeEntry *)memfds.msgs[i])->inode_id, 1);
	for (size_t i = 0; i < terminals.n; i++)
		ret |= ids_set(&t->terminals, ((TtyInfoEntry *)terminals.msgs[i])->id, 1);
	for (size_t i = 0; i < v->set.files.n; i++) {
		const FileEntry *file = (const void *)v->set.files.msgs[i];

		if (file->usk)
			ret |= ids_set(&t->unix_inodes, file->usk->ino, 1);
	}
	image_entries_deinit(&memfds);
	image_entries_deinit(&terminals);
	return ret ? fail(err, ENOMEM, "cannot check the files") : 0;
}

int verify_files(struct verify *v, struct error *err)
{
	struct tables t = {0};
	int ret;

	ret = check_unique(v, err) ?: load_tables(v, &t, err) ?: check_queues(v, err);
	for (size_t i = 0; i < v->set.n_processes && !ret; i++)
		ret = check_fds(v, &v->set.processes[i], err);
	for (size_t i = 0; i < v->set.files.n && !ret; i++) {
		check_entry(v, (const void *)v->set.files.msgs[i]);
		check_references(v, &t, (const void *)v->set.files.msgs[i]);
	}
	if (!ret) {
		check_remaps(v);
		check_locks(v);
	}
	ids_deinit(&t.memfds);
	ids_deinit(&t.terminals);
	ids_deinit(&t.unix_inodes);
	return ret;
}
