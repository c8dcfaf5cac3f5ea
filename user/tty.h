/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_TTY_H
#define CRBPF_TTY_H

/*
 * Terminals: what tty-info.img says of them, and how they are made again. A pty both
 * of whose sides belong to the tree is made anew under its old number. A terminal
 * whose other side is outside (of a shell job) becomes the terminal from which the
 * restore was started.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct TermiosEntry TermiosEntry;
typedef struct TtyInfoEntry TtyInfoEntry;

struct dump;
struct new_file;
struct restore;

/* Numbers of terminals (tty_info_entry.id), as CRIU gives them out. */
enum {
	TTY_ID_CONSOLE = 1002,
	TTY_ID_VT = 1004,
	TTY_ID_CTTY = 1006, /* /dev/tty */
	TTY_ID_SERIAL = 1010,
};

/* The kernel's struct termios: the C library's has more characters, and speeds. */
#define TTY_CC 19
struct tty_termios {
	uint32_t c_iflag, c_oflag, c_cflag, c_lflag;
	uint8_t c_line;
	uint8_t c_cc[TTY_CC];
};

/* Settings in an image: control characters lie four to a word. */
TermiosEntry *tty_termios_describe(struct dump *d, const struct tty_termios *termios);
void tty_termios_parse(const TermiosEntry *entry, struct tty_termios *ret);

/* new_file.data of the kind tty. */
struct tty_plan {
	const TtyInfoEntry *info;
	bool is_master;
	bool is_of_pair; /* made anew as pty number @index */
	bool is_set;     /* its settings are in force */
	uint32_t index;
};

/* Finds what the images say of terminal @id, kept by the restore. NULL with the error set. */
const TtyInfoEntry *tty_info(struct restore *r, uint32_t id);

/*
 * Which terminals are made anew: ptys whose master is among the files, with /dev/tty of
 * their sessions, and those that hung up. May be called again.
 */
void tty_pair_up(struct restore *r);
/* Makes the pty that @f is an end of, and opens every file of the restore that is one too. */
int tty_open_pair(struct restore *r, struct new_file *f);
/* Opens @f as the terminal of this process (of standard input, output or error, or /dev/tty). */
int tty_open_home(struct restore *r, struct new_file *f);
/* Puts settings, window size and modes of f's terminal into force. */
int tty_set(struct restore *r, struct new_file *f);
/* Makes it the controlling terminal of the session that had it, if that is in the tree. */
int tty_take(struct restore *r, struct new_file *f);

#endif
