// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a pty holds. Unread bytes are put where they were by TIOCSTI, which hands them to the
 * line discipline at once and byte for byte, under settings that change nothing of them; what
 * the line discipline had no room for is written behind them, from the other side.
 */
#include <asm/termbits.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "restore/restore.h"
#include "tty.h"
#include "tty.pb-c.h"

#define MAX_UNREAD  (1U << 20) /* more is no terminal's */
#define LINE_BYTES  4095	   /* that a line discipline has room for */
#define KEPT_LFLAGS (ICANON | EXTPROC) /* a change of these forgets where lines end */
#define WRITE_MS    10000

/* Bits of TIOCPKT's status, and how they are brought about anew. */
#define PKT_FLUSHES (TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE | TIOCPKT_IOCTL)

static int check_data(struct restore *r, const TtyDataEntry *data)
{
	uint32_t last = 0;

	if (data->data.len > MAX_UNREAD || (data->has_received && data->received > data->data.len))
		return fail(r->err, 0, "tty-data.img: terminal %u has not read %zu bytes",
			    data->tty_id, data->data.len);
	for (size_t i = 0; i < data->n_ends; i++) {
		if (data->ends[i] >= data->data.len || (i && data->ends[i] <= last))
			return fail(r->err, 0, "tty-data.img: terminal %u: no line ends at %u",
				    data->tty_id, data->ends[i]);
		last = data->ends[i];
	}
	return 0;
}

int tty_find_data(struct restore *r, struct tty_pair *pair)
{
	ProtobufCMessage *msg;
	struct image *image;
	int rc = image_open(r->dir, IMAGE_TTY_DATA, 0, &image, r->err);

	while (!rc && image && (rc = image_next(image, NULL, &msg, r->err)) > 0) {
		const TtyDataEntry *data = (TtyDataEntry *)msg;

		if ((data->tty_id | 1) != (pair->info->id | 1)) {
			protobuf_c_message_free_unpacked(msg, NULL);
			rc = 0;
			continue;
		}
		*(data->tty_id & 1 ? &pair->to_master : &pair->to_slave) = data;
		rc = restore_keep(r, msg) ? fail(r->err, ENOMEM, "cannot load tty-data.img")
					  : check_data(r, data);
	}
	image_finish(image, NULL);
	return rc < 0 ? rc : 0;
}

static int set(struct restore *r, const struct tty_pair *pair, const struct tty_termios *termios)
{
	/* an image of criu's has no speeds: those of the settings' flags count */
	if (ioctl(pair->fd, termios->c_ospeed ? TTY_SETS : (unsigned long)TCSETS, termios))
		return fail(r->err, errno, "cannot put its settings into force");
	return 0;
}

/* Settings under which every byte is taken as it is; control characters are off. */
static struct tty_termios plain(const struct tty_termios *final)
{
	struct tty_termios termios = {
		.c_cflag = final->c_cflag,
		.c_lflag = final->c_lflag & KEPT_LFLAGS,
		.c_ispeed = final->c_ispeed,
		.c_ospeed = final->c_ospeed,
	};

	termios.c_cc[VMIN] = 1;
	return termios;
}

static int type(struct restore *r, int fd, uint8_t byte)
{
	if (!ioctl(fd, TIOCSTI, &byte))
		return 0;
	fail(r->err, errno, "cannot put back what waits to be read");
	if (errno == EIO)
		fail_hint(r->err, "sysctl dev.tty.legacy_tiocsti=1, which this kernel wants for it");
	return r->err->code;
}

/* Until where the line discipline had received it. */
static size_t received(const TtyDataEntry *data)
{
	size_t n = data->has_received ? data->received : data->data.len;

	return n < LINE_BYTES ? n : LINE_BYTES;
}

static int type_all(struct restore *r, int fd, const TtyDataEntry *data)
{
	for (size_t i = 0; i < received(data); i++)
		if (type(r, fd, data->data.data[i]))
			return r->err->code;
	return 0;
}

