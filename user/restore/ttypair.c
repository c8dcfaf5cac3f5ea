// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ptys are made anew, all at once: the kernel gives each new one the lowest free number, so
 * some are opened on the way to a number, and closed again in the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdinfo.pb-c.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "regfile.pb-c.h"
#include "restore/restore.h"
#include "tty.h"
#include "tty.pb-c.h"

#define PTMX     "/dev/ptmx"
#define MAX_PTYS 4096 /* so many are opened to reach a number */
#define TRIES    20
#define TRY_US   10000

/* All ptys of a restore, in ascending order, and masters that none of them is made of (yet). */
struct making {
	struct tty_pair *pairs; /* owned */
	size_t n;
	struct spare {
		int fd;
		unsigned int number;
	} *spares; /* owned */
	size_t n_spares;
};

static struct tty_pair *find_pair(const struct making *m, const struct tty_plan *plan)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->pairs[i].index == plan->index && m->pairs[i].instance == plan->instance)
			return &m->pairs[i];
	return NULL;
}

static int add_file(struct restore *r, struct making *m, struct new_file *f)
{
	const struct tty_plan *plan = tty_plan_of(f);
	struct tty_pair *pair = find_pair(m, plan);

	if (!pair) {
		pair = array_add(m->pairs, m->n);
		if (!pair)
			return fail(r->err, ENOMEM, "cannot make terminals");
		*pair = (struct tty_pair){.index = plan->index, .instance = plan->instance,
					  .fd = -1, .peer = -1};
	}
	if (!plan->is_master) {
		pair->slave = plan->is_hung ? pair->slave : plan->info;
		return 0;
	}
	if (pair->master)
		return fail(r->err, 0, "/dev/pts/%u has two masters", plan->index);
	pair->master = f;
	pair->info = plan->info;
	return 0;
}

static int compare_pairs(const void *a, const void *b)
{
	const struct tty_pair *x = a, *y = b;

	if (x->instance != y->instance)
		return x->instance < y->instance ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Which files belong together; /dev/tty goes with the master that it led to. */
static int list_pairs(struct restore *r, struct making *m)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct tty_plan *plan = tty_plan_of(r->files[i]);
		const struct new_file *master;

		if (!plan || r->files[i]->given >= 0)
			continue;
		master = plan->is_hung ? NULL : tty_master_of(r, plan);
		plan->is_of_pair = plan->is_hung || master;
		if (master && !plan->is_master) {
			plan->index = tty_plan_of(master)->index;
			plan->instance = tty_plan_of(master)->instance;
		}
		if (plan->is_of_pair && add_file(r, m, r->files[i]))
			return r->err->code;
	}
	if (m->n)
		qsort(m->pairs, m->n, sizeof(*m->pairs), compare_pairs);
	return 0;
}

/* The ptmx that a master was opened by: it says in which devpts. */
static const char *ptmx_of(const struct restore *r, const struct tty_pair *pair)
{
	const TtyFileEntry *tty = pair->master ? pair->master->entry->tty : NULL;
	const struct new_file *reg = tty && tty->has_regf_id ? restore_file(r, tty->regf_id) : NULL;
	const char *slash = reg && reg->entry->reg ? strrchr(reg->entry->reg->name, '/') : NULL;

	return slash && !strcmp(slash, "/ptmx") ? reg->entry->reg->name : PTMX;
}

static int take_spare(struct making *m, unsigned int number, bool is_any)
{
	for (size_t i = 0; i < m->n_spares; i++) {
		int fd = m->spares[i].fd;

		if (fd < 0 || (!is_any && m->spares[i].number != number))
			continue;
		m->spares[i].fd = -1;
		return fd;
	}
	return -1;
}

static void close_spares(struct making *m)
{
	for (size_t i = 0; i < m->n_spares; i++)
		if (m->spares[i].fd >= 0)
			close(m->spares[i].fd);
	m->n_spares = 0;
}

/* One more master from @path, whatever its number. */
static struct spare *open_spare(struct restore *r, struct making *m, const char *path)
{
	struct spare *spare = array_add(m->spares, m->n_spares);

	if (!spare) {
		fail(r->err, ENOMEM, "cannot make terminals");
		return NULL;
	}
	spare->fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (spare->fd >= 0 && !ioctl(spare->fd, TIOCGPTN, &spare->number))
		return spare;
	fail(r->err, errno, "cannot open %s", path);
	return NULL;
}

/*
 * What has hung up can do with another number, if its own is taken. Another restore may have
 * one for a moment, on its way to a higher one.
 */
static int take_master(struct restore *r, struct making *m, struct tty_pair *pair, int tries)
{
	const char *path = ptmx_of(r, pair);
	struct spare *spare;

	pair->fd = take_spare(m, pair->index, false);
	while (pair->fd < 0 && m->n_spares < MAX_PTYS) {
		spare = open_spare(r, m, path);
		if (!spare)
			return r->err->code;
		if (spare->number == pair->index)
			pair->fd = take_spare(m, pair->index, false);
		else if (spare->number > pair->index)
			break;
	}
	if (pair->fd >= 0 || !pair->master)
		return 0;
	if (tries) {
		close_spares(m);
		usleep(TRY_US);
		return take_master(r, m, pair, tries - 1);
	}
	fail(r->err, EBUSY, "cannot make the terminal /dev/pts/%u", pair->index);
	return fail_hint(r->err, "end what uses that terminal");
}

