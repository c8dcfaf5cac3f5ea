// SPDX-License-Identifier: GPL-2.0-only
/* Terminals: pty masters and slaves, consoles, serial lines. */

#include "file.h"
#include "tty.h"

#define TTY_TYPE_PTY 4

__u32 tty_driver_kind(__u64 address)
{
	struct tty_struct *tty = (struct tty_struct *)address;
	struct tty_driver *driver = BPF_CORE_READ(tty, driver);
	struct tty_driver___short *old = (void *)driver;

	if (bpf_core_field_exists(old->type))
		return (__u32)BPF_CORE_READ(old, type) << 16 | (__u16)BPF_CORE_READ(old, subtype);
	/* as an enum they count from 0, as macros they counted from 1 */
	return (__u32)(BPF_CORE_READ(driver, type) + TTY_TYPE_PTY -
		       bpf_core_enum_value(enum tty_driver_type___new, TTY_DRIVER_TYPE_PTY___new))
		       << 16 |
	       (__u16)BPF_CORE_READ(driver, subtype);
}

/* Bits of tty->flags: an enum with other numbers than the macros it replaced. */
#define tty_flag(flags, name, macro)                                                               \
	((flags) >> (bpf_core_enum_value_exists(enum tty_struct_flags___new, name)                 \
			     ? bpf_core_enum_value(enum tty_struct_flags___new, name)              \
			     : (macro)) &                                                          \
	 1)

static __always_inline void tty_flags(struct tty_struct *tty, struct tty_struct *link,
				      struct tty_detail *d)
{
	/* a pty is locked by a bit of its master */
	struct tty_struct *master = d->driver_subtype == 1 ? tty : link;

	d->is_exclusive = tty_flag(d->flags, TTY_EXCLUSIVE___new, 3);
	d->is_other_closed = tty_flag(d->flags, TTY_OTHER_CLOSED___new, 2);
	if (d->driver_type == TTY_TYPE_PTY)
		d->is_locked = tty_flag(BPF_CORE_READ(master, flags), TTY_PTY_LOCK___new, 16);
	if (link)
		d->link_is_exclusive = tty_flag(BPF_CORE_READ(link, flags), TTY_EXCLUSIVE___new, 3);
}

static __always_inline void tty_settings(struct tty_struct *tty, struct tty_detail *d)
{
	d->c_iflag = BPF_CORE_READ(tty, termios.c_iflag);
	d->c_oflag = BPF_CORE_READ(tty, termios.c_oflag);
	d->c_cflag = BPF_CORE_READ(tty, termios.c_cflag);
	d->c_lflag = BPF_CORE_READ(tty, termios.c_lflag);
	d->c_line = BPF_CORE_READ(tty, termios.c_line);
	d->ispeed = BPF_CORE_READ(tty, termios.c_ispeed);
	d->ospeed = BPF_CORE_READ(tty, termios.c_ospeed);
	copy_field(d->c_cc, sizeof(d->c_cc), tty->termios.c_cc);
	d->rows = BPF_CORE_READ(tty, winsize.ws_row);
	d->columns = BPF_CORE_READ(tty, winsize.ws_col);
	d->xpixels = BPF_CORE_READ(tty, winsize.ws_xpixel);
	d->ypixels = BPF_CORE_READ(tty, winsize.ws_ypixel);
}

struct tty_struct___flow {
	struct {
		unsigned char pktstatus;
	} ctrl;
	struct {
		bool stopped, tco_stopped;
	} flow;
} __attribute__((preserve_access_index));

static __always_inline __u32 stopped_by(struct tty_struct *tty)
{
	struct tty_struct___flow *at = (void *)tty;

	if (!tty || !BPF_CORE_READ(at, flow.stopped))
		return TTY_RUNS;
	return BPF_CORE_READ(at, flow.tco_stopped) ? TTY_STOPPED_BY_CALL : TTY_STOPPED_BY_KEY;
}

