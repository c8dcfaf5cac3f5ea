// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/eventfd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dump/dump.h"
#include "eventfd.pb-c.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"

#define EVENTFD_MAX (UINT64_MAX - 1) /* a write that would go beyond blocks */

static bool claims(const struct file *f)
{
	return file_is_anon(f, "eventfd");
}

static void judge(struct judge *j, struct file *f)
{
	const struct eventfd_detail *detail = f->detail;

	judge_fown(j, f);
	if (f->rec->detail_type != DETAIL_EVENTFD || !detail)
		judge_file(j, f, "eventfd", NULL, "its counter cannot be read on this kernel");
	else if (detail->count > EVENTFD_MAX)
		judge_file(j, f, "eventfd", NULL, "its counter has overflowed");
	else if (detail->holders > 1)
		judge_file(j, f, "eventfd", "close what was told to use it",
			   "the kernel is to tell of something by it (cgroup.event_control, KVM, "
			   "asynchronous IO), and does not say of what");
}

/* Whatever it holds, it can be held again; that it can be read is a matter of the kernel. */
static bool is_plain(const struct file *f)
{
	return true;
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	const struct eventfd_detail *detail = f->detail;
	EventfdFileEntry *efd = dump_message(d, &eventfd_file_entry__descriptor);

	if (!efd || !(efd->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	efd->id = f->id;
	efd->flags = file_flags(f);
	efd->counter = detail->count;
	if (detail->flags & EFD_SEMAPHORE)
		efd->has_semaphore = efd->semaphore = true;
	entry->efd = efd;
	return 0;
}

static int check(struct restore *r, struct new_file *f)
{
	const EventfdFileEntry *efd = f->entry->efd;

	if (!efd || efd->id != f->id)
		return fail(r->err, 0, "it says nothing of an eventfd");
	if (efd->counter > EVENTFD_MAX)
		return fail(r->err, 0, "no eventfd can count to %#llx",
			    (unsigned long long)efd->counter);
	return 0;
}

static int open_eventfd(struct restore *r, struct new_file *f)
{
	const EventfdFileEntry *efd = f->entry->efd;
	int flags = EFD_CLOEXEC | (efd->has_semaphore && efd->semaphore ? EFD_SEMAPHORE : 0);

	f->fd = eventfd(0, flags);
	if (f->fd < 0)
		return fail(r->err, errno, "cannot create an eventfd");
	/* By write: the argument of eventfd(2) has 32 bits only. */
	if (efd->counter &&
	    write(f->fd, &efd->counter, sizeof(efd->counter)) != sizeof(efd->counter))
		return fail(r->err, errno, "cannot set its counter");
	return 0;
}

static int connect_eventfd(struct restore *r, struct new_file *f)
{
	return connect_fown_flags(r, f, f->entry->efd->fown, f->entry->efd->flags);
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	const struct eventfd_detail *detail = f->detail;

	if (detail)
		fprintf(out, "count %llu%s", (unsigned long long)detail->count,
			detail->flags & EFD_SEMAPHORE ? " semaphore" : "");
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__EVENTFD,
	.claims = claims,
	.judge = judge,
	.is_plain = is_plain,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_eventfd,
	.connect = connect_eventfd,
};

const struct kind kind_eventfd = {.name = "eventfd", .file = &file_ops};
