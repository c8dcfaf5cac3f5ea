/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_XXH64_H
#define CRBPF_LIB_XXH64_H

/*
 * The 64-bit xxHash with seed 0: finds bytes that changed by accident, at the speed
 * of memory. It is no protection against somebody who wants to change them.
 */

#include <stddef.h>
#include <stdint.h>

struct xxh64 {
	uint64_t lanes[4];
	uint64_t total;
};

#define XXH64_STRIPE 32

void xxh64_init(struct xxh64 *x);
/* Adds @n bytes, a multiple of XXH64_STRIPE. */
void xxh64_add(struct xxh64 *x, const void *data, size_t n);
/* Adds the last @n bytes, any number of them. Returns the hash of all. */
uint64_t xxh64_finish(struct xxh64 *x, const void *data, size_t n);

#endif
