/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_MESSAGE_H
#define CRBPF_ARCH_MESSAGE_H

/*
 * Building a CoreEntry: everything is allocated with malloc and hung into its
 * parent at once, so that core_entry__free_unpacked frees what an error left.
 */

#include <linux/types.h>
#include <stddef.h>

typedef struct RegsetEntry RegsetEntry;

/* Allocates a message and initialises it: NEW_MESSAGE(UserX86RegsEntry, user_x86_regs_entry). */
#define NEW_MESSAGE(type, name)                                                                    \
	({                                                                                         \
		type *message_ = malloc(sizeof(type));                                             \
		if (message_)                                                                      \
			name##__init(message_);                                                    \
		message_;                                                                          \
	})

/* A malloc'ed copy of @n bytes, or NULL. */
void *message_copy(const void *data, size_t n);

/* Appends a set of @n bytes to a `repeated regset_entry`. Returns 0 or -ENOMEM. */
int message_add_regset(RegsetEntry ***list, size_t *n_list, __u32 note, const void *data, size_t n);

#endif
