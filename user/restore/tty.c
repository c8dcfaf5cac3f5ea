// SPDX-License-Identifier: GPL-2.0-only
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "regfile.pb-c.h"
#include "restore/restore.h"
#include "tty.pb-c.h"

#define PTMX        "/dev/ptmx"
#define MAX_PTYS    4096 /* how many are opened to reach a number */
#define SESSION_KEY 0x5454ULL << 48

void tty_termios_parse(const TermiosEntry *entry, struct tty_termios *ret)
{
	*ret = (struct tty_termios){
		.c_iflag = entry->c_iflag,
		.c_oflag = entry->c_oflag,
		.c_cflag = entry->c_cflag,
		.c_lflag = entry->c_lflag,
		.c_line = entry->c_line,
	};
	for (size_t i = 0; i < TTY_CC && i / 4 < entry->n_c_cc; i++)
		ret->c_cc[i] = entry->c_cc[i / 4] >> i % 4 * 8;
}

const TtyInfoEntry *tty_info(struct restore *r, uint32_t id)
{
	const TtyInfoEntry *found = NULL;
	ProtobufCMessage *msg;
	struct image *image;
	int rc = image_open(r->dir, IMAGE_TTY_INFO, 0, &image, r->err);

	if (rc)
		return NULL;
	while (image && !found && (rc = image_next(image, NULL, &msg, r->err)) > 0) {
		if (((TtyInfoEntry *)msg)->id != id) {
			protobuf_c_message_free_unpacked(msg, NULL);
			continue;
		}
		if (restore_keep(r, msg)) {
			fail(r->err, ENOMEM, "cannot load tty-info.img");
			break;
		}
		found = (TtyInfoEntry *)msg;
	}
	image_finish(image, NULL);
	if (!found)
		fail(r->err, 0, "tty-info.img: there is no terminal %u", id);
	return found;
}

/* The plan of @f if it is a terminal that a process has. */
static struct tty_plan *plan_of(const struct new_file *f)
{
	return f->entry->type == FD_TYPES__TTY ? f->data : NULL;
}

static const struct tty_plan *find_master(const struct restore *r, const struct tty_plan *plan)
{
	bool by_session = plan->info->type == TTY_TYPE__CTTY;

	for (size_t i = 0; i < r->n_files; i++) {
		const struct tty_plan *other = plan_of(r->files[i]);

		if (other && other->is_master &&
		    (by_session ? other->info->sid && other->info->sid == plan->info->sid
				: other->info->pty->index == plan->info->pty->index))
			return other;
	}
	return NULL;
}

void tty_pair_up(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct tty_plan *plan = plan_of(r->files[i]);
		const struct tty_plan *master;

		if (!plan || plan->is_of_pair ||
		    (plan->info->type != TTY_TYPE__PTY && plan->info->type != TTY_TYPE__CTTY))
			continue;
		master = find_master(r, plan);
		if (!master && (plan->info->termios || !plan->info->pty))
			continue;
		plan->is_of_pair = true;
		plan->index = master ? master->info->pty->index : plan->info->pty->index;
	}
}

