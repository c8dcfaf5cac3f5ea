// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dump/dump.h"
#include "eventpoll.pb-c.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "snapshot.h"

/*
 * An epoll item is a file and the number under which it was added; the number may
 * since have been closed, or stand for another file, while the item lives on
 * with a duplicate. CRIU's format knows numbers only: for such an item tfd is a number
 * where the file can be found, and our own fields say what it really was.
 */

#define MODES (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE) /* what is no event */
#define ANY   (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP)

static bool claims(const struct file *f)
{
	return file_is_anon(f, "eventpoll");
}

static void judge(struct judge *j, struct file *f)
{
	judge_fown(j, f);
	for (size_t i = 0; i < f->n_epoll; i++)
		if (!snapshot_file(j->snap, f->epoll[i]->file))
			judge_file(j, f, "epoll", "close the duplicates of that descriptor first",
				   "watches a file that was added as descriptor %u and that no "
				   "process of the tree has open any more",
				   f->epoll[i]->fd);
}

/* What it is joined to is there, in whatever tree it is. */
static bool is_plain(const struct file *f)
{
	return f->rec->is_contained;
}

/* The number of @target in the table of @p, preferably @wanted; -1 if it is not there. */
static int number_of(const struct process *p, const struct file *target, uint32_t wanted)
{
	int found = -1;

	for (size_t i = 0; p->files && i < p->files->n_fds; i++) {
		if (p->files->fds[i].file != target)
			continue;
		if (p->files->fds[i].number == wanted)
			return wanted;
		if (found < 0)
			found = p->files->fds[i].number;
	}
	return found;
}

