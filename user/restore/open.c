// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every open file description is opened once, here. The tasks are clones of this
 * process, so each is born with a descriptor for all of them, at the same numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "external.h"
#include "kind.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/restore.h"

#define SPARE_FDS 512 /* of images, pipes, what mappings come from */

static int open_files(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct new_file *f = r->files[i];

		if (!f->process || f->fd >= 0 || !f->kind->file->open)
			continue;
		if (f->kind->file->open(r, f))
			return fail_in(err, "process %d: descriptor %u", f->process->pid,
				       f->number);
	}
	return 0;
}

static int open_vmas(struct restore *r, struct new_process *p, struct error *err)
{
	for (size_t i = 0; i < p->n_vmas; i++) {
		struct new_vma *v = &p->vmas[i];

		if (v->kind->vma->open && v->kind->vma->open(r, p, v))
			return fail_in(err, "process %d: the mapping %llx-%llx", p->pid,
				       (unsigned long long)v->entry->start,
				       (unsigned long long)v->entry->end);
	}
	return 0;
}

/*
 * Room for all of them at once, while nobody shares this table: who makes a shared one grow waits
 * for an RCU grace period, ten milliseconds for each doubling. More than a process may have open
 * is refused, and fails where it is opened.
 */
static void widen_table(const struct restore *r)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)(r->n_files + SPARE_FDS));

	if (fd >= 0)
		close(fd);
}

int restore_open(void *restore, struct error *err)
{
	struct restore *r = restore;
	int ret;

	widen_table(r);
	ret = external_open(r) ?: open_files(r, err);

	for (size_t i = 0; i < r->n_processes && !ret; i++)
		ret = open_vmas(r, r->processes[i], err);
	if (ret)
		return ret;
	/* By it a task takes a copy of what is opened later. */
	r->pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (r->pidfd < 0)
		return fail(err, errno, "cannot open a descriptor of this process");
	return 0;
}

void restore_abandon(void *restore, bool failed, struct error *err)
{
	struct restore *r = restore;

	for (size_t i = 0; failed && i < r->n_files; i++) {
		struct new_file *f = r->files[i];

		if (f->process && f->kind->file->abandon)
			f->kind->file->abandon(f);
	}
}
