// SPDX-License-Identifier: GPL-2.0-only
/* Terminals and sessions: who is led by which, and which job is in the foreground. */
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "tty.pb-c.h"

/* The pty, or the terminal that is given, that is to be the controlling one of @leader's session. */
static const struct new_file *find_terminal(const struct restore *r,
					    const struct new_process *leader)
{
	for (size_t i = 0; i < r->n_files; i++) {
		const struct tty_plan *plan = tty_plan_of(r->files[i]);

		if (plan && (plan->is_master || r->files[i]->given >= 0) &&
		    tty_leader(r, plan->info) == leader)
			return r->files[i];
	}
	return NULL;
}

/* Opens /dev/tty for @f in @leader and fetches it, for all who have it. */
static int open_ctty(struct new_process *leader, struct new_file *f, struct error *err)
{
	static const char path[] = "/dev/tty";
	struct batch *batch = injected_batch(leader->tasks[0].injected);
	int flags = (f->entry->tty->flags & O_ACCMODE) | O_NOCTTY | O_CLOEXEC;
	_cleanup_close_ int pidfd = -1;
	__s64 fd = -1;

	if (batch_reserve(batch, 1, sizeof(path)) ||
	    batch_call(batch, "opening /dev/tty", 0, 0, ENGINE_SUCCESS, 0, &fd, SYS_openat,
		       (const __u64[6]){(__u64)AT_FDCWD,
					batch_data(batch, path, sizeof(path), NULL),
					(__u64)flags}) ||
	    batch_run(batch, err))
		return err->code ?: -EINVAL;
	pidfd = (int)syscall(SYS_pidfd_open, leader->pid, 0);
	f->fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (f->fd < 0)
		return fail(err, errno, "cannot fetch /dev/tty from process %d", leader->pid);
	batch_do(batch, "closing /dev/tty", SYS_close, fd);
	return batch_run(batch, err);
}

static int open_cttys(struct restore *r, struct new_process *leader, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < r->n_files && !rc; i++) {
		const struct tty_plan *plan = tty_plan_of(r->files[i]);

		if (plan && plan->is_of_pair && plan->info->type == TTY_TYPE__CTTY &&
		    r->files[i]->fd < 0 && tty_leader(r, plan->info) == leader)
			rc = open_ctty(leader, r->files[i], err);
	}
	return rc;
}

/* It may already be the controlling terminal of others, from whom it is not taken. */
static int lead_given(struct restore *r, const struct new_file *f, struct new_process *leader,
		      struct error *err)
{
	struct batch *batch = injected_batch(leader->tasks[0].injected);
	__s64 ret = 0;

	if (batch_call(batch, "taking a controlling terminal", 0, 0, ENGINE_ANY, 0, &ret, SYS_ioctl,
		       (const __u64[6]){(__u64)f->born_fd, TIOCSCTTY, 0}) ||
	    batch_run(batch, err))
		return err->code ?: -EINVAL;
	((struct tty_plan *)f->data)->is_led = ret >= 0;
	if (ret < 0)
		log_warn(r->log, "the terminal given to session %d does not become its controlling one "
				 "(%s), ignoring", leader->pid, strerror((int)-ret));
	return 0;
}

int tty_lead(struct restore *r, struct new_process *leader, struct error *err)
{
	const struct new_file *master = find_terminal(r, leader);
	struct batch *batch = injected_batch(leader->tasks[0].injected);
	__s64 fd = -1;

	if (!master)
		return 0;
	if (master->given >= 0)
		return lead_given(r, master, leader, err);
	if (batch_call(batch, "opening its terminal", 0, 0, ENGINE_SUCCESS, 0, &fd, SYS_ioctl,
		       (const __u64[6]){(__u64)master->born_fd, TIOCGPTPEER,
					O_RDWR | O_NOCTTY | O_CLOEXEC}) ||
	    batch_run(batch, err) ||
	    batch_do(batch, "taking a controlling terminal", SYS_ioctl, fd, TIOCSCTTY, 0) ||
	    batch_do(batch, "closing the terminal", SYS_close, fd) || batch_run(batch, err))
		return err->code ?: -EINVAL;
	return open_cttys(r, leader, err);
}

