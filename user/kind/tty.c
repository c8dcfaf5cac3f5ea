// SPDX-License-Identifier: GPL-2.0-only
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "bpf/tty.h"
#include "dump/dump.h"
#include "external.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "fileref.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "options.h"
#include "regfile.h"
#include "restore/restore.h"
#include "tty.pb-c.h"

/* Kernel driver types and subtypes. */
enum { DRIVER_SYSTEM = 1, DRIVER_CONSOLE = 2, DRIVER_SERIAL = 3, DRIVER_PTY = 4 };
#define CTTY_RDEV (5ULL << 20) /* /dev/tty: 5:0 */

static bool claims(const struct file *f)
{
	return tty_detail_of(f);
}

/* How many descriptions of terminal @tty the snapshot has. */
static uint32_t count_held(const struct snapshot *snap, uint64_t tty)
{
	uint32_t n = 0;

	for (size_t i = 0; i < snap->n_files; i++) {
		const struct tty_detail *detail = tty_detail_of(snap->files[i]);

		n += detail && detail->tty == tty;
	}
	return n;
}

/* Is everything that @detail's terminal is connected with part of the tree? */
static bool is_inside(const struct snapshot *snap, const struct tty_detail *detail)
{
	return detail->driver_type == DRIVER_PTY && detail->link &&
	       (tty_is_master(detail) || count_held(snap, detail->link) || !detail->link_count);
}

/* The slave counts its open master as one. */
static bool is_unopened(const struct tty_detail *detail)
{
	return !detail->is_other_closed && detail->link_count <= 1;
}

/* A slave counts its master, too. */
static bool is_open_outside(const struct snapshot *snap, const struct tty_detail *detail)
{
	uint32_t here = detail->count, there = detail->link_count;

	here -= !tty_is_master(detail) && there;
	there -= tty_is_master(detail) && there;
	return count_held(snap, detail->tty) < here || count_held(snap, detail->link) < there;
}

static void judge_inside(struct judge *j, struct file *f, const struct tty_detail *detail)
{
	if (is_open_outside(j->snap, detail))
		judge_file(j, f, "tty", "checkpoint the programs on both its sides together",
			   "a process outside the tree has it open");
	if (detail->ldisc)
		judge_file(j, f, "tty", NULL, "its line discipline %u cannot be carried",
			   detail->ldisc);
	if (!tty_is_master(detail))
		return;
	if (f->carrier && detail->queued)
		judge_file(j, f, "tty", "let it be read first",
			   "%llu bytes wait in it, while it is itself in flight in a socket",
			   (unsigned long long)detail->queued);
	if (is_unopened(detail) && detail->queued)
		judge_file(j, f, "tty", "open its other side, or let it be read first",
			   "%llu bytes wait in it, whose other side was never opened",
			   (unsigned long long)detail->queued);
}

/* What stays behind when a terminal is exchanged for the one of the restore. */
static void judge_outside(struct judge *j, const struct file *f, const struct tty_detail *detail)
{
	if (detail->queued) {
		judge_file(j, f, "tty", NULL, "%llu bytes typed ahead stay behind",
			   (unsigned long long)detail->queued);
		judge_soften(j);
	}
	if (!tty_is_external(j->options, f) && f->process->rec->tty == detail->tty &&
	    snapshot_process(j->snap, detail->session.host)) {
		judge_file(j, f, "tty", NULL,
			   "the tree leads the session of this terminal, and will not lead that of "
			   "the one where it is restored: no signals from its keys");
		judge_soften(j);
	}
}

static void judge_uncontrolled(struct judge *j, const struct file *f)
{
	char name[EXTERNAL_NAME], hint[192];

	external_tty_name(f, name);
	snprintf(hint, sizeof(hint),
		 "--shell-job, or start the program with setsid and its output in a file; or --external "
		 "'%s', if restore is to be given another", name);
	judge_file(j, f, "tty", hint, "a terminal that the tree does not control");
}

static void judge(struct judge *j, struct file *f)
{
	const struct tty_detail *detail = tty_detail_of(f);

	judge_fown(j, f);
	if (detail->is_hung_up)
		return;
	if (is_inside(j->snap, detail) && !tty_is_external(j->options, f))
		judge_inside(j, f, detail);
	else if (j->options->shell_job || tty_is_external(j->options, f))
		judge_outside(j, f, detail);
	else
		judge_uncontrolled(j, f);
}

