// SPDX-License-Identifier: GPL-2.0-only
#include "bpf/signalfd.h"

#include <errno.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "signalfd.pb-c.h"

static bool claims(const struct file *f)
{
	return file_is_anon(f, "signalfd");
}

static void judge(struct judge *j, struct file *f)
{
	judge_fown(j, f);
	if (f->rec->detail_type != DETAIL_SIGNALFD || !f->detail)
		judge_file(j, f, "signalfd", NULL, "its mask cannot be read on this kernel");
}

/* Whatever it holds, it can be held again; that it can be read is a matter of the kernel. */
static bool is_plain(const struct file *f)
{
	return true;
}

static int describe(struct dump *d, struct file *f, FileEntry *entry)
{
	const struct signalfd_detail *detail = f->detail;
	SignalfdEntry *sgfd = dump_message(d, &signalfd_entry__descriptor);

	if (!sgfd || !(sgfd->fown = dump_fown(d, f)))
		return fail(d->err, ENOMEM, "cannot describe it");
	sgfd->id = f->id;
	sgfd->flags = file_flags(f);
	sgfd->sigmask = detail->mask;
	entry->sgfd = sgfd;
	return 0;
}

static int check(struct restore *r, struct new_file *f)
{
	if (!f->entry->sgfd || f->entry->sgfd->id != f->id)
		return fail(r->err, 0, "it says nothing of a signalfd");
	return 0;
}

static int open_signalfd(struct restore *r, struct new_file *f)
{
	uint64_t mask = f->entry->sgfd->sigmask;

	/* The kernel's mask: the C library's sigset_t has another size. */
	f->fd = syscall(SYS_signalfd4, -1, &mask, sizeof(mask), SFD_CLOEXEC);
	if (f->fd < 0)
		return fail(r->err, errno, "cannot create a signalfd");
	return 0;
}

static int connect_signalfd(struct restore *r, struct new_file *f)
{
	return connect_fown_flags(r, f, f->entry->sgfd->fown, f->entry->sgfd->flags);
}

static void state(const struct file *f, const struct snapshot *snap, FILE *out)
{
	const struct signalfd_detail *detail = f->detail;

	if (detail)
		fprintf(out, "mask %#llx", (unsigned long long)detail->mask);
}

static const struct file_ops file_ops = {
	.type = FD_TYPES__SIGNALFD,
	.claims = claims,
	.judge = judge,
	.is_plain = is_plain,
	.state = state,
	.describe = describe,
	.check = check,
	.open = open_signalfd,
	.connect = connect_signalfd,
};

const struct kind kind_signalfd = {.name = "signalfd", .file = &file_ops};
