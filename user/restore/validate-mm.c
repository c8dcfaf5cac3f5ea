// SPDX-License-Identifier: GPL-2.0-only
/* The checks of what an image says of an address space. */
#include <errno.h>
#include <sys/mman.h>

#include "kind.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "restore/area.h"
#include "restore/check.h"
#include "restore/memory.h"
#include "restore/restore.h"

#define PROT_ALL (PROT_READ | PROT_WRITE | PROT_EXEC)
/* No kernel's vDSO has a tenth of it. */
#define VDSO_MAX (1u << 20)

static int check_range(const struct restore *r, const VmaEntry *entry, struct error *err)
{
	if (entry->start >= entry->end || entry->start % r->page_size ||
	    entry->end % r->page_size || entry->end > r->task_size ||
	    entry->start < r->lowest_address)
		return fail(err, 0, "no mapping can be at %llx-%llx",
			    (unsigned long long)entry->start, (unsigned long long)entry->end);
	return 0;
}

static int check_vma(struct restore *r, struct new_process *p, struct new_vma *v, struct error *err)
{
	const VmaEntry *entry = v->entry;
	unsigned long long start = entry->start, end = entry->end;
	int ret = check_range(r, entry, err);

	if (ret)
		return ret;
	if (v > p->vmas && v[-1].entry->end > start)
		return fail(err, 0,
			    "the mapping %llx-%llx overlaps the one before, or is out of order",
			    start, end);
	if (entry->prot & ~PROT_ALL || entry->pgoff % r->page_size)
		return fail(err, 0, "the mapping %llx-%llx: protection %x, offset %llx cannot be",
			    start, end, entry->prot, (unsigned long long)entry->pgoff);
	v->kind = kind_of_vma_entry(entry);
	if (!v->kind)
		return fail(err, 0,
			    "the mapping %llx-%llx: its kind (status %x) cannot be restored yet",
			    start, end, entry->status);
	if (v->kind->vma->check && v->kind->vma->check(r, p, v))
		return fail_in(err, "the mapping %llx-%llx", start, end);
	return 0;
}

/* The vDSO is put where it was; its two parts stand side by side, data first. */
static int check_vdso(struct restore *r, const struct new_process *p, struct error *err)
{
	const struct vdso *v = &p->vdso;

	if (!v->text_size)
		return 0;
	if (v->text % r->page_size || v->vvar % r->page_size || v->vvar > r->task_size ||
	    v->vvar + v->vvar_size != v->text || v->text_size > r->task_size - v->text ||
	    v->text_size > VDSO_MAX || v->vvar_size > VDSO_MAX || v->text_size % r->page_size)
		return fail(err, 0, "no vDSO can be at %llx and %llx", (unsigned long long)v->text,
			    (unsigned long long)v->vvar);
	for (size_t i = 0; i < p->n_vmas; i++)
		if (p->vmas[i].entry->start < v->text + v->text_size &&
		    p->vmas[i].entry->end > v->vvar)
			return fail(err, 0, "its vDSO overlaps the mapping at %llx",
				    (unsigned long long)p->vmas[i].entry->start);
	return 0;
}

static bool is_vdso(const struct new_process *p, uint64_t address)
{
	return address >= p->vdso.text && address < p->vdso.text + p->vdso.text_size;
}

/* Every page of @run must lie in a private mapping; *@i is where the search goes on. */
static int check_run(const struct restore *r, struct new_process *p, const struct new_pages *run,
		     size_t *i, struct error *err)
{
	uint64_t at = run->start, end = at + run->count * r->page_size;

	while (at < end) {
		if (is_vdso(p, at)) {
			at = p->vdso.text + p->vdso.text_size;
			continue;
		}
		while (*i < p->n_vmas && p->vmas[*i].entry->end <= at)
			++*i;
		if (*i == p->n_vmas || p->vmas[*i].entry->start > at ||
		    !(p->vmas[*i].entry->flags & MAP_PRIVATE))
			return fail(err, 0,
				    "pagemap-%d.img: the page at %llx is in no private mapping",
				    p->pid, (unsigned long long)at);
		p->vmas[*i].has_pages = true;
		at = p->vmas[*i].entry->end;
	}
	return 0;
}

static int check_guards(const struct restore *r, const struct new_process *p, struct error *err)
{
	for (size_t i = 0; i < p->n_guards; i++)
		if (check_range(r, p->guards[i], err))
			return fail_in(err, "guard pages");
	return 0;
}

int check_memory(struct restore *r, struct new_process *p, struct error *err)
{
	size_t next = 0;
	int ret = 0;

	if (!p->n_vmas)
		return fail(err, 0, "mm-%d.img has no mappings", p->pid);
	for (size_t i = 0; i < p->n_vmas && !ret; i++)
		ret = check_vma(r, p, &p->vmas[i], err);
	if (!ret)
		ret = check_vdso(r, p, err) ?: check_guards(r, p, err);
	for (size_t i = 0; i < p->n_pages && !ret; i++)
		ret = check_run(r, p, &p->pages[i], &next, err);
	for (size_t i = 0; i < p->n_vmas && !ret; i++)
		p->vmas[i].map_prot =
			memory_map_prot(&p->vmas[i]);
	return ret ?: check_tags(r, p, err);
}