/* Does anybody of the tree have terminal @tty, or the master of it? */
static bool is_held(const struct snapshot *snap, uint64_t tty)
{
	for (size_t i = 0; i < snap->n_files; i++) {
		const struct tty_detail *detail = tty_detail_of(snap->files[i]);

		if (detail && (detail->tty == tty || (tty_is_master(detail) && detail->link == tty)))
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

static TtyType type_of(const struct options *opt, const struct file *f,
		       const struct tty_detail *detail)
{
	if (tty_is_external(opt, f))
		return TTY_TYPE__EXT_TTY;
	if (detail->is_hung_up)
		return TTY_TYPE__PTY;
	if (f->rec->rdev == CTTY_RDEV)
		return TTY_TYPE__CTTY;
	if (detail->driver_type == DRIVER_PTY)
		return TTY_TYPE__PTY;
	if (detail->driver_type == DRIVER_SERIAL)
		return TTY_TYPE__SERIAL;
	return detail->driver_type == DRIVER_CONSOLE ? TTY_TYPE__VT : TTY_TYPE__CONSOLE;
}

/* By ioctl, since a master answers for its slave. A terminal that has hung up has no settings. */
static int describe_settings(struct dump *d, struct file *f, TtyInfoEntry *info)
{
	struct tty_termios termios, locked = {0};
	struct winsize size = {0};
	int fd = file_copy(f, d->err);

	if (fd < 0)
		return fd;
	if (ioctl(fd, TTY_GETS, &termios))
		return fail(d->err, errno, "cannot read its settings");
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
	for (size_t i = 0; tty_is_master(detail) && i < d->snap.n_processes; i++) {
		const struct process_record *rec = d->snap.processes[i]->rec;

		if (!detail->link || rec->tty != detail->link || rec->sid.host != rec->pid.host)
			continue;
		info->sid = rec->sid.virt;
		info->pgrp = rec->ctty_pgrp.virt;
	}
}

static TtyPtyEntry *describe_pty(struct dump *d, const struct tty_detail *detail)
{
	TtyPtyEntry *pty = dump_message(d, &tty_pty_entry__descriptor);

	if (!pty)
		return NULL;
	pty->index = detail->index;
	pty->has_instance = true;
	pty->instance = detail->pty_dev;
	return pty;
}

/* A master tells for its slave what no ioctl does. */
static void describe_sides(const struct tty_detail *detail, TtyInfoEntry *info)
{
	info->packet_mode = detail->packet;
	info->has_stopped = info->has_slave_stopped = info->has_slave_exclusive = true;
	info->stopped = detail->stopped;
	info->slave_stopped = detail->link_stopped;
	info->slave_exclusive = detail->link_is_exclusive;
	info->has_slave_unopened = info->has_packet_status = true;
	info->slave_unopened = is_unopened(detail);
	info->packet_status = detail->packet ? detail->packet_status : 0;
}

static int describe_info(struct dump *d, struct file *f, uint32_t id)
{
	const struct tty_detail *detail = tty_detail_of(f);
	TtyInfoEntry *info = dump_message(d, &tty_info_entry__descriptor);
	TtyPtyEntry *pty = describe_pty(d, detail);
	struct image *image = dump_image(d, IMAGE_TTY_INFO);
	int rc;

	if (!image)
		return d->err->code;
	if (!info || !pty)
		return fail(d->err, ENOMEM, "cannot describe it");
	info->id = id;
	info->type = type_of(d->opt, f, detail);
	info->locked = detail->is_locked;
	info->exclusive = detail->is_exclusive;
	info->rdev = (uint32_t)user_dev(f->rec->rdev);
	info->has_dev = info->has_uid = info->has_gid = true;
	info->dev = (uint32_t)user_dev(f->rec->dev);
	info->uid = f->rec->uid;
	info->gid = f->rec->gid;
	if (info->type == TTY_TYPE__PTY)
		info->pty = pty;
	else if (detail->driver_type == DRIVER_PTY && info->type == TTY_TYPE__CTTY)
		info->ctty = pty;
	if (tty_is_master(detail))
		describe_sides(detail, info);
	if (detail->is_hung_up)
		return image_add(image, &info->base, d->err);
	describe_session(d, detail, info);
	rc = describe_settings(d, f, info) ?: image_add(image, &info->base, d->err);
	return rc ?: tty_describe_queues(d, f, id);
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	TtyFileEntry *tty = dump_message(d, &tty_file_entry__descriptor);
	bool is_new;

	if (!tty || !(tty->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	tty->id = f->id;
	/* What TIOCGPTPEER was told stays, which open(2) does not keep. */
	tty->flags = file_flags(f) | (f->rec->f_flags & O_CLOEXEC);
	tty->tty_info_id = tty_number(d, f, &is_new);
	if (d->err->code)
		return d->err->code;
	tty->has_regf_id = true;
	tty->regf_id = regfile_name(d, f, true);
	if (!tty->regf_id)
		return d->err->code;
	entry->tty = tty;
	return is_new ? describe_info(d, f, tty->tty_info_id) : 0;
}

/* A pty whose number is to be had again. */
static int check_pty(struct restore *r, struct tty_plan *plan, uint32_t id)
{
	const TtyInfoEntry *info = plan->info;
	const TtyPtyEntry *pty = info->type == TTY_TYPE__CTTY ? info->ctty : info->pty;

	if (info->type != TTY_TYPE__PTY && info->type != TTY_TYPE__CTTY)
		return 0;
	if (!pty)
		return info->type == TTY_TYPE__CTTY
			       ? 0
			       : fail(r->err, 0, "tty-info.img: pty %u has no number", id);
	plan->is_master = info->type == TTY_TYPE__PTY && id & 1;
	plan->is_hung = info->type == TTY_TYPE__PTY && !info->termios;
	plan->index = pty->index;
	plan->instance = pty->has_instance ? pty->instance : 0;
	if (plan->is_master && plan->is_hung)
		return fail(r->err, 0, "tty-info.img: the master %u has no settings", id);
	return 0;
}

static void print_name(const TtyInfoEntry *info, char *buf, size_t n)
{
	snprintf(buf, n, "tty[%x:%x]", info->rdev, info->dev);
}

static void name(struct restore *r, const struct new_file *f, char *buf, size_t n,
		 uint32_t *ret_flags)
{
	const TtyFileEntry *tty = f->entry->tty;
	const TtyInfoEntry *info = tty ? tty_info(r, tty->tty_info_id) : NULL;

	if (!info)
		return;
	print_name(info, buf, n);
	*ret_flags = tty->flags;
}

static int check(struct restore *r, struct new_file *f)
{
	const TtyFileEntry *tty = f->entry->tty;
	char outside[EXTERNAL_NAME];
	struct tty_plan *plan = arena_alloc(&r->arena, sizeof(*plan));

	if (!tty || tty->id != f->id)
		return fail(r->err, 0, "it says nothing of a terminal");
	if (!plan)
		return fail(r->err, ENOMEM, "cannot plan its terminal");
	plan->info = tty_info(r, tty->tty_info_id);
	if (!plan->info)
		return r->err->code;
	if (check_pty(r, plan, tty->tty_info_id))
		return r->err->code;
	if (plan->info->type == TTY_TYPE__EXT_TTY && f->process && f->given < 0) {
		print_name(plan->info, outside, sizeof(outside));
		return external_missing(r, outside);
	}
	f->data = plan;
	return check_flags(r, f, tty->flags);
}

/* All ptys are made with the first file of any. */
static int open_tty(struct restore *r, struct new_file *f)
{
	struct tty_plan *plan = f->data;
	const struct new_file *master = plan->is_hung ? NULL : tty_master_of(r, plan);

	if (master && master->fd >= 0)
		return 0;
	plan->is_of_pair = plan->is_hung || master;
	return plan->is_of_pair ? tty_open_pairs(r) : tty_open_home(r, f);
}

static int connect_tty(struct restore *r, struct new_file *f)
{
	const struct tty_plan *plan = f->data;
	int rc = plan->is_of_pair ? 0 : tty_set_home(r, f);

	return rc ?: connect_fown_flags(r, f, f->entry->tty->fown, f->entry->tty->flags);
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
	.name = name,
	.check = check,
	.open = open_tty,
	.connect = connect_tty,
	.install = install,
};

static const struct task_ops task_ops = {.judge = judge_session};

const struct kind kind_tty = {.name = "tty", .file = &file_ops, .task = &task_ops};
