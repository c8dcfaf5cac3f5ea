/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_JUDGE_TREE_H
#define CRBPF_JUDGE_TREE_H

#include <stdint.h>

struct judge;
struct mm;
struct process;

#define JUDGE_NAMESPACES 8

struct judge_tree {
	uint32_t namespaces[JUDGE_NAMESPACES];	/* of this process: those a tree can be restored in */
	uint32_t last_fs_id;
};

void judge_tree_init(struct judge_tree *tree);
/* What one process shares with others, or its threads do not share with it, that cannot be carried. */
void judge_tree(struct judge *j, const struct process *p, struct judge_tree *tree);

/* Seals, protection keys, shadow stacks: user/judge-vmflags.c. */
void judge_vmflags(struct judge *j, const struct mm *mm);

#endif
