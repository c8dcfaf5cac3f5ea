// SPDX-License-Identifier: GPL-2.0-only
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpf/tty.h"
#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "options.h"
#include "regfile.h"
#include "restore/restore.h"
#include "tty.pb-c.h"

/* Kernel driver types and subtypes. */
enum { DRIVER_SYSTEM = 1, DRIVER_CONSOLE = 2, DRIVER_SERIAL = 3, DRIVER_PTY = 4 };
enum { PTY_MASTER = 1, PTY_SLAVE = 2 };
#define CTTY_RDEV (5ULL << 20) /* /dev/tty: 5:0 */

static const struct tty_detail *detail_of(const struct file *f)
{
	return f->rec->detail_type == DETAIL_TTY ? f->detail : NULL;
}

static bool claims(const struct file *f)
{
	return S_ISCHR(f->rec->i_mode) && !file_is_path(f) && detail_of(f);
}

static bool is_master(const struct tty_detail *detail)
{
	return detail->driver_type == DRIVER_PTY && detail->driver_subtype == PTY_MASTER;
}

/* How many descriptions of terminal @tty the snapshot has. */
static uint32_t count_held(const struct snapshot *snap, uint64_t tty)
{
	uint32_t n = 0;

	for (size_t i = 0; i < snap->n_files; i++) {
		const struct tty_detail *detail = detail_of(snap->files[i]);

		n += detail && detail->tty == tty;
	}
	return n;
}

/* Is everything that @detail's terminal is connected with part of the tree? */
static bool is_inside(const struct snapshot *snap, const struct tty_detail *detail)
{
	return detail->driver_type == DRIVER_PTY && detail->link &&
	       (is_master(detail) || count_held(snap, detail->link) || !detail->link_count);
}

/* A slave counts its master, too. */
static bool is_open_outside(const struct snapshot *snap, const struct tty_detail *detail)
{
	uint32_t here = detail->count, there = detail->link_count;

	here -= !is_master(detail) && there;
	there -= is_master(detail) && there;
	return count_held(snap, detail->tty) < here || count_held(snap, detail->link) < there;
}

static void judge_inside(struct judge *j, struct file *f, const struct tty_detail *detail)
{
	if (!detail->is_hung_up && is_open_outside(j->snap, detail))
		judge_file(j, f, "tty", "checkpoint the programs on both its sides together",
			   "a process outside the tree has it open");
	if (detail->queued)
		judge_file(j, f, "tty", "let it be read first",
			   "%llu bytes wait in it to be read, which cannot be carried yet",
			   (unsigned long long)detail->queued);
	if (detail->ldisc)
		judge_file(j, f, "tty", NULL, "its line discipline %u cannot be carried",
			   detail->ldisc);
}

/* What stays behind when a terminal is exchanged for the one of the restore. */
static void judge_outside(struct judge *j, const struct file *f, const struct tty_detail *detail)
{
	if (detail->queued) {
		judge_file(j, f, "tty", NULL, "%llu bytes typed ahead stay behind",
			   (unsigned long long)detail->queued);
		judge_soften(j);
	}
	if (f->process->rec->tty == detail->tty &&
	    snapshot_process(j->snap, detail->session.host)) {
		judge_file(j, f, "tty", NULL,
			   "the tree leads the session of this terminal, and will not lead that of "
			   "the one where it is restored: no signals from its keys");
		judge_soften(j);
	}
}

static void judge(struct judge *j, struct file *f)
{
	const struct tty_detail *detail = detail_of(f);

	judge_fown(j, f);
	if (is_inside(j->snap, detail)) {
		judge_inside(j, f, detail);
	} else if (!j->options->shell_job) {
		judge_file(j, f, "tty",
			   "--shell-job, or start the program with setsid and its output in a file",
			   "a terminal that the tree does not control");
	} else {
		judge_outside(j, f, detail);
	}
}

