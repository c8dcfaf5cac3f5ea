/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_VDSO_H
#define CRBPF_RESTORE_VDSO_H

/*
 * A program from another kernel keeps that kernel's vDSO, for it holds addresses in it:
 * as ordinary memory at the old place, whose functions jump to those of this kernel's
 * vDSO, which is mapped where there was nothing. Its data's place reads as zeroes.
 */

#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "lib/buf.h"

struct error;
struct restore;
struct vdso_elf;

/* Bytes that are written over the old vDSO. */
struct vdso_patch {
	uint64_t at; /* address */
	struct arch_code code;
};

struct old_vdso {
	struct vdso place;
	unsigned char *text;        /* as the image has it, place.text_size bytes */
	uint64_t sigreturn;         /* address of the code that ends signal handlers; 0: none */
	struct vdso_patch *patches; /* all from the arena */
	size_t n_patches;
};

/*
 * The vDSO of this process, from which the first task is cloned; zeroes where the kernel gives
 * none. Returns 0 or -errno.
 */
int vdso_find_own(struct vdso *ret, struct error *err);

/*
 * Makes the patches that lead each function of @from, a vDSO at @address, to that of
 * the same name of @to (NULL: this kernel has none) at @to_address, or to a system
 * call. Returns 0 or -errno.
 */
int vdso_plan_patches(struct old_vdso *old, const struct vdso_elf *from, const struct vdso_elf *to,
		      uint64_t to_address, struct arena *arena, struct error *err);

/*
 * All memory stands, no thread exists but leaders: threads that are inside of an old
 * vDSO are taken out of it, then it gets its patches. Changes registers of new tasks.
 */
int vdso_replace(struct restore *r, struct error *err);

#endif
