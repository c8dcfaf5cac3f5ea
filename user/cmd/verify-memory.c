// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/verify.h"
#include "fdinfo.pb-c.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "pagemap.pb-c.h"
#include "pstree.pb-c.h"

enum { PAGE_PARENT = 1, PAGE_LAZY = 2, PAGE_PRESENT = 4 };

/* Bits of a mapping's status. */
enum {
	VMA_VSYSCALL = 1 << 2,
	VMA_FILE_PRIVATE = 1 << 6,
	VMA_FILE_SHARED = 1 << 7,
	VMA_ANON_SHARED = 1 << 8,
	VMA_ANON_PRIVATE = 1 << 9,
	VMA_SYSVIPC = 1 << 10,
	VMA_SOCKET = 1 << 11,
	VMA_AIORING = 1 << 13,
	VMA_MEMFD = 1 << 14,
	VMA_SHSTK = 1 << 15,
	VMA_GUARD = 1 << 16,
	VMA_PLUGIN = 1 << 27,
};

static __u64 n_pages(const PagemapEntry *e)
{
	return e->has_nr_pages ? e->nr_pages : e->compat_nr_pages;
}

static unsigned int page_flags(const PagemapEntry *e)
{
	if (e->in_parent)
		return PAGE_PARENT;
	return e->has_flags ? e->flags : PAGE_PRESENT;
}

static bool has_image(const struct verify *v, enum image_type type, unsigned long long number)
{
	char name[IMAGE_NAME_MAX];

	image_name(name, type, number);
	return !faccessat(image_dir_fd(v->dir), name, F_OK, 0);
}

static const struct set_process *process_of(const struct verify *v, unsigned long long pid)
{
	for (size_t i = 0; i < v->set.n_processes; i++)
		if (v->set.processes[i].pstree->pid == pid)
			return &v->set.processes[i];
	return NULL;
}

/* Is all of [@start, @end) in private mappings? They adjoin, so a range may lie in several. */
static bool is_mapped_private(const MmEntry *mm, __u64 start, __u64 end)
{
	const __u32 is_private = VMA_ANON_PRIVATE | VMA_FILE_PRIVATE | VMA_AIORING | VMA_SHSTK;

	for (size_t i = 0; i < mm->n_vmas && start < end; i++) {
		const VmaEntry *vma = mm->vmas[i];

		if ((vma->status & is_private) && !(vma->status & VMA_GUARD) &&
		    vma->start <= start && start < vma->end)
			start = vma->end;
	}
	return start >= end;
}

/* The entries of a pagemap one by one. Returns the pages that its pages file must have. */
static __u64 check_entries(struct verify *v, const char *name, const struct image_entries *entries,
			   const MmEntry *mm, bool *ret_in_parent)
{
	__u64 size = v->set.page_size, present = 0, before = 0;

	for (size_t i = 1; i < entries->n; i++) {
		const PagemapEntry *e = (const void *)entries->msgs[i];
		__u64 bytes, end;

		if (__builtin_mul_overflow(n_pages(e), size, &bytes) ||
		    __builtin_add_overflow(e->vaddr, bytes, &end) || e->vaddr % size || !bytes) {
			verify_problem(v, "%s: %llu pages at 0x%llx are no range", name, n_pages(e),
				       (unsigned long long)e->vaddr);
			continue;
		}
		if (e->vaddr < before)
			verify_problem(v, "%s: pages at 0x%llx come after pages up to 0x%llx", name,
				       (unsigned long long)e->vaddr, before);
		if (mm && !is_mapped_private(mm, e->vaddr, end))
			verify_problem(v, "%s: pages 0x%llx-0x%llx are not in private mappings",
				       name, (unsigned long long)e->vaddr, end);
		if (page_flags(e) & PAGE_PARENT)
			*ret_in_parent = true;
		if (page_flags(e) & PAGE_PRESENT)
			present += n_pages(e);
		before = end;
	}
	return present;
}

static void check_pages_file(struct verify *v, const char *name, __u32 pages_id, __u64 present)
{
	__u64 need = present * v->set.page_size;
	char pages[IMAGE_NAME_MAX];
	struct stat st = {0};

	image_name(pages, IMAGE_PAGES, pages_id);
	if (fstatat(image_dir_fd(v->dir), pages, &st, 0)) {
		if (need)
			verify_problem(v, "%s: %s, which should have its %llu pages, is missing",
				       name, pages, present);
		return;
	}
	if ((__u64)st.st_size != need)
		verify_problem(v, "%s: %s has %llu bytes, its %llu pages are %llu", name, pages,
			       (unsigned long long)st.st_size, present, need);
}

