// SPDX-License-Identifier: GPL-2.0-only
/* Where a process is in the file system: root and working directory, and its umask. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dump/dump.h"
#include "fs.pb-c.h"
#include "inject/batch.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "restore/borrow.h"
#include "restore/restore.h"

/* --- dump ---------------------------------------------------------------- */

static int open_cwd(const struct process *p)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cwd", p->pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int dump_fs(struct dump *d, const struct process *p, FsEntry *fs)
{
	const struct process_record *rec = p->rec;
	_cleanup_close_ int cwd = rec->cwd_nlink ? -1 : open_cwd(p);

	fs->cwd_id = dump_regfile(d, p->cwd, rec->cwd_dev, rec->cwd_ino, rec->cwd_mnt_id,
				  rec->cwd_nlink, cwd);
	if (!fs->cwd_id)
		return fail_in(d->err, "its working directory");
	fs->root_id =
		dump_regfile(d, p->root, rec->root_dev, rec->root_ino, rec->root_mnt_id, 1, -1);
	if (!fs->root_id)
		return fail_in(d->err, "its root directory");
	fs->has_umask = true;
	fs->umask = rec->umask;
	return 0;
}

/* --- restore -------------------------------------------------------------- */

static bool is_our_root(int fd)
{
	struct stat st, own;

	return !fstat(fd, &st) && !stat("/", &own) && st.st_dev == own.st_dev &&
	       st.st_ino == own.st_ino;
}

/* Enters directory @fd of this process; as the root too if @is_root. */
static int enter(struct restore *r, struct new_task *t, struct batch *batch, int fd, bool is_root)
{
	int there, ret = restore_borrow(r, t, batch, fd, &there);

	if (ret)
		return ret;
	batch_do(batch, is_root ? "entering its root directory" : "entering its working directory",
		 SYS_fchdir, (__u64)there);
	if (is_root) {
		static const char here[] = ".";

		if (batch_reserve(batch, 1, sizeof(here)))
			return batch_run(batch, r->err);
		batch_do(batch, "changing its root directory", SYS_chroot,
			 batch_data(batch, here, sizeof(here), NULL));
	}
	return batch_do(batch, "closing the directory", SYS_close, (__u64)there);
}

static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const FsEntry *fs = t->process->fs;
	int root = restore_lend(r, fs->root_id, O_RDONLY | O_DIRECTORY, r->err);
	int cwd = root < 0 ? -1 : restore_lend(r, fs->cwd_id, O_RDONLY | O_DIRECTORY, r->err);
	int ret = 0;

	if (root < 0 || cwd < 0)
		return fail_in(r->err, "its %s directory", root < 0 ? "root" : "working");
	if (!is_our_root(root))
		ret = enter(r, t, batch, root, true);
	if (!ret)
		ret = enter(r, t, batch, cwd, false);
	if (!ret && fs->has_umask)
		batch_try(batch, "setting its umask", SYS_umask, fs->umask);
	return ret;
}

static const struct task_ops task_ops = {
	.restore = {[PHASE_PROCESS] = restore},
};

const struct kind kind_fs = {.name = "fs", .task = &task_ops};
