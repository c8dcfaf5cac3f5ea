/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_PLAN_H
#define CRBPF_RESTORE_PLAN_H

/*
 * The plan, in parts that are pure data: they need no privilege, touch no process,
 * and can be tested on trees that a test makes up.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct new_process;
struct restore;

/*
 * Who clones whom and when (births, cloned_by, before_setsid, as_sibling, born_sid),
 * with helpers added for sessions and groups whose leader is gone. A shell job
 * moves into r->home_sid and r->home_pgid. Returns 0 or -errno.
 */
int plan_births(struct restore *r, bool shell_job, struct error *err);

/*
 * Which children inherit memory (after_memory, vma.inherited): those that share
 * equal pages with their parent. Reads the pages files. What such a child need not
 * write is taken out of its pages; what it must lose is put into drops.
 */
int plan_inheritance(struct restore *r, struct error *err);

/*
 * Where the vDSO of every process goes (vdso): its own place if it is that of this
 * kernel, else a hole (old_vdso, two more vmas).
 */
int plan_vdso(struct restore *r, struct error *err);

/* [start, end) of addresses. */
struct span {
	uint64_t start, end;
};

/*
 * The highest hole of @size bytes in [@lowest, @highest) that no span touches, with
 * @gap bytes free on both sides. @spans is sorted by this function. 0 if there is none.
 */
uint64_t plan_hole(struct span *spans, size_t n, uint64_t lowest, uint64_t highest, uint64_t size,
		   uint64_t gap);

#endif