static int take_masters(struct restore *r, struct making *m)
{
	int rc = 0;

	for (size_t i = 0; i < m->n && !rc; i++) {
		if (i && m->pairs[i].instance != m->pairs[i - 1].instance)
			close_spares(m);
		rc = take_master(r, m, &m->pairs[i], TRIES);
	}
	for (size_t i = 0; i < m->n && !rc; i++) {
		struct tty_pair *pair = &m->pairs[i];

		if (pair->fd >= 0)
			continue;
		pair->fd = take_spare(m, 0, true);
		if (pair->fd < 0 && open_spare(r, m, PTMX))
			pair->fd = take_spare(m, 0, true);
		rc = r->err->code;
	}
	return rc;
}

/*
 * What this call is told of flags stays in those of the file, unlike by open(2), which keeps no
 * O_CLOEXEC, and adds O_LARGEFILE: as to the other end, which was opened so.
 */
static int open_peer(struct restore *r, const struct tty_pair *pair, int flags)
{
	int by_open = fcntl(pair->fd, F_GETFL) & ~O_ACCMODE, fd;

	fd = ioctl(pair->fd, TIOCGPTPEER, (flags & (O_ACCMODE | O_CLOEXEC | by_open)) | O_NOCTTY);
	if (fd < 0)
		return fail(r->err, errno, "cannot open the terminal /dev/pts/%u", pair->index);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* The node of a new slave belongs to this process. */
static int give_node(struct restore *r, const struct new_file *f)
{
	const struct new_file *reg =
		f->entry->tty->has_regf_id ? restore_file(r, f->entry->tty->regf_id) : NULL;
	const TtyInfoEntry *info = tty_plan_of(f)->info;

	if (info->type != TTY_TYPE__PTY)
		return 0;
	if (info->has_uid && info->has_gid && fchown(f->fd, info->uid, info->gid))
		return fail(r->err, errno, "cannot give the terminal its owner");
	if (reg && reg->entry->reg && reg->entry->reg->has_mode &&
	    fchmod(f->fd, reg->entry->reg->mode & 07777))
		return fail(r->err, errno, "cannot give the terminal its mode");
	return 0;
}

static int open_end(struct restore *r, const struct tty_pair *pair, struct new_file *f)
{
	const struct tty_plan *plan = tty_plan_of(f);

	if (plan->is_master) {
		f->fd = fcntl(pair->fd, F_DUPFD_CLOEXEC, 0);
		return f->fd < 0 ? fail(r->err, errno, "cannot open " PTMX) : 0;
	}
	/* The leader of its session opens it, as /dev/tty: tty_lead. */
	if (plan->info->type == TTY_TYPE__CTTY && tty_leader(r, plan->info))
		return 0;
	f->fd = open_peer(r, pair, (int)f->entry->tty->flags);
	if (f->fd < 0)
		return r->err->code;
	return plan->is_hung ? 0 : give_node(r, f);
}

/* Those that have hung up come first: so they hang up alone. */
static int open_ends(struct restore *r, const struct tty_pair *pair, bool is_hung)
{
	int rc = 0, hung = -1;

	for (size_t i = 0; i < r->n_files && !rc; i++) {
		const struct tty_plan *plan = tty_plan_of(r->files[i]);

		if (!plan || !plan->is_of_pair || plan->index != pair->index ||
		    plan->instance != pair->instance || plan->is_hung != is_hung)
			continue;
		rc = open_end(r, pair, r->files[i]);
		hung = is_hung ? r->files[i]->fd : -1;
	}
	if (!rc && hung >= 0 && ioctl(hung, TIOCVHANGUP))
		rc = fail(r->err, errno, "cannot hang the terminal /dev/pts/%u up", pair->index);
	return rc;
}

static int make_pair(struct restore *r, struct tty_pair *pair)
{
	int unlocked = 0, rc;

	if (ioctl(pair->fd, TIOCSPTLCK, &unlocked))
		return fail(r->err, errno, "cannot unlock the terminal /dev/pts/%u", pair->index);
	rc = open_ends(r, pair, true);
	if (rc || !pair->master)
		return rc;
	rc = tty_find_data(r, pair);
	if (!rc && (pair->slave || !pair->info->has_slave_unopened || !pair->info->slave_unopened)) {
		pair->peer = open_peer(r, pair, O_RDWR);
		rc = pair->peer < 0 ? r->err->code : 0;
	}
	return rc ?: tty_fill(r, pair) ?: open_ends(r, pair, false);
}

static void making_deinit(struct making *m)
{
	close_spares(m);
	for (size_t i = 0; i < m->n; i++) {
		if (m->pairs[i].peer >= 0)
			close(m->pairs[i].peer);
		if (m->pairs[i].fd >= 0)
			close(m->pairs[i].fd);
	}
	free(m->pairs);
	free(m->spares);
}

int tty_open_pairs(struct restore *r)
{
	struct making m = {0};
	int rc = list_pairs(r, &m) ?: take_masters(r, &m);

	for (size_t i = 0; i < m.n && !rc; i++)
		rc = make_pair(r, &m.pairs[i]);
	making_deinit(&m);
	return rc;
}