/* Does byte @i end a line? *@next walks data->ends. */
static bool ends_line(const TtyDataEntry *data, size_t i, size_t *next)
{
	if (!data->has_received)
		return data->data.data[i] == '\n';
	if (*next >= data->n_ends || data->ends[*next] != i)
		return false;
	++*next;
	return true;
}

/*
 * In line mode the ends of lines are marks of their own: each of another byte than a newline
 * is made the VEOL of its moment, and what only looks like an end is quoted.
 */
static int type_lines(struct restore *r, const struct tty_pair *pair, struct tty_termios termios,
		      const TtyDataEntry *data)
{
	size_t next = 0;
	int rc = 0;

	termios.c_lflag |= IEXTEN;
	termios.c_cc[VLNEXT] = CTRL('V');
	termios.c_cc[VEOF] = CTRL('D');
	rc = set(r, pair, &termios);
	for (size_t i = 0; i < received(data) && !rc; i++) {
		uint8_t byte = data->data.data[i];
		bool is_end = ends_line(data, i, &next);
		bool is_special = byte == '\n' || byte == termios.c_cc[VLNEXT] ||
				  byte == termios.c_cc[VEOF] || byte == termios.c_cc[VEOL];

		if (is_end && byte && byte != '\n' && byte != termios.c_cc[VEOL]) {
			termios.c_cc[VEOL] = byte;
			termios.c_cc[VLNEXT] = byte == CTRL('V') ? CTRL('W') : CTRL('V');
			termios.c_cc[VEOF] = byte == CTRL('D') ? CTRL('E') : CTRL('D');
			rc = set(r, pair, &termios);
		}
		if (!rc && !is_end && byte && is_special)
			rc = type(r, pair->peer, termios.c_cc[VLNEXT]);
		if (!rc)
			rc = type(r, pair->peer, is_end && !byte ? termios.c_cc[VEOF] : byte);
	}
	return rc;
}

