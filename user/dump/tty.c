// SPDX-License-Identifier: GPL-2.0-only
#include "tty.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf/tty.h"
#include "dump/dump.h"
#include "external.h"
#include "fdutil.h"
#include "lib/err.h"
#include "snapshot.h"
#include "tty.pb-c.h"

/* Of these CRIU reads the first eight: 32 characters of the C library's struct. */
#define CC_WORDS 19

/* Kernel driver types. */
enum { DRIVER_SYSTEM = 1, DRIVER_CONSOLE = 2, DRIVER_SERIAL = 3, DRIVER_PTY = 4 };
#define PTY_MASTER 1
#define CTTY_RDEV  (5ULL << 20) /* /dev/tty: 5:0 */
#define RING	   (TTY_READ_BYTES - 1)

/* Terminals in the order of their numbering. Both sides of a pty are one. */
struct tty_numbers {
	struct tty_number {
		uint64_t tty; /* of a pty its slave */
		uint32_t id;  /* bit 0 clear */
		bool is_hung, is_ctty, is_external;
		bool is_described[2]; /* by bit 0 */
		struct tty_number *next;
	} *first;
};

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
	entry->c_ispeed = termios->c_ispeed;
	entry->c_ospeed = termios->c_ospeed;
	entry->c_cc = arena_alloc(&d->arena, CC_WORDS * sizeof(entry->c_cc[0]));
	if (!entry->c_cc)
		return NULL;
	entry->n_c_cc = CC_WORDS;
	for (size_t i = 0; i < TTY_CC; i++)
		entry->c_cc[i / 4] |= (uint32_t)termios->c_cc[i] << i % 4 * 8;
	return entry;
}

const struct tty_detail *tty_detail_of(const struct file *f)
{
	if (f->rec->detail_type != DETAIL_TTY || !S_ISCHR(f->rec->i_mode) || file_is_path(f))
		return NULL;
	return f->detail;
}

bool tty_is_master(const struct tty_detail *detail)
{
	return detail->driver_type == DRIVER_PTY && detail->driver_subtype == PTY_MASTER;
}

bool tty_is_external(const struct options *opt, const struct file *f)
{
	return !tty_detail_of(f)->is_hung_up && external_has_tty(opt, f);
}

bool tty_is_moving(const struct snapshot *snap)
{
	for (size_t i = 0; i < snap->n_files; i++) {
		const struct tty_detail *detail = tty_detail_of(snap->files[i]);

		if (detail && tty_is_master(detail) && detail->is_moving)
			return true;
	}
	return false;
}

static uint32_t wanted_number(const struct tty_detail *detail, const struct tty_number *number)
{
	if (number->is_external)
		return TTY_ID_EXTERNAL;
	if (number->is_ctty)
		return TTY_ID_CTTY;
	if (detail->driver_type == DRIVER_PTY || number->is_hung)
		return detail->index << 1;
	if (detail->driver_type == DRIVER_SERIAL)
		return TTY_ID_SERIAL;
	return detail->driver_type == DRIVER_CONSOLE ? TTY_ID_VT : TTY_ID_CONSOLE;
}

static struct tty_number *number_find(struct tty_numbers *numbers, uint32_t id)
{
	struct tty_number *at = numbers->first;

	while (at && at->id != id)
		at = at->next;
	return at;
}

static struct tty_number *number_of(struct dump *d, const struct file *f,
				    const struct tty_detail *detail)
{
	struct tty_number want = {
		.tty = tty_is_master(detail) ? detail->link : detail->tty,
		.is_hung = detail->is_hung_up,
		.is_ctty = f->rec->rdev == CTTY_RDEV && !detail->is_hung_up,
		.is_external = tty_is_external(d->opt, f),
	};
	struct tty_number **at = &d->ttys->first;

	while (*at && ((*at)->tty != want.tty || (*at)->is_hung != want.is_hung ||
		       (*at)->is_ctty != want.is_ctty || (*at)->is_external != want.is_external))
		at = &(*at)->next;
	if (*at)
		return *at;
	want.id = wanted_number(detail, &want);
	for (uint32_t id = TTY_ID_LAST; number_find(d->ttys, want.id) && id; id -= 2)
		want.id = id;
	*at = arena_copy(&d->arena, &want, sizeof(want));
	return *at;
}

