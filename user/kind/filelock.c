// SPDX-License-Identifier: GPL-2.0-only
/* Locks of files: flock, POSIX record locks, those of open file descriptions, and leases. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "dump/dump.h"
#include "file-lock.pb-c.h"
#include "inject/batch.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "options.h"
#include "restore/restore.h"
#include "snapshot.h"

/* file_lock_entry.flag. */
enum { IMAGE_POSIX = 1, IMAGE_FLOCK = 2, IMAGE_OFD = 4, IMAGE_LEASE = 8 };
#define IMAGE_BREAKING 4 /* in the type of a lease, beside what it is to become */

/* Kernel flags of a lock. */
enum { KERNEL_DELEG = 4, KERNEL_BREAKING = 256 | 512, KERNEL_LAYOUT = 2048 };

/* --- dump --- */

/* One that is being broken ends in a moment, by its holder or the kernel. */
static void judge_lease(struct judge *j, const struct file *f, const struct lock_record *lock)
{
	if (lock->flags & (KERNEL_DELEG | KERNEL_LAYOUT))
		judge_file(j, f, "filelock", NULL, "it holds a delegation, which cannot be carried");
	else if (lock->flags & KERNEL_BREAKING)
		judge_file(j, f, "filelock", "try again when the lease was given back",
			   "it holds a lease that somebody waits for");
}

static void judge_locks(struct judge *j, const struct file *f)
{
	for (size_t i = 0; i < f->n_locks; i++)
		if (f->locks[i]->class == LOCK_LEASE)
			judge_lease(j, f, f->locks[i]);
	if (f->n_locks && !j->options->file_locks)
		judge_file(j, f, "filelock", "--file-locks",
			   "it is locked: locks end with the process, and others could take them "
			   "before the restore");
}

static void judge(struct judge *j, const struct task *t)
{
	const struct process *p = t->process;

	if (t != p->tasks || !p->files || p->files->process != p)
		return;
	for (size_t i = 0; i < p->files->n_fds; i++) {
		const struct file *f = p->files->fds[i].file;

		if (f->process == p && f->fd == p->files->fds[i].number)
			judge_locks(j, f);
	}
}

/* A descriptor that was duplicated shows the lock again. */
static bool is_seen(const struct file *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (f->locks[k]->lock == f->locks[i]->lock)
			return true;
	return false;
}

/*
 * Who takes the lock again if its descriptor is in @table: a POSIX lock belongs to the table, so
 * the process that took it stands for it; the others belong to the description, as its first owner
 * does. NULL: it is another table's.
 */
static const struct process *taker_of(const struct dump *d, const struct fdtable *table,
				      const struct file *f, const struct lock_record *lock)
{
	const struct process *p = f->process;

	if (lock->class == LOCK_POSIX && snapshot_process(&d->snap, lock->pid))
		p = snapshot_process(&d->snap, lock->pid);
	return p->files == table ? p : NULL;
}

static uint32_t image_flag(uint32_t class)
{
	switch (class) {
	case LOCK_POSIX:
		return IMAGE_POSIX;
	case LOCK_FLOCK:
		return IMAGE_FLOCK;
	case LOCK_LEASE:
		return IMAGE_LEASE;
	}
	return IMAGE_OFD;
}

static int add_lock(struct dump *d, const struct process *p, uint32_t fd,
		    const struct lock_record *lock)
{
	FileLockEntry entry = FILE_LOCK_ENTRY__INIT;
	struct image *image = dump_image(d, IMAGE_FILELOCKS);

	if (!image)
		return d->err->code;
	entry.flag = image_flag(lock->class);
	entry.type = lock->type;
	entry.pid = p->vpid;
	entry.fd = fd;
	if (lock->class != LOCK_FLOCK && lock->class != LOCK_LEASE) {
		entry.start = lock->start;
		entry.len = lock->end == INT64_MAX ? 0 : lock->end - lock->start + 1;
	}
	return image_add(image, &entry.base, d->err);
}

static bool is_first_number(const struct fdtable *table, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (table->fds[k].file == table->fds[i].file)
			return false;
	return true;
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	const struct process *p = t->process;

	if (t != p->tasks || !p->files || p->files->process != p)
		return 0;
	for (size_t i = 0; i < p->files->n_fds; i++) {
		const struct file *f = p->files->fds[i].file;

		if (!f->n_locks || !is_first_number(p->files, i))
			continue;
		for (size_t k = 0; k < f->n_locks; k++) {
			const struct process *taker = taker_of(d, p->files, f, f->locks[k]);

			if (taker && !is_seen(f, k) &&
			    add_lock(d, taker, p->files->fds[i].number, f->locks[k]))
				return d->err->code;
		}
	}
	return 0;
}

/* --- restore --- */

