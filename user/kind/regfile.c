// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors of what is opened by its path: regular files, directories, harmless
 * devices, and anything by O_PATH.
 */
#include "regfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bpf/memfd.h"
#include "dump/dump.h"
#include "external.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "ghost.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "mounts.h"
#include "options.h"
#include "regfile.pb-c.h"
#include "restore/restore.h"
#include "surroundings.h"
#include "tun.h"

#define KMSG    (1u << 20 | 11) /* /dev/kmsg */
#define FUSE    (10u << 20 | 229) /* /dev/fuse */
#define NO_SEEK UINT64_MAX      /* an image's position that is not to be set */

/* Character devices whose open file has no state but its flags. */
static bool is_stateless_device(uint64_t rdev)
{
	static const struct {
		uint32_t major, minor;
	} devices[] = {
		{1, 3},  /* null */
		{1, 5},  /* zero */
		{1, 7},  /* full */
		{1, 8},  /* random */
		{1, 9},  /* urandom */
		{1, 11}, /* kmsg, but for the place up to which it was read */
		{10, 200}, /* net/tun, but for its interface: tun.h */
	};

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		if (rdev == ((uint64_t)devices[i].major << 20 | devices[i].minor))
			return true;
	return false;
}

/*
 * Before anything is mounted by it, /dev/fuse has no state. In Linux 7.3 it has, a struct fuse_dev
 * of a module: whether that serves a mount is not to be seen, so it is refused.
 */
static bool is_unmounted_fuse(const struct file *f)
{
	return f->rec->rdev == FUSE && !f->rec->private_data;
}

static bool claims(const struct file *f)
{
	const struct memfd_detail *detail = f->detail;

	/* Shared memory without a name has a kind of its own. */
	if (f->rec->detail_type == DETAIL_MEMFD && detail && detail->is_internal)
		return false;
	if (file_is_path(f))
		return true;
	if (file_is_nameless(f))
		return false;
	return S_ISREG(f->rec->i_mode) || S_ISDIR(f->rec->i_mode) ||
	       (S_ISCHR(f->rec->i_mode) &&
		(is_stateless_device(f->rec->rdev) || is_unmounted_fuse(f)));
}

static struct fileref ref_of(const struct file *f, const char *proc)
{
	return (struct fileref){.path = f->path,
				.dev = f->rec->dev,
				.ino = f->rec->ino,
				.nlink = f->rec->nlink,
				.s_magic = f->rec->s_magic,
				.proc = proc};
}

static void source_of(const struct file *f, char *proc, size_t n, struct regfile_source *ret)
{
	file_proc_path(f, proc, n);
	*ret = (struct regfile_source){
		.ref = ref_of(f, proc),
		.mnt_id = f->rec->mnt_id,
		.mode = f->rec->i_mode,
		.size = f->rec->size,
		.flags = file_flags(f),
		.pos = is_tun(f) || is_unmounted_fuse(f) ? NO_SEEK : f->rec->pos,
		.fd = -1,
	};
}

/*
 * A file of /proc/PID can be opened again if that process is restored, or is not ours to restore.
 */
static void judge_proc(struct judge *j, const struct file *f)
{
	int pid = proc_path_pid(f->path);

	if (f->rec->s_magic != MAGIC_PROC || !pid)
		return;
	if (snapshot_process(j->snap, pid))
		return;
	judge_file(j, f, "regfile", NULL,
		   "it tells of a process outside the tree: at restore that is whoever has the "
		   "number then");
	judge_soften(j);
}

static void judge_ghost(struct judge *j, const struct file *f, const char *proc)
{
	bool is_far = f->carrier && f->copy < 0; /* a scan cannot reach what is in flight */
	uint64_t bytes = !j->options->ghost_limit ? 0 : is_far ? f->rec->size : ghost_bytes(proc);

	if (bytes > j->options->ghost_limit)
		judge_file(j, f, "regfile", "raise --ghost-limit",
			   "it was deleted, and its content, %llu bytes, is more than "
			   "--ghost-limit (%llu)",
			   (unsigned long long)bytes, j->options->ghost_limit);
}