uint32_t tty_number(struct dump *d, const struct file *f, bool *ret_is_new)
{
	const struct tty_detail *detail = tty_detail_of(f);
	bool is_master = tty_is_master(detail);
	struct tty_number *number;

	if (!d->ttys)
		d->ttys = arena_alloc(&d->arena, sizeof(*d->ttys));
	number = d->ttys ? number_of(d, f, detail) : NULL;
	if (!number) {
		fail(d->err, ENOMEM, "cannot number the terminals");
		return 0;
	}
	*ret_is_new = !number->is_described[is_master];
	number->is_described[is_master] = true;
	return number->id | is_master;
}

/* A ring in the order in which it is read; in line mode with the ends of lines. */
static int add_received(struct buf *data, struct buf *ends, const struct tty_queue_record *r)
{
	const uint8_t *flags = r->data + TTY_READ_BYTES;
	uint32_t bytes = (uint32_t)(r->head_at - r->tail) & RING;
	uint32_t in_lines = (uint32_t)(r->canon_head - r->tail) & RING;

	for (uint32_t i = 0; i < bytes; i++) {
		uint32_t at = (uint32_t)(r->tail + i) & RING;

		if (buf_add(data, &r->data[at], 1))
			return -ENOMEM;
		if (r->is_canonical && i < in_lines && flags[at / 8] >> at % 8 & 1 &&
		    buf_add(ends, &i, sizeof(i)))
			return -ENOMEM;
	}
	return 0;
}

static int collect_queue(const struct file *master, bool is_slave, struct buf *data,
			 struct buf *ends, uint32_t *ret_received)
{
	int rc = 0;

	for (size_t i = 0; i < master->n_tty_queue && !rc; i++) {
		const struct tty_queue_record *r = master->tty_queue[i];
		size_t room = r->head.size - sizeof(*r);

		if (r->is_slave != is_slave)
			continue;
		if (r->bytes > room ||
		    (r->what == TTY_QUEUE_READ && r->bytes != TTY_READ_BYTES + TTY_READ_BYTES / 8))
			return -EPROTO;
		rc = r->what == TTY_QUEUE_READ ? add_received(data, ends, r)
					       : buf_add(data, r->data, r->bytes);
		if (r->what == TTY_QUEUE_READ)
			*ret_received = (uint32_t)data->size;
	}
	return rc;
}

static int describe_queue(struct dump *d, const struct file *master, bool is_slave, uint32_t id)
{
	struct image *image = dump_image(d, IMAGE_TTY_DATA);
	TtyDataEntry entry = TTY_DATA_ENTRY__INIT;
	struct buf data = {0}, ends = {0};
	int rc = collect_queue(master, is_slave, &data, &ends, &entry.received);

	if (rc) {
		fail(d->err, rc, "cannot take in what waits to be read");
	} else if (image && data.size) {
		entry.tty_id = id;
		entry.data = (ProtobufCBinaryData){.data = data.data, .len = data.size};
		entry.has_received = true;
		entry.ends = ends.data;
		entry.n_ends = ends.size / sizeof(uint32_t);
		(void)image_add(image, &entry.base, d->err);
	}
	buf_deinit(&data);
	buf_deinit(&ends);
	return d->err->code;
}

int tty_describe_queues(struct dump *d, const struct file *master, uint32_t id)
{
	if (!master->n_tty_queue)
		return 0;
	return describe_queue(d, master, false, id) ?: describe_queue(d, master, true, id & ~1U);
}
