/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_TWIN_H
#define CRBPF_BPF_TWIN_H

/*
 * For the programs alone: which shapes were sent in this pass. A cache with one place for
 * each hash, so that it needs neither room nor time to be emptied: what was pushed out is
 * only sent whole once more.
 */

#include "common.h"

#define TWIN_SHAPES 1024 /* a power of two */
#define TWIN_WORDS  6

struct twin_key {
	__u64 word[TWIN_WORDS];
};

struct twin_shape {
	struct twin_key key;
	__u32 pass, shape;
};

struct twins {
	struct twin_shape list[TWIN_SHAPES];
	__u32 pass, n;
};

static __always_inline struct twin_shape *twin_place(struct twins *twins, const struct twin_key *key)
{
	__u64 hash = 0;
	__u32 i;

	for (i = 0; i < TWIN_WORDS; i++)
		hash = (hash ^ key->word[i]) * 0x9e3779b97f4a7c15ULL;
	return &twins->list[hash >> 40 & (TWIN_SHAPES - 1)];
}

/* The shape's number, or 0 if it was not sent yet. */
static __always_inline __u32 twin_find(const struct twin_shape *place, const struct twin_key *key)
{
	__u32 i;

	if (place->pass != control.pass)
		return 0;
	for (i = 0; i < TWIN_WORDS; i++)
		if (place->key.word[i] != key->word[i])
			return 0;
	return place->shape;
}

/* The number that the next shape will have. */
static __always_inline __u32 twin_next(struct twins *twins)
{
	if (twins->pass != control.pass) {
		twins->pass = control.pass;
		twins->n = 0;
	}
	return twins->n + 1;
}

/* It was sent whole, with the number of twin_next. */
static __always_inline void twin_remember(struct twins *twins, struct twin_shape *place,
					  const struct twin_key *key)
{
	place->key = *key;
	place->shape = ++twins->n;
	place->pass = control.pass;
}

#endif