/* What was on its way: the line discipline at the other end is full, so it stays there. */
static int write_rest(struct restore *r, int fd, const TtyDataEntry *data)
{
	size_t at = received(data);
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
	ssize_t n;

	while (at < data->data.len) {
		if (poll(&poll_fd, 1, WRITE_MS) <= 0)
			return fail(r->err, EAGAIN, "it has no room for what waited to be read");
		n = write(fd, data->data.data + at, data->data.len - at);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return fail(r->err, errno, "cannot write what waited to be read");
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* The events of packet mode that come from flushes and settings, while nothing can get lost. */
static int cause_events(struct restore *r, const struct tty_pair *pair, struct tty_termios termios)
{
	uint32_t status = pair->info->packet_status;

	if (pair->peer < 0)
		return 0;
	if ((status & TIOCPKT_FLUSHREAD && ioctl(pair->peer, TCFLSH, TCIFLUSH)) ||
	    (status & TIOCPKT_FLUSHWRITE && ioctl(pair->peer, TCFLSH, TCOFLUSH)))
		return fail(r->err, errno, "cannot flush it");
	if (status & TIOCPKT_IOCTL) {
		termios.c_lflag ^= EXTPROC;
		if (set(r, pair, &termios))
			return r->err->code;
		termios.c_lflag ^= EXTPROC;
	}
	if (status & TIOCPKT_NOSTOP) {
		termios.c_iflag = IXON;
		termios.c_cc[VSTOP] = CTRL('S');
		termios.c_cc[VSTART] = CTRL('Q');
		if (set(r, pair, &termios))
			return r->err->code;
	}
	return 0;
}

/* A slave's output that its key has stopped: while IXON stays on, so does that. */
static int stop_by_key(struct restore *r, const struct tty_pair *pair, struct tty_termios *plain)
{
	struct tty_termios termios = *plain;

	if (pair->info->slave_stopped != 1 || pair->peer < 0)
		return 0;
	plain->c_iflag = termios.c_iflag = IXON;
	termios.c_cc[VSTOP] = CTRL('S');
	return set(r, pair, &termios) ?: type(r, pair->peer, CTRL('S'));
}

static int fill_queues(struct restore *r, const struct tty_pair *pair, struct tty_termios termios)
{
	bool is_by_line = (termios.c_lflag & KEPT_LFLAGS) == ICANON;
	int rc = 0;

	if (pair->to_master)
		rc = type_all(r, pair->fd, pair->to_master);
	if (!rc && pair->to_master && pair->peer >= 0)
		rc = write_rest(r, pair->peer, pair->to_master);
	if (!rc)
		rc = stop_by_key(r, pair, &termios) ?: set(r, pair, &termios);
	if (rc || !pair->to_slave || pair->peer < 0)
		return rc;
	return is_by_line ? type_lines(r, pair, termios, pair->to_slave)
			  : type_all(r, pair->peer, pair->to_slave);
}

static int set_size_and_locks(struct restore *r, const struct tty_pair *pair)
{
	const WinsizeEntry *had = pair->info->winsize;
	struct tty_termios locked;
	struct winsize size;

	if (pair->info->termios_locked) {
		tty_termios_parse(pair->info->termios_locked, &locked);
		if (ioctl(pair->fd, TIOCSLCKTRMIOS, &locked))
			return fail(r->err, errno, "cannot lock its settings");
	}
	if (had) {
		size = (struct winsize){had->ws_row, had->ws_col, had->ws_xpixel, had->ws_ypixel};
		if (ioctl(pair->fd, TIOCSWINSZ, &size))
			return fail(r->err, errno, "cannot set its size");
	}
	return 0;
}

/* What has been brought about on the way and was read before the dump is no event. */
static int forget_events(struct restore *r, const struct tty_pair *pair)
{
	int off = 0, on = 1;

	if (!pair->info->packet_mode || pair->info->packet_status & ~TIOCPKT_START)
		return 0;
	if (ioctl(pair->fd, TIOCPKT, &off) || ioctl(pair->fd, TIOCPKT, &on))
		return fail(r->err, errno, "cannot set packet mode");
	return 0;
}

static int set_modes(struct restore *r, const struct tty_pair *pair)
{
	const TtyInfoEntry *info = pair->info;
	bool is_slave_exclusive = info->slave_exclusive || (pair->slave && pair->slave->exclusive);

	if ((info->exclusive && ioctl(pair->fd, TIOCEXCL)) ||
	    (is_slave_exclusive && pair->peer >= 0 && ioctl(pair->peer, TIOCEXCL)))
		return fail(r->err, errno, "cannot make it exclusive");
	if (pair->peer >= 0 && info->packet_status & TIOCPKT_START && !info->slave_stopped &&
	    (ioctl(pair->peer, TCXONC, TCOOFF) || ioctl(pair->peer, TCXONC, TCOON)))
		return fail(r->err, errno, "cannot stop and start it");
	if ((info->stopped && ioctl(pair->fd, TCXONC, TCOOFF)) ||
	    (info->slave_stopped == 2 && pair->peer >= 0 && ioctl(pair->peer, TCXONC, TCOOFF)))
		return fail(r->err, errno, "cannot stop it");
	return 0;
}

int tty_fill(struct restore *r, const struct tty_pair *pair)
{
	struct tty_termios final, termios;
	int on = 1, rc;

	tty_termios_parse(pair->info->termios, &final);
	termios = plain(&final);
	if (pair->info->packet_mode && ioctl(pair->fd, TIOCPKT, &on))
		return fail(r->err, errno, "cannot set packet mode");
	rc = set(r, pair, &termios) ?: cause_events(r, pair, termios);
	if (!rc && pair->info->packet_status & PKT_FLUSHES)
		rc = set(r, pair, &termios);
	if (!rc)
		rc = fill_queues(r, pair, termios) ?: set(r, pair, &final);
	if (!rc && pair->to_slave)
		rc = write_rest(r, pair->fd, pair->to_slave);
	return rc ?: forget_events(r, pair) ?: set_modes(r, pair) ?: set_size_and_locks(r, pair);
}