/* Does anybody of the tree have terminal @tty, or the master of it? */
static bool is_held(const struct snapshot *snap, uint64_t tty)
{
	for (size_t i = 0; i < snap->n_files; i++) {
		const struct tty_detail *detail = detail_of(snap->files[i]);

		if (detail && (detail->tty == tty || (is_master(detail) && detail->link == tty)))
			return true;
	}
	return false;
}

/* A session may have a terminal that none of its processes has open. */
static void judge_session(struct judge *j, const struct task *t)
{
	const struct process *p = t->process;

	if (t != p->tasks || p->is_zombie || !p->rec->tty || p->rec->sid.host != p->pid ||
	    is_held(j->snap, p->rec->tty))
		return;
	judge_process(j, p, "tty", NULL,
		      "its session has a controlling terminal, which no process has open: it will "
		      "have none");
	judge_soften(j);
}

static TtyType type_of(const struct file *f, const struct tty_detail *detail, uint32_t *ret_id)
{
	if (f->rec->rdev == CTTY_RDEV) {
		*ret_id = TTY_ID_CTTY;
		return TTY_TYPE__CTTY;
	}
	if (detail->driver_type == DRIVER_PTY) {
		*ret_id = detail->index << 1 | is_master(detail);
		return TTY_TYPE__PTY;
	}
	if (detail->driver_type == DRIVER_SERIAL) {
		*ret_id = TTY_ID_SERIAL;
		return TTY_TYPE__SERIAL;
	}
	*ret_id = detail->driver_type == DRIVER_CONSOLE ? TTY_ID_VT : TTY_ID_CONSOLE;
	return detail->driver_type == DRIVER_CONSOLE ? TTY_TYPE__VT : TTY_TYPE__CONSOLE;
}

static bool is_first_of_id(const struct dump *d, const struct file *f, uint32_t id)
{
	for (size_t i = 0; i < d->snap.n_files; i++) {
		const struct file *other = d->snap.files[i];
		uint32_t other_id;

		if (other == f)
			return true;
		if (detail_of(other) && !file_is_path(other)) {
			type_of(other, detail_of(other), &other_id);
			if (other_id == id)
				return false;
		}
	}
	return true;
}

/* By ioctl, since a master answers for its slave. A terminal that has hung up has no settings. */
static int describe_settings(struct dump *d, struct file *f, TtyInfoEntry *info)
{
	struct tty_termios termios, locked = {0};
	struct winsize size = {0};
	int fd = file_copy(f, d->err);

	if (fd < 0)
		return fd;
	if (ioctl(fd, TCGETS, &termios))
		return errno == EIO ? 0 : fail(d->err, errno, "cannot read its settings");
	(void)ioctl(fd, TIOCGLCKTRMIOS, &locked);
	if (ioctl(fd, TIOCGWINSZ, &size))
		return fail(d->err, errno, "cannot read its size");
	info->termios = tty_termios_describe(d, &termios);
	info->termios_locked = tty_termios_describe(d, &locked);
	info->winsize = dump_message(d, &winsize_entry__descriptor);
	if (!info->termios || !info->termios_locked || !info->winsize)
		return fail(d->err, ENOMEM, "cannot describe it");
	info->winsize->ws_row = size.ws_row;
	info->winsize->ws_col = size.ws_col;
	info->winsize->ws_xpixel = size.ws_xpixel;
	info->winsize->ws_ypixel = size.ws_ypixel;
	return 0;
}

/* A master belongs to nobody's session: its slave's is noted. */
static void describe_session(const struct dump *d, const struct tty_detail *detail,
			     TtyInfoEntry *info)
{
	info->sid = detail->session.virt;
	info->pgrp = detail->pgrp.virt;
	for (size_t i = 0; is_master(detail) && i < d->snap.n_processes; i++) {
		const struct process_record *rec = d->snap.processes[i]->rec;

		if (!detail->link || rec->tty != detail->link || rec->sid.host != rec->pid.host)
			continue;
		info->sid = rec->sid.virt;
		info->pgrp = rec->ctty_pgrp.virt;
	}
}

