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

static __always_inline void tty_flags(struct tty_struct *tty, struct tty_detail *d)
{
	/* a pty is locked by a bit of its master */
	struct tty_struct *master = d->driver_subtype == 1 ? tty : BPF_CORE_READ(tty, link);

	d->is_exclusive = tty_flag(d->flags, TTY_EXCLUSIVE___new, 3);
	d->is_hung_up = tty_flag(d->flags, TTY_HUPPED___new, 18) |
			tty_flag(d->flags, TTY_OTHER_CLOSED___new, 2);
	if (d->driver_type == TTY_TYPE_PTY)
		d->is_locked = tty_flag(BPF_CORE_READ(master, flags), TTY_PTY_LOCK___new, 16);
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

/* What is on its way to a line discipline. */
struct tty_buffer___way {
	struct tty_buffer___way *next;
	int commit, read;
} __attribute__((preserve_access_index));
struct tty_bufhead___way {
	struct tty_buffer___way *head;
} __attribute__((preserve_access_index));
struct tty_port___way {
	struct tty_bufhead___way buf;
} __attribute__((preserve_access_index));
struct tty_struct___way {
	struct tty_port___way *port;
} __attribute__((preserve_access_index));

static __always_inline __u64 bytes_on_their_way(struct tty_struct *tty)
{
	struct tty_struct___way *at = (void *)tty;
	struct tty_buffer___way *head = NULL;

	if (!bpf_core_field_exists(at->port) || !bpf_core_field_exists(head->commit))
		return 0;
	head = BPF_CORE_READ(at, port, buf.head);
	if (!head)
		return 0;
	return BPF_CORE_READ(head, commit) - BPF_CORE_READ(head, read) +
	       (BPF_CORE_READ(head, next) != NULL);
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
	name = BPF_CORE_READ(slave, driver_data);
	if (d->driver_type == TTY_TYPE_PTY && name)
		d->pty_dev = BPF_CORE_READ(name, d_sb, s_dev);
}

int tty_detail(void)
{
	struct tty_detail *d = detail_room(struct tty_detail);
	struct tty_file_private *private = (void *)file_now.record.private_data;
	struct n_tty_data *queue;
	struct tty_struct *tty;
	__u32 kind;

	if (!is_file_type(S_IFCHR) || !private)
		return 0;
	/* what the private data of a terminal points to is its file again */
	tty = BPF_CORE_READ(private, tty);
	if (!tty || (__u64)BPF_CORE_READ(private, file) != view.file)
		return 0;
	clear(d);
	kind = tty_driver_kind((__u64)tty);
	d->tty = (__u64)tty;
	d->driver_type = kind >> 16;
	d->driver_subtype = kind & 0xffff;
	d->index = BPF_CORE_READ(tty, index);
	d->count = BPF_CORE_READ(tty, count);
	d->flags = BPF_CORE_READ(tty, flags);
	set_pid(&d->session, BPF_CORE_READ(tty, ctrl.session));
	set_pid(&d->pgrp, BPF_CORE_READ(tty, ctrl.pgrp));
	d->packet = BPF_CORE_READ(tty, ctrl.packet);
	d->ldisc = BPF_CORE_READ(tty, ldisc, ops, num);
	queue = BPF_CORE_READ(tty, disc_data);
	if (d->ldisc == 0 && queue) /* N_TTY */
		d->queued = BPF_CORE_READ(queue, read_head) - BPF_CORE_READ(queue, read_tail);
	d->queued += bytes_on_their_way(tty);
	tty_flags(tty, d);
	tty_settings(tty, d);
	tty_link(tty, d);
	return detail_done(DETAIL_TTY, sizeof(*d));
}