int verify_pagemap(struct verify *v, enum image_type type, unsigned long long number,
		   struct error *err)
{
	struct image_entries entries = verify_load(v, type, number);
	const struct set_process *p = type == IMAGE_PAGEMAP ? process_of(v, number) : NULL;
	const PagemapHead *head = entries.n ? (const void *)entries.msgs[0] : NULL;
	char name[IMAGE_NAME_MAX];
	bool in_parent = false;
	int ret = 0;

	image_name(name, type, number);
	if (!head) {
		verify_problem(v, "%s has no head that names its pages", name);
		return 0;
	}
	if (type == IMAGE_PAGEMAP && v->set.n_processes && !p)
		verify_problem(v, "%s is of a process that is not in the tree", name);
	if (ids_get(&v->pages, head->pages_id))
		verify_problem(v, "%s: pages-%u.img belongs to another pagemap too", name,
			       head->pages_id);
	if (ids_set(&v->pages, head->pages_id, 1))
		ret = fail(err, ENOMEM, "cannot check %s", name);
	check_pages_file(v, name, head->pages_id,
			 check_entries(v, name, &entries, p ? p->mm : NULL, &in_parent));
	if (in_parent && faccessat(image_dir_fd(v->dir), "parent", F_OK, 0))
		verify_problem(v,
			       "%s: pages are in a parent checkpoint, and there is no link to it",
			       name);
	image_entries_deinit(&entries);
	return ret;
}

/* What shmid names depends on the status. */
static void check_backing(struct verify *v, __u32 pid, const VmaEntry *vma)
{
	const FileEntry *file;
	int want;

	if (vma->status & VMA_PLUGIN)
		return;
	if (vma->status & VMA_ANON_SHARED) {
		if (!(vma->status & VMA_SYSVIPC) && !has_image(v, IMAGE_PAGEMAP_SHMEM, vma->shmid))
			verify_problem(
				v,
				"mm-%u.img: mapping at 0x%llx: pagemap-shmem-%llu.img is missing",
				pid, (unsigned long long)vma->start,
				(unsigned long long)vma->shmid);
		return;
	}
	if (!(vma->status & (VMA_FILE_PRIVATE | VMA_FILE_SHARED | VMA_SOCKET)))
		return;
	want = vma->status & VMA_SOCKET  ? FD_TYPES__PACKETSK
	       : vma->status & VMA_MEMFD ? FD_TYPES__MEMFD
					 : FD_TYPES__REG;
	file = vma->shmid <= UINT32_MAX ? image_set_file(&v->set, (__u32)vma->shmid) : NULL;
	if (!file || (int)file->type != want)
		verify_problem(v, "mm-%u.img: mapping at 0x%llx: file %llu is %s", pid,
			       (unsigned long long)vma->start, (unsigned long long)vma->shmid,
			       file ? "of another type" : "not in files.img");
}

static void check_mm(struct verify *v, const struct set_process *p)
{
	__u32 pid = p->pstree->pid;
	__u64 before = 0;

	for (size_t i = 0; i < p->mm->n_vmas; i++) {
		const VmaEntry *vma = p->mm->vmas[i];

		/* Guard pages lie within other mappings and follow after all of them. */
		if (vma->status & VMA_GUARD)
			continue;
		if (vma->start >= vma->end || (vma->start | vma->end) % v->set.page_size)
			verify_problem(v, "mm-%u.img: 0x%llx-0x%llx is no mapping", pid,
				       (unsigned long long)vma->start,
				       (unsigned long long)vma->end);
		if (vma->start < before)
			verify_problem(v, "mm-%u.img: mapping at 0x%llx overlaps the one before it",
				       pid, (unsigned long long)vma->start);
		before = vma->end;
		if (!(vma->status & VMA_VSYSCALL))
			check_backing(v, pid, vma);
	}
}

int verify_mappings(struct verify *v, struct error *err)
{
	const FileEntry *exe;

	for (size_t i = 0; i < v->set.n_processes; i++) {
		const struct set_process *p = &v->set.processes[i];

		if (!p->mm)
			continue;
		check_mm(v, p);
		exe = image_set_file(&v->set, p->mm->exe_file_id);
		if (!exe || exe->type != FD_TYPES__REG)
			verify_problem(v, "mm-%u.img: its program, file %u, is not in files.img",
				       p->pstree->pid, p->mm->exe_file_id);
		if (!has_image(v, IMAGE_PAGEMAP, p->pstree->pid))
			verify_problem(v, "pagemap-%u.img is missing", p->pstree->pid);
	}
	return 0;
}
