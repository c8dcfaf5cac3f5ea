// SPDX-License-Identifier: GPL-2.0-only
/*
 * pidfds. What matters is the task: one of the tree is opened by its number when the
 * tree stands. One that was reaped has no number any more; another is made, ends the
 * same way and is reaped, and all pidfds that pointed at the one point at the other.
 */
#include "bpf/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "pidfd.h"
#include "pidfd.pb-c.h"
#include "restore/restore.h"

#define REAPED     (-1)                                        /* nspid of those */
#define OPEN_FLAGS (PIDFD_NONBLOCK | PIDFD_THREAD)             /* what pidfd_open takes */
#define SET_FLAGS  (O_APPEND | O_ASYNC | O_DIRECT | O_NOATIME) /* what F_SETFL adds */
#define LARGEFILE  0100000
#define CORE_DUMPED 0x80 /* in a wait status */

static bool claims(const struct file *f)
{
	return !file_is_path(f) && (f->rec->s_magic == MAGIC_PIDFS || file_is_anon(f, "pidfd"));
}

static const struct pidfd_detail *detail_of(const struct file *f)
{
	return f->rec->detail_type == DETAIL_PIDFD ? f->detail : NULL;
}

/* --- dump --- */

/* The task of the tree that it points at, or NULL. */
static const struct task *find_target(const struct snapshot *snap, const struct file *f)
{
	const struct pidfd_detail *detail = detail_of(f);
	const struct process *p = snapshot_process(snap, detail->target.host);

	if (p || !detail->is_thread)
		return p ? p->tasks : NULL;
	for (size_t i = 0; i < snap->n_tasks; i++)
		if (snap->tasks[i].tid == detail->target.host)
			return &snap->tasks[i];
	return NULL;
}

static void judge_target(struct judge *j, const struct file *f)
{
	const struct pidfd_detail *detail = detail_of(f);
	char hint[128];

	if (detail->is_reaped || find_target(j->snap, f))
		return;
	if (!detail->target.host) {
		judge_file(j, f, "pidfd", "close it before the checkpoint",
			   "it points at a process of another pid namespace (%u there)",
			   detail->inner);
		return;
	}
	if (pidfd_is_allowed(j->options, detail->target.host))
		return;
	snprintf(hint, sizeof(hint),
		 "checkpoint both together, or use --external pidfd[%d] if it outlives the "
		 "checkpoint",
		 detail->target.host);
	judge_file(j, f, "pidfd", hint, "it points at process %d, which is not part of the tree",
		   detail->target.host);
}

static void judge(struct judge *j, struct file *f)
{
	uint32_t odd = file_flags(f) & ~(OPEN_FLAGS | SET_FLAGS | O_ACCMODE | LARGEFILE);

	judge_fown(j, f);
	if (!detail_of(f))
		judge_file(j, f, "pidfd", NULL, "its task cannot be found out on this kernel");
	else if (odd)
		judge_file(j, f, "pidfd", NULL, "its flags %#x are unknown", odd);
	else
		judge_target(j, f);
}

/* Those of one reaped task have a number in common: the id of the first. */
static uint32_t reaped_key(const struct snapshot *snap, const struct file *f)
{
	for (size_t i = 0; i < snap->n_files; i++) {
		const struct pidfd_detail *detail = detail_of(snap->files[i]);

		if (detail && detail->pid == detail_of(f)->pid)
			return snap->files[i]->id;
	}
	return f->id;
}

static int describe_reaped(struct dump *d, struct file *f, PidfdEntry *pidfd)
{
	int fd = file_copy(f, d->err);

	if (fd < 0)
		return fd;
	pidfd->nspid = REAPED;
	pidfd->ino = reaped_key(&d->snap, f);
	pidfd->has_exit_code = pidfd_exit_code(fd, &pidfd->exit_code);
	return 0;
}