static bool has_fd(const struct new_process *p, uint32_t number)
{
	const struct new_process *owner = p->files_of ?: p;

	for (size_t i = 0; i < owner->n_fds; i++)
		if (owner->fds[i].number == number)
			return true;
	return false;
}

static int check_lock(struct restore *r, const FileLockEntry *lock)
{
	const struct new_process *p = restore_process(r, lock->pid);

	uint32_t type = lock->flag == IMAGE_LEASE ? lock->type & ~IMAGE_BREAKING : lock->type;

	if (lock->flag != IMAGE_POSIX && lock->flag != IMAGE_FLOCK && lock->flag != IMAGE_OFD &&
	    lock->flag != IMAGE_LEASE)
		return fail(r->err, 0, "filelocks.img: locks of type %u cannot be restored",
			    lock->flag);
	if (type != F_RDLCK && type != F_WRLCK && (type != F_UNLCK || type == lock->type))
		return fail(r->err, 0, "filelocks.img: no lock can be of mode %u", lock->type);
	if (!p || lock->fd < 0 || !has_fd(p, lock->fd))
		return fail(r->err, 0, "filelocks.img: process %d has no descriptor %d", lock->pid,
			    lock->fd);
	if (lock->start < 0 || lock->len < 0 || lock->start > INT64_MAX - lock->len)
		return fail(r->err, 0, "filelocks.img: %lld bytes from %lld cannot be locked",
			    (long long)lock->len, (long long)lock->start);
	return 0;
}

/* CRIU's: its holder was told to give it up altogether, so there is nothing to take again. */
static bool is_given_up(const FileLockEntry *lock)
{
	return lock->flag == IMAGE_LEASE && lock->type == (F_UNLCK | IMAGE_BREAKING);
}

static int queue_lock(struct batch *batch, const FileLockEntry *lock)
{
	struct flock range = {
		.l_type = lock->type,
		.l_whence = SEEK_SET,
		.l_start = lock->start,
		.l_len = lock->len,
	};
	int how = (lock->type == F_RDLCK ? LOCK_SH : LOCK_EX) | LOCK_NB, rc;
	__u64 at;

	/* Who waits for a lease that was being broken has it, or has been told, by now. */
	if (lock->flag == IMAGE_LEASE)
		return batch_call(batch, "taking a lease by descriptor %llu", lock->fd, 0,
				  ENGINE_SUCCESS, 0, NULL, SYS_fcntl,
				  (const __u64[6]){lock->fd, F_SETLEASE,
						   lock->type & ~IMAGE_BREAKING});
	if (lock->flag == IMAGE_FLOCK)
		return batch_call(batch, "locking descriptor %llu", lock->fd, 0, ENGINE_SUCCESS, 0,
				  NULL, SYS_flock, (const __u64[6]){lock->fd, how});
	rc = batch_reserve(batch, 1, sizeof(range));
	at = rc ? 0 : batch_data(batch, &range, sizeof(range), NULL);
	if (!at)
		return rc ? rc : -ENOMEM;
	return batch_call(
		batch, "locking a range of descriptor %llu", lock->fd, 0, ENGINE_SUCCESS, 0, NULL,
		SYS_fcntl,
		(const __u64[6]){lock->fd, lock->flag == IMAGE_OFD ? F_OFD_SETLK : F_SETLK, at});
}

/* All locks of the image: checked (@batch NULL), or those of @p queued. */
static int for_locks(struct restore *r, const struct new_process *p, struct batch *batch)
{
	ProtobufCMessage *msg;
	struct image *image;
	int rc = image_open(r->dir, IMAGE_FILELOCKS, 0, &image, r->err);

	if (rc || !image)
		return rc;
	while ((rc = image_next(image, NULL, &msg, r->err)) > 0) {
		const FileLockEntry *lock = (FileLockEntry *)msg;

		if (!batch)
			rc = check_lock(r, lock);
		else
			rc = lock->pid == p->pid && !is_given_up(lock) ? queue_lock(batch, lock) : 0;
		protobuf_c_message_free_unpacked(msg, NULL);
		if (rc)
			break;
	}
	image_finish(image, NULL);
	return rc;
}

/* Tables of descriptors are known once every process is loaded: the first task will do. */
static int check(struct restore *r, struct new_task *t)
{
	return t == r->processes[0]->tasks ? for_locks(r, NULL, NULL) : 0;
}

static int restore_locks(struct restore *r, struct new_task *t, struct batch *batch)
{
	return for_locks(r, t->process, batch);
}

static const struct task_ops task_ops = {
	.judge = judge,
	.describe = describe,
	.check = check,
	.restore[PHASE_PROCESS] = restore_locks,
};

const struct kind kind_filelock = {.name = "filelock", .task = &task_ops};
