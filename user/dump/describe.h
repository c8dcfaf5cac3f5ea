/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_DESCRIBE_H
#define CRBPF_DESCRIBE_H

/* Inside the describe stage: one function per image of a process. All return 0 or -errno with d->err set. */

typedef struct TaskKobjIdsEntry TaskKobjIdsEntry;

struct dump;
struct process;

/* core-TID of all threads; a zombie's has nothing but its end. Registers have been rewound. */
int describe_cores(struct dump *d, struct process *p);
/* mm-PID. */
int describe_mm(struct dump *d, const struct process *p);
/* memory-tags-PID, of tagged memory (tags.c). */
int describe_tags(struct dump *d, const struct process *p);
/* The ids of crbpf itself, to which those of the tree are compared at restore. */
void describe_own_ids(TaskKobjIdsEntry *ids);
/* ids-PID. */
int describe_ids(struct dump *d, const struct process *p);

#endif