static int describe_info(struct dump *d, struct file *f, uint32_t id, TtyType type)
{
	const struct tty_detail *detail = detail_of(f);
	TtyInfoEntry *info = dump_message(d, &tty_info_entry__descriptor);
	struct image *image = dump_image(d, IMAGE_TTY_INFO);
	uint32_t major = f->rec->rdev >> 20, minor = f->rec->rdev & 0xfffff;
	int rc;

	if (!image)
		return d->err->code;
	if (!info || !(info->pty = dump_message(d, &tty_pty_entry__descriptor)))
		return fail(d->err, ENOMEM, "cannot describe it");
	info->id = id;
	info->type = type;
	info->locked = detail->is_locked;
	info->exclusive = detail->is_exclusive;
	info->packet_mode = is_master(detail) && detail->packet;
	info->rdev = major << 8 | minor;
	describe_session(d, detail, info);
	info->pty->index = detail->index;
	if (type != TTY_TYPE__PTY)
		info->pty = NULL;
	info->has_dev = info->has_uid = info->has_gid = true;
	info->dev = f->rec->dev;
	info->uid = f->rec->uid;
	info->gid = f->rec->gid;
	rc = detail->is_hung_up && !is_master(detail) ? 0 : describe_settings(d, f, info);
	return rc ? rc : image_add(image, &info->base, d->err);
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	TtyFileEntry *tty = dump_message(d, &tty_file_entry__descriptor);
	TtyType type;

	if (!tty || !(tty->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	tty->id = f->id;
	tty->flags = file_flags(f);
	type = type_of(f, detail_of(f), &tty->tty_info_id);
	tty->has_regf_id = true;
	tty->regf_id = regfile_name(d, f, true);
	if (!tty->regf_id)
		return d->err->code;
	entry->tty = tty;
	return is_first_of_id(d, f, tty->tty_info_id) ? describe_info(d, f, tty->tty_info_id, type)
						      : 0;
}

static int check(struct restore *r, struct new_file *f)
{
	const TtyFileEntry *tty = f->entry->tty;
	struct tty_plan *plan = arena_alloc(&r->arena, sizeof(*plan));

	if (!tty || tty->id != f->id)
		return fail(r->err, 0, "it says nothing of a terminal");
	if (!plan)
		return fail(r->err, ENOMEM, "cannot plan its terminal");
	plan->info = tty_info(r, tty->tty_info_id);
	if (!plan->info)
		return r->err->code;
	if (plan->info->type == TTY_TYPE__PTY && !plan->info->pty)
		return fail(r->err, 0, "tty-info.img: pty %u has no number", tty->tty_info_id);
	plan->is_master = plan->info->type == TTY_TYPE__PTY && tty->tty_info_id & 1;
	f->data = plan;
	return check_flags(r, f, tty->flags);
}

static int open_tty(struct restore *r, struct new_file *f)
{
	const struct tty_plan *plan = f->data;

	tty_pair_up(r);
	if (f->fd >= 0)
		return 0;
	return plan->is_of_pair ? tty_open_pair(r, f) : tty_open_home(r, f);
}

static int connect_tty(struct restore *r, struct new_file *f)
{
	int rc = tty_set(r, f);

	return rc ? rc : connect_fown_flags(r, f, f->entry->tty->fown, f->entry->tty->flags);
}

static int install(struct restore *r, struct new_file *f, struct new_task *t, struct batch *batch)
{
	return tty_take(r, f);
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	const struct tty_detail *detail = f->detail;

	if (detail)
		fprintf(out, "index %u session %d group %d size %ux%u queued %llu", detail->index,
			detail->session.host, detail->pgrp.host, detail->columns, detail->rows,
			(unsigned long long)detail->queued);
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__TTY,
	.claims = claims,
	.judge = judge,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_tty,
	.connect = connect_tty,
	.install = install,
};

static const struct task_ops task_ops = {.judge = judge_session};

const struct kind kind_tty = {.name = "tty", .file = &file_ops, .task = &task_ops};
