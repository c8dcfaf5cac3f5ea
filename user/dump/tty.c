// SPDX-License-Identifier: GPL-2.0-only
#include "tty.h"

#include "dump/dump.h"
#include "tty.pb-c.h"

/* Of these CRIU reads the first eight: 32 characters of the C library's struct. */
#define CC_WORDS 19

TermiosEntry *tty_termios_describe(struct dump *d, const struct tty_termios *termios)
{
	TermiosEntry *entry = dump_message(d, &termios_entry__descriptor);

	if (!entry)
		return NULL;
	entry->c_iflag = termios->c_iflag;
	entry->c_oflag = termios->c_oflag;
	entry->c_cflag = termios->c_cflag;
	entry->c_lflag = termios->c_lflag;
	entry->c_line = termios->c_line;
	entry->c_cc = arena_alloc(&d->arena, CC_WORDS * sizeof(entry->c_cc[0]));
	if (!entry->c_cc)
		return NULL;
	entry->n_c_cc = CC_WORDS;
	for (size_t i = 0; i < TTY_CC; i++)
		entry->c_cc[i / 4] |= (uint32_t)termios->c_cc[i] << i % 4 * 8;
	return entry;
}