/* A place on a mount that stands nowhere (open_tree) would come back on the one it is a copy of. */
static void judge_mount(struct judge *j, const struct file *f)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", f->process->pid);
	if (!mounts_have("/proc/self/mountinfo", f->rec->mnt_id) &&
	    !mounts_have(path, f->rec->mnt_id))
		judge_file(j, f, "regfile", "close it before the checkpoint",
			   "it lies on a mount that stands nowhere (open_tree, fsmount), which "
			   "cannot be carried");
}

/* What was asked for through a file, and nobody can read again. */
static void judge_requests(struct judge *j, const struct file *f)
{
	const char *name = strrchr(f->path, '/');
	bool is_pressure = !strncmp(f->path, "/proc/pressure/", strlen("/proc/pressure/")) ||
			   (f->rec->s_magic == CGROUP2_SUPER_MAGIC && name && strstr(name, ".pressure"));

	/* An owner of signals serves nothing else here. */
	if (S_ISDIR(f->rec->i_mode) && !file_is_path(f) && f->rec->fown_pid.host)
		judge_file(j, f, "regfile", "let the program use inotify",
			   "changes of the directory are told by signals (F_NOTIFY), which cannot be "
			   "carried");
	if (is_pressure && file_can_write(f))
		judge_file(j, f, "regfile", "close it before the checkpoint",
			   "the kernel is to tell a pressure by it (PSI), and does not say which");
}

static void judge(struct judge *j, struct file *f)
{
	char proc[64];
	const struct fileref ref = ref_of(f, proc);
	enum fileref_state state = FILEREF_PRESENT;
	const char *why, *hint;

	judge_fown(j, f);
	if (!surroundings_is_present(j->around, &ref)) {
		file_proc_path(f, proc, sizeof(proc));
		state = surroundings_state(j->around, &ref);
	}
	why = fileref_obstacle(j->options, state, &hint);
	if (why)
		judge_file(j, f, "regfile", hint, "%s", why);
	else if (state == FILEREF_DELETED)
		judge_ghost(j, f, proc);
	else
		judge_proc(j, f);
	if (file_is_path(f) && state == FILEREF_PRESENT)
		judge_mount(j, f);
	judge_requests(j, f);
	if (is_tun(f))
		judge_tun(j, f);
	if (f->rec->rdev == KMSG && S_ISCHR(f->rec->i_mode) && file_can_read(f)) {
		judge_file(j, f, "regfile", NULL,
			   "it will read the kernel's messages from the beginning");
		judge_soften(j);
	}
}

/* What is in /proc depends on the tree, and /dev/fuse on more than its path. */
static bool is_plain(const struct file *f)
{
	if (file_is_path(f) || f->rec->s_magic == MAGIC_PROC)
		return false;
	if (S_ISCHR(f->rec->i_mode))
		return is_stateless_device(f->rec->rdev) && !is_tun(f);
	return S_ISREG(f->rec->i_mode) || S_ISDIR(f->rec->i_mode);
}

/* Of what restore is given only the name is kept. */
static int describe_external(struct dump *d, const struct file *f, FileEntry *entry,
			     FownEntry *fown)
{
	RegFileEntry *reg = dump_message(d, &reg_file_entry__descriptor);
	char *name = arena_alloc(&d->arena, EXTERNAL_NAME);

	if (!reg || !name)
		return fail(d->err, ENOMEM, "cannot describe it");
	external_file_name(f, name);
	reg->id = entry->id;
	reg->flags = file_flags(f);
	reg->pos = f->rec->pos;
	reg->fown = fown;
	reg->name = name;
	reg->has_ext = reg->ext = true;
	reg->has_mode = true;
	reg->mode = f->rec->i_mode;
	entry->reg = reg;
	return 0;
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	FownEntry *fown = dump_fown(d, f);
	struct regfile_source src;
	char proc[64];

	if (!fown)
		return fail(d->err, ENOMEM, "cannot describe it");
	if (external_has_file(d->opt, f))
		return describe_external(d, f, entry, fown);
	source_of(f, proc, sizeof(proc), &src);
	src.is_present = fileref_state(&src.ref) == FILEREF_PRESENT;
	if (!src.is_present) {
		src.fd = file_copy(f, d->err);
		if (src.fd < 0)
			return src.fd;
	}
	return regfile_describe(d, entry, &src, fown) ?: is_tun(f) ? dump_tun(d, f, &entry->reg->tun) : 0;
}

