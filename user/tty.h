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
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

typedef struct TermiosEntry TermiosEntry;
typedef struct TtyDataEntry TtyDataEntry;
typedef struct TtyInfoEntry TtyInfoEntry;

struct dump;
struct error;
struct file;
struct new_file;
struct new_process;
struct options;
struct restore;
struct snapshot;
struct tty_detail;

/* Numbers of terminals (tty_info_entry.id), as CRIU gives them out. */
enum {
	TTY_ID_CONSOLE = 1002,
	TTY_ID_VT = 1004,
	TTY_ID_CTTY = 1006, /* /dev/tty */
	TTY_ID_SERIAL = 1010,
	TTY_ID_EXTERNAL = 1012, /* the first of those that belong to others */
	TTY_ID_LAST = 2046, /* so many fit its bitmaps */
};

/* The kernel's struct termios2: the C library's has more characters. */
#define TTY_CC 19
struct tty_termios {
	uint32_t c_iflag, c_oflag, c_cflag, c_lflag;
	uint8_t c_line;
	uint8_t c_cc[TTY_CC];
	uint32_t c_ispeed, c_ospeed;
};
#define TTY_GETS _IOR('T', 0x2a, struct tty_termios) /* TCGETS2 */
#define TTY_SETS _IOW('T', 0x2b, struct tty_termios) /* TCSETS2 */

/* Settings in an image: control characters lie four to a word. */
TermiosEntry *tty_termios_describe(struct dump *d, const struct tty_termios *termios);
void tty_termios_parse(const TermiosEntry *entry, struct tty_termios *ret);

/* --- dump --- */

/* The detail of @f if it is a terminal, and not only a place (O_PATH). */
const struct tty_detail *tty_detail_of(const struct file *f);
bool tty_is_master(const struct tty_detail *detail);
/* Does terminal @f belong to others, who give another at restore? */
bool tty_is_external(const struct options *opt, const struct file *f);
/* Does a worker of the kernel still move bytes of a pty in the tree, although all tasks stand still? */
bool tty_is_moving(const struct snapshot *snap);
/*
 * The number of the terminal that @f has open: CRIU's if it is free. The sides of a pty
 * differ in bit 0, which is set for the master; descriptions that have hung up have a
 * terminal of their own. *@ret_is_new: it was given out now. 0 with the error set.
 */
uint32_t tty_number(struct dump *d, const struct file *f, bool *ret_is_new);
/* Writes what both sides of the pty of @master, numbered @id, have not read. */
int tty_describe_queues(struct dump *d, const struct file *master, uint32_t id);

/* --- restore --- */

/* new_file.data of the kind tty. */
struct tty_plan {
	const TtyInfoEntry *info;
	bool is_master;
	bool is_hung;    /* the slave of a pty that has hung up: opened, then hung up again */
	bool is_of_pair; /* made anew as pty number @index */
	bool is_set;     /* its settings are in force */
	bool is_led;     /* it was given, and controls the session that it is to control */
	uint32_t index, instance;
};

/* A pty in the making. */
struct tty_pair {
	uint32_t index, instance;
	struct new_file *master;      /* NULL: all that is open of it has hung up */
	const TtyInfoEntry *info;     /* of the master */
	const TtyInfoEntry *slave;    /* of its slave, NULL if nobody has it open */
	const TtyDataEntry *to_master, *to_slave; /* what they have to read; NULL: nothing */
	int fd;                       /* of the master; owned, as the next */
	int peer;                     /* of the slave, -1 if it is never to have been opened */
};

/* Finds what the images say of terminal @id, kept by the restore. NULL with the error set. */
const TtyInfoEntry *tty_info(struct restore *r, uint32_t id);
/* The plan of @f if it is a terminal that a process has. */
struct tty_plan *tty_plan_of(const struct new_file *f);
/* The master of the pty whose slave @plan describes (or /dev/tty led to), or NULL. */
struct new_file *tty_master_of(const struct restore *r, const struct tty_plan *plan);
/* The process that leads the session whose controlling terminal is @info, if it will be alive. */
struct new_process *tty_leader(const struct restore *r, const TtyInfoEntry *info);
/* Makes all ptys, under their old numbers, with their content, and opens their files. */
int tty_open_pairs(struct restore *r);
/* Puts state and content into @pair, before anybody but us has it open. Files are opened by the caller. */
int tty_fill(struct restore *r, const struct tty_pair *pair);
/* Reads tty-data.img for @pair. */
int tty_find_data(struct restore *r, struct tty_pair *pair);
/* Opens @f as the terminal of this process (of standard input, output or error, or /dev/tty). */
int tty_open_home(struct restore *r, struct new_file *f);
/*
 * An ioctl that changes the terminal of this process, which may be in the background: it is
 * stopped for that unless it blocks the signal. Returns 0 or -errno.
 */
int tty_background_ioctl(int fd, unsigned long request, const void *arg);
/* Puts the settings of the terminal of a shell job into force. */
int tty_set_home(struct restore *r, struct new_file *f);
/*
 * @leader has just called setsid and has no children there yet: it takes its controlling
 * terminal, which they will inherit, and opens what the tree has open of /dev/tty.
 */
int tty_lead(struct restore *r, struct new_process *leader, struct error *err);
/* All processes are there: the foreground group of f's terminal; locks a pty. */
int tty_take(struct restore *r, struct new_file *f);

#endif
