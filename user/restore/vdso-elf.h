/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_VDSO_ELF_H
#define CRBPF_RESTORE_VDSO_ELF_H

/*
 * A vDSO as bytes: what it exports, and of which kernel it is. The bytes may come
 * from an image: nothing in them is trusted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

struct error;

/* A function that it exports under one name or several. */
struct vdso_function {
	const char *name; /* in the bytes */
	uint64_t offset;  /* from the start of the vDSO */
	uint64_t size;    /* 0: it does not say */
};

struct vdso_elf {
	const unsigned char *bytes;
	size_t size;
	struct vdso_function *functions; /* every name, in no order; from the arena */
	size_t n;
	const unsigned char *build_id; /* in the bytes; NULL if it has none */
	size_t build_id_size;
};

/*
 * Reads the tables of a vDSO of @size bytes, which must outlive @ret. One that CRIU
 * has marked as its own (the head overwritten) is read as well. Returns 0 or -errno.
 */
int vdso_elf_read(struct vdso_elf *ret, const void *bytes, size_t size, struct arena *arena,
		  struct error *err);

/* The function @name, or NULL. */
const struct vdso_function *vdso_elf_find(const struct vdso_elf *elf, const char *name);

/* Are both of one build of one kernel? The processor's alternatives may still differ. */
bool vdso_elf_is_same(const struct vdso_elf *a, const struct vdso_elf *b);

/* Where room begins behind the content, for nothing but zeroes follows; @elf->size if there is
 * none. */
size_t vdso_elf_end(const struct vdso_elf *elf);

#endif
