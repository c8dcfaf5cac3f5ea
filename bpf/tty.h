/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_TTY_H
#define CRBPF_BPF_TTY_H

#include "record.h"

#define TTY_DETAIL_CC 19	/* NCCS of the kernel's struct ktermios */

struct tty_detail {
	__u64 tty, link;	/* identities: this terminal, the other side of a pty */
	__u32 driver_type;	/* TTY_DRIVER_TYPE_*: 1 system, 2 console, 3 serial, 4 pty */
	__u32 driver_subtype;	/* pty: 1 master, 2 slave; system: 1 tty, 2 console, 3 syscons, 4 ptmx */
	__u32 index;
	__u32 count;		/* open descriptions; of the slave of an open master one more */
	__u64 flags;		/* raw tty->flags: their bits differ between kernels */
	struct record_pid session, pgrp;
	__u32 is_exclusive;
	__u32 is_hung_up;	/* this description: the terminal hung up while it was open */
	__u32 is_locked;	/* pty: TIOCSPTLCK */
	__u32 packet;		/* pty: TIOCPKT */
	__u32 ldisc;		/* N_TTY 0 */
	__u32 c_iflag, c_oflag, c_cflag, c_lflag;
	__u32 ispeed, ospeed;
	__u16 rows, columns, xpixels, ypixels;
	__u32 pty_dev;		/* s_dev of the devpts instance of the pty; 0 else */
	__u64 queued;		/* bytes received and not read, those that a worker still has to deliver too */
	__u8 c_line;
	__u8 c_cc[TTY_DETAIL_CC];
	__u32 link_count;	/* the same of the other side */

	/* pty: what only its other side could tell */
	__u32 link_is_exclusive;
	__u32 link_ldisc;
	__u32 stopped, link_stopped;	/* enum tty_stopped: of the output of this side, of the other */
	__u32 is_other_closed;		/* all of the other side was closed again */
	__u32 packet_status;		/* TIOCPKT_*: not yet read by a master in packet mode */
	__u32 is_moving;		/* bytes are on their way and will arrive without anybody's doing */
	__u32 reserved;
};

enum tty_stopped {
	TTY_RUNS,
	TTY_STOPPED_BY_KEY,	/* VSTOP came, with IXON */
	TTY_STOPPED_BY_CALL,	/* TCOOFF */
};

#endif