/* A master whose pty has number @index: the kernel gives the lowest that is free. */
static int open_master(struct restore *r, uint32_t index, bool is_any)
{
	int fds[MAX_PTYS], n = 0, found = -1;
	unsigned int number = 0;

	while (n < MAX_PTYS && found < 0) {
		fds[n] = open(PTMX, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (fds[n] < 0 || ioctl(fds[n], TIOCGPTN, &number)) {
			fail(r->err, errno, "cannot open " PTMX);
			n += fds[n] >= 0;
			break;
		}
		n++;
		if (number == index || is_any)
			found = fds[--n];
		else if (number > index)
			break;
	}
	while (n > 0)
		close(fds[--n]);
	if (found < 0 && !r->err->code) {
		fail(r->err, EBUSY, "cannot make the terminal /dev/pts/%u", index);
		fail_hint(r->err, "end what uses that terminal");
	}
	return found;
}

/* The node of a new slave belongs to this process. */
static int give_node(struct restore *r, const struct new_file *f, int fd)
{
	const struct new_file *reg =
		f->entry->tty->has_regf_id ? restore_file(r, f->entry->tty->regf_id) : NULL;
	const TtyInfoEntry *info = ((struct tty_plan *)f->data)->info;

	if (info->type != TTY_TYPE__PTY)
		return 0;
	if (info->has_uid && info->has_gid && fchown(fd, info->uid, info->gid))
		return fail(r->err, errno, "cannot give the terminal its owner");
	if (reg && reg->entry->reg && reg->entry->reg->has_mode &&
	    fchmod(fd, reg->entry->reg->mode & 07777))
		return fail(r->err, errno, "cannot give the terminal its mode");
	return 0;
}

static int open_end(struct restore *r, struct new_file *f, int master)
{
	const struct tty_plan *plan = f->data;
	int flags = f->entry->tty->flags & O_ACCMODE;

	if (plan->is_master) {
		f->fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
		return f->fd < 0 ? fail(r->err, errno, "cannot open " PTMX) : 0;
	}
	f->fd = ioctl(master, TIOCGPTPEER, flags | O_NOCTTY | O_CLOEXEC);
	if (f->fd < 0)
		return fail(r->err, errno, "cannot open the terminal /dev/pts/%u", plan->index);
	return give_node(r, f, f->fd);
}

int tty_open_pair(struct restore *r, struct new_file *f)
{
	const struct tty_plan *plan = f->data;
	const struct tty_plan *has_master = find_master(r, plan);
	_cleanup_close_ int master = open_master(r, plan->index, !has_master);
	int unlocked = 0, locked = 1, rc = 0;
	bool had_master = false;

	if (master < 0)
		return r->err->code;
	if (ioctl(master, TIOCSPTLCK, &unlocked))
		return fail(r->err, errno, "cannot unlock the terminal /dev/pts/%u", plan->index);
	for (size_t i = 0; i < r->n_files && !rc; i++) {
		const struct tty_plan *other = plan_of(r->files[i]);

		if (!other || !other->is_of_pair || other->index != plan->index ||
		    r->files[i]->fd >= 0)
			continue;
		if (other->is_master && had_master)
			return fail(r->err, 0, "/dev/pts/%u has two masters", plan->index);
		had_master |= other->is_master;
		rc = open_end(r, r->files[i], master);
	}
	if (!rc && has_master && has_master->info->locked && ioctl(master, TIOCSPTLCK, &locked))
		rc = fail(r->err, errno, "cannot lock the terminal /dev/pts/%u", plan->index);
	return rc;
}

int tty_open_home(struct restore *r, struct new_file *f)
{
	const struct tty_plan *plan = f->data;
	int flags = (f->entry->tty->flags & O_ACCMODE) | O_NOCTTY | O_CLOEXEC;
	char path[64];

	if (!r->opt->shell_job) {
		fail(r->err, 0, "it is the terminal of a shell job");
		return fail_hint(r->err, "--shell-job, from a terminal");
	}
	for (int fd = 0; fd <= STDERR_FILENO && f->fd < 0; fd++) {
		if (plan->info->type == TTY_TYPE__CTTY || !isatty(fd))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		f->fd = open(path, flags);
	}
	if (f->fd < 0)
		f->fd = open("/dev/tty", flags);
	if (f->fd < 0) {
		fail(r->err, errno, "cannot open a terminal in place of the one it had");
		return fail_hint(r->err, "run crbpf restore --shell-job in a terminal");
	}
	return 0;
}

/* A process in the background is stopped for changing its terminal, unless it blocks the signal. */
static int background_ioctl(int fd, unsigned long request, const void *arg)
{
	sigset_t ttou, old;
	int rc;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &old);
	rc = ioctl(fd, request, arg) ? -errno : 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return rc;
}

static int set_settings(struct restore *r, int fd, const TtyInfoEntry *info, bool is_ours)
{
	struct tty_termios termios, locked;
	struct winsize size;
	int rc;

	tty_termios_parse(info->termios, &termios);
	rc = background_ioctl(fd, TCSETS, &termios);
	if (rc)
		return fail(r->err, rc, "cannot put its settings into force");
	if (!is_ours)
		return 0;
	if (info->termios_locked) {
		tty_termios_parse(info->termios_locked, &locked);
		if (ioctl(fd, TIOCSLCKTRMIOS, &locked))
			return fail(r->err, errno, "cannot lock its settings");
	}
	if (info->winsize) {
		size = (struct winsize){info->winsize->ws_row, info->winsize->ws_col,
					info->winsize->ws_xpixel, info->winsize->ws_ypixel};
		if (ioctl(fd, TIOCSWINSZ, &size))
			return fail(r->err, errno, "cannot set its size");
	}
	return 0;
}

