// SPDX-License-Identifier: GPL-2.0-only
/* XXH64 against values that its author and others publish. */
#include "harness.h"
#include "lib/xxh64.h"

static uint64_t hash_of(const char *text)
{
	struct xxh64 x;

	xxh64_init(&x);
	return xxh64_finish(&x, text, strlen(text));
}

TEST(known_values)
{
	EXPECT_EQ(hash_of(""), 0xef46db3751d8e999ull);
	EXPECT_EQ(hash_of("a"), 0xd24ec4f1a98c6e5bull);
	EXPECT_EQ(hash_of("abc"), 0x44bc2cf5ad770999ull);
	EXPECT_EQ(hash_of("Nobody inspects the spammish repetition"), 0xfbcea83c8a378bf1ull);
}

TEST(pieces_do_not_matter)
{
	char data[1000];
	struct xxh64 x;
	uint64_t whole;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7);
	xxh64_init(&x);
	whole = xxh64_finish(&x, data, sizeof(data));
	for (size_t cut = 0; cut < sizeof(data); cut += XXH64_STRIPE) {
		xxh64_init(&x);
		xxh64_add(&x, data, cut);
		EXPECT_EQ(xxh64_finish(&x, data + cut, sizeof(data) - cut), whole);
	}
}
