// SPDX-License-Identifier: GPL-2.0-only
#include "lib/xxh64.h"

#include <string.h>

#define P1 0x9e3779b185ebca87ull
#define P2 0xc2b2ae3d27d4eb4full
#define P3 0x165667b19e3779f9ull
#define P4 0x85ebca77c2b2ae63ull
#define P5 0x27d4eb2f165667c5ull

static uint64_t rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

/* Both architectures are little-endian, as the hash is. */
static uint64_t load64(const uint8_t *p)
{
	uint64_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t x;

	memcpy(&x, p, sizeof(x));
	return x;
}

static uint64_t mix(uint64_t lane, uint64_t input)
{
	return rotate(lane + input * P2, 31) * P1;
}

void xxh64_init(struct xxh64 *x)
{
	*x = (struct xxh64){.lanes = {P1 + P2, P2, 0, -P1}};
}

void xxh64_add(struct xxh64 *x, const void *data, size_t n)
{
	const uint8_t *p = data, *end = p + n;
	uint64_t a = x->lanes[0], b = x->lanes[1], c = x->lanes[2], d = x->lanes[3];

	for (; p < end; p += XXH64_STRIPE) {
		a = mix(a, load64(p));
		b = mix(b, load64(p + 8));
		c = mix(c, load64(p + 16));
		d = mix(d, load64(p + 24));
	}
	memcpy(x->lanes, (uint64_t[]){a, b, c, d}, sizeof(x->lanes));
	x->total += n;
}

static uint64_t merge_lanes(const struct xxh64 *x)
{
	uint64_t hash = rotate(x->lanes[0], 1) + rotate(x->lanes[1], 7) + rotate(x->lanes[2], 12) +
			rotate(x->lanes[3], 18);

	for (int i = 0; i < 4; i++)
		hash = (hash ^ mix(0, x->lanes[i])) * P1 + P4;
	return hash;
}

uint64_t xxh64_finish(struct xxh64 *x, const void *data, size_t n)
{
	size_t whole = n / XXH64_STRIPE * XXH64_STRIPE;
	const uint8_t *p = data, *end = p + n;
	uint64_t hash;

	xxh64_add(x, p, whole);
	p += whole;
	hash = x->total ? merge_lanes(x) : P5;
	hash += x->total + (uint64_t)(end - p);
	for (; end - p >= 8; p += 8)
		hash = rotate(hash ^ mix(0, load64(p)), 27) * P1 + P4;
	for (; end - p >= 4; p += 4)
		hash = rotate(hash ^ load32(p) * P1, 23) * P2 + P3;
	for (; p < end; p++)
		hash = rotate(hash ^ *p * P5, 11) * P1;
	hash ^= hash >> 33;
	hash *= P2;
	hash ^= hash >> 29;
	hash *= P3;
	return hash ^ hash >> 32;
}