static EventpollTfdEntry *describe_item(struct dump *d, const struct file *f,
					const struct epoll_record *rec)
{
	const struct file *target = snapshot_file(&d->snap, rec->file);
	EventpollTfdEntry *item = dump_message(d, &eventpoll_tfd_entry__descriptor);
	int number;

	if (!item || !target)
		return NULL;
	number = number_of(f->process, target, rec->fd);
	item->tfd = number >= 0 ? (uint32_t)number : rec->fd;
	item->events = rec->events;
	item->data = rec->data;
	item->has_dev = item->has_inode = item->has_pos = true;
	item->dev = target->rec->dev;
	item->inode = target->rec->ino;
	item->pos = target->rec->pos;
	item->has_is_seen = item->is_seen = rec->events & EPOLLET && !rec->is_ready;
	if (number != (int)rec->fd) {
		item->has_file_id = item->has_number = true;
		item->file_id = target->id;
		item->number = rec->fd;
	}
	return item;
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	EventpollFileEntry *epfd = dump_message(d, &eventpoll_file_entry__descriptor);

	if (!epfd || !(epfd->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	epfd->id = f->id;
	epfd->flags = file_flags(f);
	epfd->tfd = arena_alloc(&d->arena, (f->n_epoll + 1) * sizeof(epfd->tfd[0]));
	if (!epfd->tfd)
		return fail(d->err, ENOMEM, "cannot describe it");
	for (size_t i = 0; i < f->n_epoll; i++) {
		epfd->tfd[i] = describe_item(d, f, f->epoll[i]);
		if (!epfd->tfd[i])
			return fail(d->err, ENOMEM, "cannot describe what it watches");
		epfd->n_tfd++;
	}
	entry->epfd = epfd;
	return 0;
}

static int check(struct restore *r, struct new_file *f)
{
	const EventpollFileEntry *epfd = f->entry->epfd;

	if (!epfd || epfd->id != f->id)
		return fail(r->err, 0, "it says nothing of an epoll file");
	for (size_t i = 0; i < epfd->n_tfd; i++) {
		const EventpollTfdEntry *item = epfd->tfd[i];

		if ((item->has_number ? item->number : item->tfd) > INT32_MAX)
			return fail(r->err, 0, "%u is no number of a descriptor", item->tfd);
		if (item->has_file_id && !restore_file(r, item->file_id))
			return fail(r->err, 0, "it watches file %u, which is missing",
				    item->file_id);
	}
	return 0;
}

static int open_epoll(struct restore *r, struct new_file *f)
{
	f->fd = epoll_create1(EPOLL_CLOEXEC);
	if (f->fd < 0)
		return fail(r->err, errno, "cannot create an epoll file");
	return 0;
}

/*
 * What @item watches: found by its id if the image has it, else by its number in the owner's table.
 */
static struct new_file *item_file(const struct restore *r, const struct new_file *f,
				  const EventpollTfdEntry *item)
{
	const struct new_process *p = f->process;

	if (item->has_file_id)
		return restore_file(r, item->file_id);
	while (p && p->files_of)
		p = p->files_of;
	for (size_t i = 0; p && i < p->n_fds; i++)
		if (p->fds[i].number == item->tfd)
			return p->fds[i].file;
	return NULL;
}

/*
 * Adds or changes (@op) the item of @target and @number. An item keeps the number under which it
 * was added, so the target is brought there for the moment; what stands there in this process is
 * kept aside.
 */
static int control(struct restore *r, int epfd, int op, int target, const EventpollTfdEntry *item,
		   uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u64 = item->data};
	int number = (int)(item->has_number ? item->number : item->tfd);
	int saved = -1, flags = 0, rc = 0;

	if (number != target) {
		flags = fcntl(number, F_GETFD);
		if (flags >= 0)
			saved = fcntl(number, F_DUPFD_CLOEXEC, 0);
		if (flags >= 0 && saved < 0)
			return fail(r->err, errno, "cannot make room for number %d", number);
		if (dup3(target, number, O_CLOEXEC) < 0)
			rc = fail(r->err, errno, "cannot add descriptor %d", number);
	}
	if (!rc && epoll_ctl(epfd == number && saved >= 0 ? saved : epfd, op, number, &event))
		rc = fail(r->err, errno, "cannot watch descriptor %d", number);
	if (saved >= 0) {
		dup3(saved, number, flags & FD_CLOEXEC ? O_CLOEXEC : 0);
		close(saved);
	} else if (number != target) {
		close(number);
	}
	return rc;
}

static int connect_epoll(struct restore *r, struct new_file *f)
{
	const EventpollFileEntry *epfd = f->entry->epfd;

	return connect_fown_flags(r, f, epfd->fown, epfd->flags);
}

/* In which order items are added: what was told already must be told to somebody first. */
enum item_state {
	ITEM_SEEN,    /* edge-triggered, told */
	ITEM_FIRED,   /* one-shot, told: it waits to be armed again */
	ITEM_WAITING, /* all others */
	ITEM_STATES
};

static enum item_state state_of(const EventpollTfdEntry *item)
{
	if (item->events & EPOLLONESHOT)
		return item->events & ~MODES ? ITEM_WAITING : ITEM_FIRED;
	return item->events & EPOLLET && item->is_seen ? ITEM_SEEN : ITEM_WAITING;
}

/*
 * Hears what the items have to tell: each of @n_items, and a little more, for others may make one
 * ready again and again. Returns whether there was anything.
 */
static bool hear(int epfd, size_t n_items)
{
	struct epoll_event events[64];
	bool is_any = false;

	for (size_t i = 0; i < n_items / 64 + 16 && epoll_wait(epfd, events, 64, 0) > 0; i++)
		is_any = true;
	return is_any;
}

/*
 * The kernel adds EPOLLERR and EPOLLHUP to whatever is asked for; only firing takes them away. So
 * it fires, if anything is ready at its target; else these two stay.
 */
static int add_fired(struct restore *r, int epfd, int target, const EventpollTfdEntry *item)
{
	int ret = control(r, epfd, EPOLL_CTL_ADD, target, item, item->events | ANY);

	if (!ret && !hear(epfd, 1))
		ret = control(r, epfd, EPOLL_CTL_MOD, target, item, item->events);
	return ret;
}

static int add_items(struct restore *r, struct new_file *f, enum item_state state)
{
	const EventpollFileEntry *epfd = f->entry->epfd;
	int ret = 0;

	for (size_t i = 0; i < epfd->n_tfd && !ret; i++) {
		const EventpollTfdEntry *item = epfd->tfd[i];
		struct new_file *target = state_of(item) == state ? item_file(r, f, item) : NULL;

		if (state_of(item) != state)
			continue;
		if (!target || target->fd < 0)
			return fail(r->err, 0, "descriptor %u, which it watches, is missing",
				    item->tfd);
		ret = restore_settle(r, target);
		if (!ret && state == ITEM_FIRED)
			ret = add_fired(r, f->fd, target->fd, item);
		else if (!ret)
			ret = control(r, f->fd, EPOLL_CTL_ADD, target->fd, item, item->events);
	}
	if (state == ITEM_SEEN)
		(void)hear(f->fd, epfd->n_tfd);
	return ret;
}

/* Every file exists. In this process, whose descriptors are the same descriptions. */
static int settle_epoll(struct restore *r, struct new_file *f)
{
	int ret = 0;

	for (enum item_state state = 0; state < ITEM_STATES && !ret; state++)
		ret = add_items(r, f, state);
	return ret;
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	fprintf(out, "watches %zu", f->n_epoll);
	for (size_t i = 0; i < f->n_epoll; i++) {
		const struct file *target = snapshot_file(snap, f->epoll[i]->file);

		fprintf(out, " %u:%#x%s", f->epoll[i]->fd, f->epoll[i]->events,
			target ? "" : "(outside)");
	}
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__EVENTPOLL,
	.claims = claims,
	.judge = judge,
	.is_plain = is_plain,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_epoll,
	.connect = connect_epoll,
	.settle = settle_epoll,
};

const struct kind kind_epoll = {.name = "epoll", .file = &file_ops};