int tty_set(struct restore *r, struct new_file *f)
{
	struct tty_plan *plan = f->data;
	int on = 1, rc = 0;

	if (plan->is_set || !plan->info->termios)
		return 0;
	for (size_t i = 0; i < r->n_files; i++) {
		struct tty_plan *other = plan_of(r->files[i]);

		/* The same terminal; what it says of master and slave differs. */
		if (other && other->info->id == plan->info->id)
			other->is_set = true;
	}
	plan->is_set = true;
	if (plan->info->type != TTY_TYPE__CTTY)
		rc = set_settings(r, f->fd, plan->info, plan->is_of_pair);
	if (!rc && plan->is_of_pair && plan->is_master && plan->info->packet_mode &&
	    ioctl(f->fd, TIOCPKT, &on))
		rc = fail(r->err, errno, "cannot set packet mode");
	if (!rc && plan->is_of_pair && !plan->is_master && plan->info->exclusive &&
	    ioctl(f->fd, TIOCEXCL))
		rc = fail(r->err, errno, "cannot make it exclusive");
	return rc;
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
	rc = background_ioctl(f->fd, TIOCSPGRP, &pgrp);
	if (rc)
		log_warn(r->log, "cannot put process group %d into the foreground (%s), ignoring",
			 pgrp, strerror(-rc));
}

/* Runs in the session's leader: @fd is a descriptor of this process for the terminal. */
static int take_session(struct restore *r, struct new_task *leader, const TtyInfoEntry *info,
			int fd)
{
	struct batch *batch = injected_batch(leader->injected);
	int pgrp = info->pgrp;
	__s64 pidfd = -1, tty = -1;
	__u64 at;

	if (batch_call(batch, "reaching the restorer", 0, 0, ENGINE_SUCCESS, 0, &pidfd,
		       SYS_pidfd_open, (const __u64[6]){getpid(), 0}) ||
	    batch_run(batch, r->err) ||
	    batch_call(batch, "fetching a terminal", 0, 0, ENGINE_SUCCESS, 0, &tty, SYS_pidfd_getfd,
		       (const __u64[6]){pidfd, fd, 0}) ||
	    batch_run(batch, r->err) || batch_reserve(batch, 4, sizeof(pgrp)))
		return r->err->code ?: -EINVAL;
	at = batch_data(batch, &pgrp, sizeof(pgrp), NULL);
	if (batch_do(batch, "taking a controlling terminal", SYS_ioctl, tty, TIOCSCTTY, 0) ||
	    (pgrp && has_group(r, pgrp, leader->process->sid) &&
	     batch_do(batch, "putting a group into the foreground", SYS_ioctl, tty, TIOCSPGRP,
		      at)) ||
	    batch_do(batch, "closing the terminal", SYS_close, tty) ||
	    batch_do(batch, "closing", SYS_close, pidfd))
		return r->err->code ?: -EINVAL;
	return batch_run(batch, r->err);
}

int tty_take(struct restore *r, struct new_file *f)
{
	const struct tty_plan *plan = f->data;
	uint64_t key = SESSION_KEY | plan->info->sid;
	struct new_process *leader = restore_process(r, plan->info->sid);
	_cleanup_close_ int peer = -1;
	int fd = f->fd;

	if (!plan->is_of_pair) {
		take_home(r, f, plan->info);
		return 0;
	}
	if (!leader || leader->sid != leader->pid || leader->is_zombie || leader->is_helper ||
	    !plan->info->termios || ids_get(&r->kind_data, key))
		return 0;
	if (ids_set(&r->kind_data, key, 1))
		return fail(r->err, ENOMEM, "cannot take a controlling terminal");
	if (plan->is_master)
		fd = peer = ioctl(f->fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return fail(r->err, errno, "cannot open the other side of a pty");
	return take_session(r, &leader->tasks[0], plan->info, fd);
}