/* Bytes that wait for room in the line discipline, or for a worker to put them there. */
static __always_inline __u32 on_the_way(struct tty_struct *tty)
{
	struct tty_buffer *head = BPF_CORE_READ(tty, port, buf.head);

	if (!head)
		return 0;
	return BPF_CORE_READ(head, commit) - BPF_CORE_READ(head, read) +
	       (BPF_CORE_READ(head, next) != NULL);
}

struct n_tty_data___room {
	bool no_room;
} __attribute__((preserve_access_index));

/* Adds what one side of a terminal has to read. */
static __always_inline void count_queued(struct tty_struct *tty, __u32 ldisc, struct tty_detail *d)
{
	struct n_tty_data *queue = BPF_CORE_READ(tty, disc_data);
	__u32 way = on_the_way(tty);

	d->queued += way;
	if (ldisc || !queue)
		return;
	d->queued += BPF_CORE_READ(queue, read_head) - BPF_CORE_READ(queue, read_tail);
	if (way && !BPF_CORE_READ((struct n_tty_data___room *)queue, no_room))
		d->is_moving = 1;
}

/* The slave of a Unix98 pty points to its name in devpts, whichever side this is. */
static __always_inline void tty_link(struct tty_struct *tty, struct tty_detail *d)
{
	struct tty_struct *link = BPF_CORE_READ(tty, link);
	struct tty_struct *slave = d->driver_subtype == 1 ? link : tty;
	struct dentry *name;

	d->link = (__u64)link;
	if (!link)
		return;
	d->link_count = BPF_CORE_READ(link, count);
	d->link_ldisc = BPF_CORE_READ(link, ldisc, ops, num);
	d->link_stopped = stopped_by(link);
	name = BPF_CORE_READ(slave, driver_data);
	if (d->driver_type != TTY_TYPE_PTY || !name)
		return;
	d->pty_dev = BPF_CORE_READ(name, d_sb, s_dev);
	d->packet_status = BPF_CORE_READ((struct tty_struct___flow *)slave, ctrl.pktstatus);
}

/* What the private data of a terminal points to is its file again. */
__u64 tty_of_file(void)
{
	struct tty_file_private *private = (void *)file_now.record.private_data;
	struct tty_struct *tty;

	if (!is_file_type(S_IFCHR) || !private || file_now.record.f_flags & O_PATH)
		return 0;
	tty = BPF_CORE_READ(private, tty);
	if (!tty || (__u64)BPF_CORE_READ(private, file) != view.file)
		return 0;
	return (__u64)tty;
}

/* A description of a terminal that hung up gets other operations: nothing opens by them. */
struct file_operations___open {
	void *open;
} __attribute__((preserve_access_index));

int tty_detail(void)
{
	struct tty_detail *d = detail_room(struct tty_detail);
	struct file_operations___open *f_op = (void *)file_now.record.f_op;
	struct tty_struct *tty = (struct tty_struct *)tty_of_file(), *link;
	__u32 kind;

	if (!tty)
		return 0;
	clear(d);
	kind = tty_driver_kind((__u64)tty);
	link = BPF_CORE_READ(tty, link);
	d->tty = (__u64)tty;
	d->driver_type = kind >> 16;
	d->driver_subtype = kind & 0xffff;
	d->index = BPF_CORE_READ(tty, index);
	d->count = BPF_CORE_READ(tty, count);
	d->flags = BPF_CORE_READ(tty, flags);
	d->is_hung_up = !BPF_CORE_READ(f_op, open);
	set_pid(&d->session, BPF_CORE_READ(tty, ctrl.session));
	set_pid(&d->pgrp, BPF_CORE_READ(tty, ctrl.pgrp));
	d->packet = BPF_CORE_READ(tty, ctrl.packet);
	d->ldisc = BPF_CORE_READ(tty, ldisc, ops, num);
	d->stopped = stopped_by(tty);
	tty_flags(tty, link, d);
	tty_settings(tty, d);
	tty_link(tty, d);
	count_queued(tty, d->ldisc, d);
	if (link && d->driver_subtype == 1)
		count_queued(link, d->link_ldisc, d);
	return detail_done(DETAIL_TTY, sizeof(*d));
}
