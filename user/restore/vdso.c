// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program keeps addresses inside of its vDSO. If that is of this very kernel it gets
 * this kernel's at the old place; else see vdso.h.
 */
#include "restore/vdso.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "lib/proc.h"
#include "mm.pb-c.h"
#include "restore/memory.h"
#include "restore/plan.h"
#include "restore/restore.h"
#include "restore/vdso-elf.h"

/* Its data comes in several mappings. */
static int add_mapping(void *arg, uint64_t start, uint64_t end, const char *line)
{
	struct vdso *vdso = arg;

	if (strstr(line, "[vvar")) {
		if (!vdso->vvar_size)
			vdso->vvar = start;
		vdso->vvar_size = end - vdso->vvar;
	} else if (strstr(line, "[vdso]")) {
		vdso->text = start;
		vdso->text_size = end - start;
	}
	return 0;
}

int vdso_find_own(struct vdso *ret, struct error *err)
{
	int code;

	memset(ret, 0, sizeof(*ret));
	code = proc_own_maps(add_mapping, ret);
	return code ? fail(err, -code, "cannot read /proc/self/maps") : 0;
}

/* Copies those pages of a run that lie in the vDSO; counts them. */
static int read_run(const struct restore *r, const struct new_process *p,
		    const struct new_pages *run, unsigned char *text, size_t *n, struct error *err)
{
	for (uint64_t i = 0; i < run->count; i++) {
		uint64_t at = run->start + i * r->page_size;

		if (at < p->vdso.text || at >= p->vdso.text + p->vdso.text_size)
			continue;
		if (pread(p->pages_fd, text + (at - p->vdso.text), r->page_size,
			  (off_t)(run->offset + i * r->page_size)) != (ssize_t)r->page_size)
			return fail(err, errno, "cannot read its pages");
		++*n;
	}
	return 0;
}

/* The content of its vDSO as the image has it, from the arena; NULL. */
static unsigned char *read_text(struct restore *r, const struct new_process *p, struct error *err)
{
	unsigned char *text = arena_alloc(&r->arena, p->vdso.text_size);
	size_t n = 0;
	int ret = text ? 0 : fail(err, ENOMEM, "cannot read the vDSO");

	for (size_t i = 0; i < p->n_pages && !ret; i++) {
		const struct new_pages *run = &p->pages[i];

		if (run->start < p->vdso.text + p->vdso.text_size &&
		    run->start + run->count * r->page_size > p->vdso.text)
			ret = read_run(r, p, run, text, &n, err);
	}
	if (!ret && n * r->page_size != p->vdso.text_size)
		ret = fail(err, 0, "the image holds its vDSO not in full");
	return ret ? NULL : text;
}

/* Further down stacks may grow: the kernel leaves at least 128 MB. */
#define STACK_ROOM (1ull << 30)
#define GAP        (2ull << 20)

/* A place that is free in @p, as high as may be. */
static int find_hole(const struct restore *r, const struct new_process *p, uint64_t size,
		     uint64_t stack_room, uint64_t *ret, struct error *err)
{
	struct span *spans = calloc(p->n_vmas + 1, sizeof(*spans));
	size_t n = 0;

	if (!spans)
		return fail(err, ENOMEM, "cannot plan the vDSO");
	spans[n++] = (struct span){p->vdso.vvar, p->vdso.text + p->vdso.text_size};
	for (size_t i = 0; i < p->n_vmas; i++) {
		const VmaEntry *entry = p->vmas[i].entry;
		uint64_t room = entry->flags & MAP_GROWSDOWN ? stack_room : 0;

		spans[n++] =
			(struct span){entry->start > room ? entry->start - room : 0, entry->end};
	}
	*ret = plan_hole(spans, n, r->lowest_address, r->task_size, size, GAP) & -r->page_size;
	free(spans);
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct new_vma *x = a, *y = b;

	return (x->entry->start > y->entry->start) - (x->entry->start < y->entry->start);
}

