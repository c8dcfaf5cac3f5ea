/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_TYPES_H
#define CRBPF_TYPES_H

/*
 * The running kernel's types, cut down to those that our programs name. libbpf searches
 * all of the kernel's 130,000 types once for each type of ours, which is nine tenths of the time
 * that loading takes; so it gets a BTF with only some hundreds of them.
 */

#include <stddef.h>

struct btf;

struct kernel_types {
	int file;	/* a memfd with the BTF, to be opened as /proc/self/fd/N */
	unsigned int attach[3];	/* BTF ids of bpf_iter_task, bpf_iter_task_file, bpf_iter_task_vma */
};

/* @ours: the programs' own BTF. Returns 0 or -errno: the caller then does without. */
int kernel_types_open(struct kernel_types *types, const struct btf *ours);
void kernel_types_close(struct kernel_types *types);

#endif
