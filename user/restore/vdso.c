// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program keeps addresses inside of its vDSO. It gets this kernel's at the old place,
 * which is right only if that is the same code, byte by byte.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/err.h"
#include "restore/plan.h"
#include "restore/restore.h"

static int fail_other(struct error *err)
{
	fail(err, 0, "its vDSO is not that of this kernel");
	return fail_hint(err, "restore under the kernel where the dump was made");
}

/* Compares those bytes of a run that lie in the vDSO. */
static int compare_run(const struct restore *r, const struct new_process *p,
		       const struct new_pages *run, char *page, struct error *err)
{
	for (uint64_t i = 0; i < run->count; i++) {
		uint64_t at = run->start + i * r->page_size;
		const char *own =
			(const char *)(uintptr_t)(r->vdso.text + (at - p->vdso.text));

		if (at < p->vdso.text || at >= p->vdso.text + p->vdso.text_size)
			continue;
		if (pread(p->pages_fd, page, r->page_size,
			  (off_t)(run->offset + i * r->page_size)) != (ssize_t)r->page_size)
			return fail(err, errno, "cannot read its pages");
		if (memcmp(page, own, r->page_size) != 0)
			return fail_other(err);
	}
	return 0;
}

static int compare_vdso(const struct restore *r, const struct new_process *p, struct error *err)
{
	_cleanup_free_ char *page = NULL;
	int ret = 0;

	if (!p->vdso.text_size)
		return 0;
	if (p->vdso.text_size != r->vdso.text_size || p->vdso.vvar_size != r->vdso.vvar_size)
		return fail_other(err);
	page = malloc(r->page_size);
	if (!page)
		return fail(err, ENOMEM, "cannot compare the vDSO");
	for (size_t i = 0; i < p->n_pages && !ret; i++) {
		const struct new_pages *run = &p->pages[i];

		if (run->start < p->vdso.text + p->vdso.text_size &&
		    run->start + run->count * r->page_size > p->vdso.text)
			ret = compare_run(r, p, run, page, err);
	}
	return ret;
}

int plan_vdso(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_processes; i++)
		if (compare_vdso(r, r->processes[i], err))
			return fail_in(err, "process %d", r->processes[i]->pid);
	return 0;
}
