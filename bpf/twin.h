/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_TWIN_H
#define CRBPF_BPF_TWIN_H

/*
 * For the programs alone: which shapes were sent in this pass. A cache with a few places for
 * each hash, so that it needs neither room nor time to be emptied: what was pushed out is
 * only sent whole once more.
 */

#include "common.h"

#define TWIN_SHAPES 2048 /* a power of two */
#define TWIN_PLACES 4    /* of one hash */
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

static __always_inline __u32 twin_hash(const struct twin_key *key)
{
	__u64 hash = 0;
	__u32 i;

	for (i = 0; i < TWIN_WORDS; i++)
		hash = (hash ^ key->word[i]) * 0x9e3779b97f4a7c15ULL;
	return hash >> 40;
}

static __always_inline bool twin_is(const struct twin_shape *place, const struct twin_key *key)
{
	__u64 difference = place->pass ^ control.pass;
	__u32 i;

	/* One branch, not one for each word: the verifier walks every way. */
	for (i = 0; i < TWIN_WORDS; i++)
		difference |= place->key.word[i] ^ key->word[i];
	return !difference;
}

/* The shape's number, or 0 if it was not sent yet. */
static __always_inline __u32 twin_find(const struct twins *twins, const struct twin_key *key)
{
	__u32 hash = twin_hash(key), i;

	for (i = 0; i < TWIN_PLACES; i++) {
		const struct twin_shape *place = &twins->list[(hash + i) & (TWIN_SHAPES - 1)];

		if (twin_is(place, key))
			return place->shape;
	}
	return 0;
}

/* Has user space said that it has seen enough of this shape? */
static __always_inline bool twin_is_known(const __u64 *known, __u32 shape)
{
	return shape < CONTROL_SHAPES && known[shape / 64 & (CONTROL_SHAPES / 64 - 1)] >> (shape & 63) & 1;
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
static __always_inline void twin_remember(struct twins *twins, const struct twin_key *key)
{
	__u32 hash = twin_hash(key), at = ++twins->n, i;
	struct twin_shape *place;

	for (i = 0; i < TWIN_PLACES; i++) {
		place = &twins->list[(hash + i) & (TWIN_SHAPES - 1)];
		if (place->pass != control.pass)
			break;
	}
	if (i == TWIN_PLACES) /* none is free: one or another goes */
		i = at & (TWIN_PLACES - 1);
	place = &twins->list[(hash + i) & (TWIN_SHAPES - 1)];
	place->key = *key;
	place->shape = at;
	place->pass = control.pass;
}

#endif
