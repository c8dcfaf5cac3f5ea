/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_IDS_H
#define CRBPF_LIB_IDS_H

/*
 * A map from 64-bit keys (kernel pointers, inode numbers, ids of an image) to
 * 32-bit values. Kernel pointers become small ids here at once and go no further.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ids_slot;
struct ids {
	struct ids_slot *slots;
	size_t n, room;
};

/* The value of @key, or 0 if it has none. */
uint32_t ids_get(const struct ids *ids, uint64_t key);

/* Gives @key the value @value (not 0), replacing what it had. Returns 0 or -ENOMEM. */
int ids_set(struct ids *ids, uint64_t key, uint32_t value);

/* The value of @key, numbered n + 1 if it is new. Returns 0 if memory ran out. */
uint32_t ids_number(struct ids *ids, uint64_t key);

void ids_deinit(struct ids *ids);

#endif