static bool has_group(const struct restore *r, uint32_t pgrp, pid_t sid)
{
	for (size_t i = 0; i < r->n_processes; i++)
		if (r->processes[i]->pgid == (pid_t)pgrp && r->processes[i]->sid == sid)
			return true;
	return false;
}

/* The job that was in the foreground of a terminal is there again. */
static void take_home(struct restore *r, const struct new_file *f, const TtyInfoEntry *info)
{
	int pgrp = info->pgrp, rc;

	if (!pgrp || pgrp == r->home_pgid || !has_group(r, pgrp, r->home_sid))
		return;
	rc = tty_background_ioctl(f->fd, TIOCSPGRP, &pgrp);
	if (rc)
		log_warn(r->log, "cannot put process group %d into the foreground (%s), ignoring",
			 pgrp, strerror(-rc));
}

/* Runs in the session's leader: @fd is a descriptor of this process for the terminal. */
static int set_foreground(struct restore *r, struct new_task *leader, int pgrp, int fd)
{
	struct batch *batch = injected_batch(leader->injected);
	__s64 pidfd = -1, tty = -1;
	__u64 at;

	if (batch_call(batch, "reaching the restorer", 0, 0, ENGINE_SUCCESS, 0, &pidfd,
		       SYS_pidfd_open, (const __u64[6]){(__u64)getpid(), 0}) ||
	    batch_run(batch, r->err) ||
	    batch_call(batch, "fetching a terminal", 0, 0, ENGINE_SUCCESS, 0, &tty, SYS_pidfd_getfd,
		       (const __u64[6]){(__u64)pidfd, (__u64)fd, 0}) ||
	    batch_run(batch, r->err) || batch_reserve(batch, 3, sizeof(pgrp)))
		return r->err->code ?: -EINVAL;
	at = batch_data(batch, &pgrp, sizeof(pgrp), NULL);
	if (batch_do(batch, "putting a group into the foreground", SYS_ioctl, tty, TIOCSPGRP, at) ||
	    batch_do(batch, "closing the terminal", SYS_close, tty) ||
	    batch_do(batch, "closing", SYS_close, pidfd))
		return r->err->code ?: -EINVAL;
	return batch_run(batch, r->err);
}

/* Only where it has become the terminal of that session. */
static int take_given(struct restore *r, const struct new_file *f, struct new_process *leader)
{
	const struct tty_plan *plan = f->data;
	const TtyInfoEntry *info = plan->info;

	if (!plan->is_led || !info->pgrp || (pid_t)info->pgrp == leader->pid ||
	    !has_group(r, info->pgrp, leader->sid))
		return 0;
	return set_foreground(r, &leader->tasks[0], (int)info->pgrp, f->fd);
}

int tty_take(struct restore *r, struct new_file *f)
{
	const struct tty_plan *plan = f->data;
	const TtyInfoEntry *info = plan->info;
	struct new_process *leader = tty_leader(r, info);
	_cleanup_close_ int peer = -1;
	int locked = 1, rc = 0;

	if (f->given >= 0 && leader)
		return take_given(r, f, leader);
	if (!plan->is_of_pair) {
		take_home(r, f, info);
		return 0;
	}
	if (!plan->is_master)
		return 0;
	if (leader && info->pgrp && (pid_t)info->pgrp != leader->pid &&
	    has_group(r, info->pgrp, leader->sid)) {
		peer = ioctl(f->fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (peer < 0)
			return fail(r->err, errno, "cannot open the other side of a pty");
		rc = set_foreground(r, &leader->tasks[0], (int)info->pgrp, peer);
	}
	if (!rc && info->locked && ioctl(f->fd, TIOCSPTLCK, &locked))
		rc = fail(r->err, errno, "cannot lock the terminal /dev/pts/%u", plan->index);
	return rc;
}
