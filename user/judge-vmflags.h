/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_JUDGE_VMFLAGS_H
#define CRBPF_JUDGE_VMFLAGS_H

struct judge;
struct mm;

/* Protection keys, seals and shadow stacks of an address space: what no kind of mapping can tell. */
void judge_vmflags(struct judge *j, const struct mm *mm);

#endif