/* The old vDSO and the place of its data become mappings as others are. */
static int add_mappings(struct restore *r, struct new_process *p, struct error *err)
{
	struct new_vma *vmas = arena_alloc(&r->arena, (p->n_vmas + 2) * sizeof(*vmas));
	VmaEntry *entries[] = {p->vvar_entry, p->vdso_entry};

	if (!vmas)
		return fail(err, ENOMEM, "cannot plan the vDSO");
	memcpy(vmas, p->vmas, p->n_vmas * sizeof(*vmas));
	for (size_t i = 0; i < 2; i++) {
		bool is_text = entries[i] == p->vdso_entry;

		entries[i]->prot = PROT_READ | (is_text ? PROT_EXEC : 0);
		/* Those of the kernel's own mapping: without landing pads, for jumps replace them. */
		entries[i]->has_vm_flags = false;
		vmas[p->n_vmas++] = (struct new_vma){
			.entry = entries[i],
			.kind = kind_of_vma_entry(entries[i]),
			.fd = -1,
			.has_pages = is_text,
		};
		vmas[p->n_vmas - 1].map_prot = memory_map_prot(&vmas[p->n_vmas - 1]);
	}
	p->vmas = vmas;
	qsort(p->vmas, p->n_vmas, sizeof(*vmas), by_start);
	return 0;
}

/* @elf is the vDSO of another kernel. */
static int plan_old(struct restore *r, struct new_process *p, unsigned char *text,
		    const struct vdso_elf *elf, const struct vdso_elf *own, struct error *err)
{
	struct old_vdso *old = arena_alloc(&r->arena, sizeof(*old));
	uint64_t size = r->vdso.vvar_size + r->vdso.text_size, at = 0;
	int ret = old ? 0 : fail(err, ENOMEM, "cannot plan the vDSO");

	if (!ret && own)
		ret = find_hole(r, p, size, STACK_ROOM, &at, err);
	if (!ret && own && !at)
		ret = find_hole(r, p, size, GAP, &at, err);
	if (!ret && own && !at)
		ret = fail(err, ENOMEM, "it leaves no hole for this kernel's vDSO");
	if (ret)
		return ret;
	old->place = p->vdso;
	old->text = text;
	p->old_vdso = old;
	p->vdso = r->vdso;
	p->vdso.vvar = at;
	p->vdso.text = at + r->vdso.vvar_size;
	log_debug(r->log,
		  "process %d: its vDSO at %llx is another kernel's, this one's goes to %llx",
		  p->pid, (unsigned long long)old->place.text, (unsigned long long)p->vdso.text);
	return vdso_plan_patches(old, elf, own, p->vdso.text, &r->arena, err)
		       ?: add_mappings(r, p, err);
}

static int plan_process(struct restore *r, struct new_process *p, const struct vdso_elf *own,
			struct error *err)
{
	unsigned char *text;
	struct vdso_elf elf;
	int ret;

	if (!p->vdso.text_size)
		return 0;
	text = read_text(r, p, err);
	if (!text)
		return err->code;
	if (own && r->vdso.vvar_size == p->vdso.vvar_size &&
	    r->vdso.text_size == p->vdso.text_size && !memcmp(text, own->bytes, own->size))
		return 0;
	ret = vdso_elf_read(&elf, text, p->vdso.text_size, &r->arena, err);
	if (ret)
		return ret;
	if (own && r->vdso.vvar_size == p->vdso.vvar_size && vdso_elf_is_same(&elf, own))
		return 0;
	return plan_old(r, p, text, &elf, own, err);
}

int plan_vdso(struct restore *r, struct error *err)
{
	struct vdso_elf own;
	int ret = vdso_find_own(&r->vdso, err);

	if (!ret && r->vdso.text_size)
		ret = vdso_elf_read(&own, (const void *)(uintptr_t)r->vdso.text, r->vdso.text_size,
				    &r->arena, err);
	for (size_t i = 0; i < r->n_processes && !ret; i++)
		if (plan_process(r, r->processes[i], r->vdso.text_size ? &own : NULL, err))
			ret = fail_in(err, "process %d", r->processes[i]->pid);
	return ret;
}