static int describe_target(struct dump *d, struct file *f, PidfdEntry *pidfd)
{
	const struct task *t = find_target(&d->snap, f);
	int fd;

	pidfd->ino = (uint32_t)f->rec->ino;
	if (t) {
		pidfd->nspid = t->vtid;
		return 0;
	}
	fd = file_copy(f, d->err);
	if (fd < 0)
		return fd;
	pidfd->nspid = detail_of(f)->target.host;
	pidfd->outside = dump_message(d, &pidfd_outside_entry__descriptor);
	if (!pidfd->outside)
		return d->err->code;
	return pidfd_identify(pidfd->nspid, fd, pidfd->outside, &d->arena, d->err);
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	PidfdEntry *pidfd = dump_message(d, &pidfd_entry__descriptor);
	uint32_t flags = file_flags(f);

	if (!pidfd || !(pidfd->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	pidfd->id = f->id;
	pidfd->flags = flags & OPEN_FLAGS;
	pidfd->has_status_flags = flags & SET_FLAGS;
	pidfd->status_flags = flags;
	entry->pidfd = pidfd;
	return detail_of(f)->is_reaped ? describe_reaped(d, f, pidfd)
				       : describe_target(d, f, pidfd);
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	const struct pidfd_detail *detail = detail_of(f);
	const char *before = " numbers ";

	if (!detail)
		return;
	if (detail->is_reaped) {
		fprintf(out, "reaped");
	} else {
		fprintf(out, "target %d", detail->target.host);
		for (size_t i = 0; i < detail->n_numbers && i < RECORD_PIDNS; i++, before = "/")
			fprintf(out, "%s%d", before, detail->numbers[i]);
		fprintf(out, " namespace %u%s", detail->pid_ns,
			find_target(snap, f) ? "" : " outside");
	}
	if (detail->is_thread)
		fprintf(out, " thread");
}

/* --- restore --- */

static int check_outside(struct restore *r, const PidfdEntry *pidfd)
{
	if (!pidfd->outside->boot_id || pidfd->nspid <= 0)
		return fail(r->err, 0, "it does not say which process it points at");
	if (pidfd_is_allowed(r->opt, pidfd->nspid))
		return 0;
	fail(r->err, 0, "it points at process %d, which is not part of the tree", pidfd->nspid);
	return fail_hint(r->err, "use --external pidfd[%d] to allow that", pidfd->nspid);
}

/* By an exit, or by a signal that ends processes. */
static bool is_end(uint32_t status)
{
	int sig = status & 0x7f;

	return sig < NSIG && sig != SIGSTOP && sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU;
}

static int check(struct restore *r, struct new_file *f)
{
	const PidfdEntry *pidfd = f->entry->pidfd;

	if (!pidfd || pidfd->id != f->id)
		return fail(r->err, 0, "it says nothing of a pidfd");
	if (pidfd->outside)
		return check_outside(r, pidfd);
	if (pidfd->nspid != REAPED && (pidfd->nspid <= 0 || !restore_has_thread(r, pidfd->nspid)))
		return fail(r->err, 0, "it points at task %d, which is missing", pidfd->nspid);
	if (pidfd->has_exit_code && !is_end(pidfd->exit_code))
		return fail(r->err, 0, "no task ends with status %#x", pidfd->exit_code);
	if (pidfd->nspid > 0 && !(pidfd->flags & PIDFD_THREAD) && !restore_process(r, pidfd->nspid))
		return fail(r->err, 0, "it points at %d, which is a thread and no process",
			    pidfd->nspid);
	return 0;
}

static int open_task(struct restore *r, pid_t pid, uint32_t flags)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, flags & OPEN_FLAGS);

	if (fd >= 0)
		return fd;
	fail(r->err, errno, "cannot open a pidfd of task %d", pid);
	if (r->err->code == -EINVAL && flags & PIDFD_THREAD)
		fail_hint(r->err, "pidfds of threads need Linux 6.9");
	return r->err->code;
}

/* All pidfds of the one that @first points at, while a new task takes its place. */
static int open_reaped(struct restore *r, struct new_file *first)
{
	const PidfdEntry *pidfd = first->entry->pidfd;
	pid_t pid = pidfd_spawn_dead(pidfd->has_exit_code ? pidfd->exit_code : 0);
	int ret = pid < 0 ? fail(r->err, pid, "cannot make a process that ends") : 0;

	if (pidfd->has_exit_code && pidfd->exit_code & CORE_DUMPED)
		log_warn(r->log, "a pidfd does not tell any more that its process dumped core; "
				 "ignoring");

	for (size_t i = 0; i < r->n_files && !ret; i++) {
		struct new_file *f = r->files[i];
		const PidfdEntry *other = f->entry->pidfd;

		if (f->kind != first->kind || other->nspid != REAPED || other->ino != pidfd->ino)
			continue;
		f->fd = open_task(r, pid, other->flags);
		ret = f->fd < 0 ? f->fd : 0;
	}
	if (pid > 0)
		pidfd_reap(pid);
	return ret;
}

static int open_pidfd(struct restore *r, struct new_file *f)
{
	const PidfdEntry *pidfd = f->entry->pidfd;

	if (pidfd->nspid == REAPED)
		return open_reaped(r, f);
	if (!pidfd->outside)
		return 0; /* until the tree exists */
	f->fd = open_task(r, pidfd->nspid, pidfd->flags);
	if (f->fd < 0)
		return f->fd;
	return pidfd_compare(pidfd->nspid, f->fd, pidfd->outside, r->err);
}

static int connect_pidfd(struct restore *r, struct new_file *f)
{
	const PidfdEntry *pidfd = f->entry->pidfd;

	if (f->fd < 0)
		f->fd = open_task(r, pidfd->nspid, pidfd->flags);
	if (f->fd < 0)
		return f->fd;
	return connect_fown_flags(r, f, pidfd->fown,
				  pidfd->has_status_flags ? pidfd->status_flags : pidfd->flags);
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__PIDFD,
	.claims = claims,
	.judge = judge,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_pidfd,
	.connect = connect_pidfd,
};

const struct kind kind_pidfd = {.name = "pidfd", .file = &file_ops};