static void name(struct restore *r, const struct new_file *f, char *buf, size_t n,
		 uint32_t *ret_flags)
{
	const RegFileEntry *reg = f->entry->reg;

	if (!reg)
		return;
	snprintf(buf, n, "%s", reg->name);
	*ret_flags = reg->flags;
}

static int check(struct restore *r, struct new_file *f)
{
	const RegFileEntry *reg = f->entry->reg;

	if (!reg || reg->id != f->id)
		return fail(r->err, 0, "it says nothing of a file");
	if (reg->has_ext && reg->ext)
		return !f->process || f->given >= 0 ? 0 : external_missing(r, reg->name);
	if (!is_absolute_path(reg->name))
		return fail(r->err, 0, "`%s' is no absolute path", reg->name);
	if (reg->pos != NO_SEEK && reg->pos > INT64_MAX)
		return fail(r->err, 0, "%s: no file has a position %llu", reg->name,
			    (unsigned long long)reg->pos);
	return regfile_remap(r, f) ? 0 : r->err->code;
}

/* The directory of a process that is yet to be made. */
static bool waits_for_process(const struct restore *r, const struct new_file *f)
{
	int pid = proc_path_pid(f->entry->reg->name);

	return pid && restore_process(r, pid);
}

static int open_at(struct restore *r, struct new_file *f)
{
	const RegFileEntry *reg = f->entry->reg;
	struct remap *remap = f->data;
	int rc = 0;

	/* Opening one ghost opens all that stand for it. */
	if (remap->how == REMAP_GHOST && f->fd < 0)
		rc = ghost_open(r, remap->id);
	else if (f->fd < 0)
		rc = regfile_open(r, f, reg->flags, &f->fd);
	if (rc)
		return rc;
	if (reg->pos != NO_SEEK && !(reg->flags & O_PATH) && lseek(f->fd, reg->pos, SEEK_SET) < 0 &&
	    reg->pos)
		return fail(r->err, errno, "cannot set the position of %s", reg->name);
	return reg->tun && f->given < 0 ? restore_tun(r, f->fd, reg->tun) : 0;
}

static int open_file(struct restore *r, struct new_file *f)
{
	return waits_for_process(r, f) ? 0 : open_at(r, f);
}

static int connect_file(struct restore *r, struct new_file *f)
{
	const RegFileEntry *reg = f->entry->reg;
	int rc = f->fd < 0 ? open_at(r, f) : 0;

	/* What is given by O_PATH has nothing to be set. */
	if (rc || (reg->flags & O_PATH) || (f->given >= 0 && fcntl(f->fd, F_GETFL) & O_PATH))
		return rc;
	return connect_fown_flags(r, f, reg->fown, reg->flags);
}

static int arm(struct restore *r, struct new_file *f)
{
	if (f->entry->reg->tun && f->given < 0)
		return restore_tun_end(r, f->fd, f->entry->reg->tun);
	return 0;
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__REG,
	.claims = claims,
	.judge = judge,
	.is_plain = is_plain,
	.describe = describe,
	.name = name,
	.check = check,
	.open = open_file,
	.connect = connect_file,
	.arm = arm,
};

const struct kind kind_regfile = {.name = "regfile", .file = &file_ops};
