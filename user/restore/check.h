/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_CHECK_H
#define CRBPF_RESTORE_CHECK_H

struct error;
struct new_process;
struct restore;

/* Is the address space of @p one that can be made? Gives every vma its kind and map_prot. */
int check_memory(struct restore *r, struct new_process *p, struct error *err);

/* check_memory's part in tags.c: do its tags belong to tagged private memory? */
int check_tags(const struct restore *r, const struct new_process *p, struct error *err);

/*
 * Sheds what all that is made here would have from this process, against what it was. Fails if
 * that cannot be: -errno.
 */
int restore_check_estate(struct restore *r, struct error *err);

/* Are the images whole that are read later? */
int check_rest(struct restore *r, struct error *err);

#endif
