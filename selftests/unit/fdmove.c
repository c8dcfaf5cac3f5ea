// SPDX-License-Identifier: GPL-2.0-only
/* The order of dup3 calls leaves every descriptor at its number. */
#include "restore/fdmove.h"

#include "harness.h"

#define ROOM 4096

/* Executes the order on a table of ints and compares it with what was asked for. */
static void expect_moved(const struct fdmove *moves, size_t n, uint32_t limit)
{
	static int table[ROOM];
	struct fdmove *order = NULL;
	size_t n_order = 0;

	for (int i = 0; i < ROOM; i++)
		table[i] = i;
	EXPECT_EQ(fdmove_order(moves, n, limit, &order, &n_order), 0);
	for (size_t i = 0; i < n_order; i++) {
		EXPECT_LT(order[i].to, limit);
		table[order[i].to] = table[order[i].from];
	}
	for (size_t i = 0; i < n; i++)
		EXPECT_EQ(table[moves[i].to], (int)moves[i].from);
	free(order);
}

TEST(nothing_to_move)
{
	expect_moved(NULL, 0, 8);
}

TEST(chain_moves_from_its_end)
{
	const struct fdmove moves[] = {{3, 4, false}, {4, 5, false}, {5, 6, false}};

	expect_moved(moves, 3, 7);
}

TEST(one_description_at_many_numbers)
{
	const struct fdmove moves[] = {{3, 0, false}, {3, 1, false}, {3, 2, false}, {3, 3, false}};

	expect_moved(moves, 4, 4);
}

TEST(swap_needs_a_spare_number)
{
	const struct fdmove moves[] = {{0, 1, false}, {1, 0, false}};
	struct fdmove *order = NULL;
	size_t n = 0;

	expect_moved(moves, 2, 3);
	EXPECT_EQ(fdmove_order(moves, 2, 2, &order, &n), -EMFILE);
	EXPECT(!order);
}

TEST(cycle_with_branches)
{
	const struct fdmove moves[] = {{1, 2, false}, {2, 3, false}, {3, 1, false},
				       {2, 7, false}, {7, 8, false}, {3, 9, false}};

	expect_moved(moves, 6, 16);
}

TEST(flag_stays_with_its_number)
{
	const struct fdmove moves[] = {{4, 4, true}, {4, 5, false}, {5, 6, true}};
	struct fdmove *order = NULL;
	size_t n = 0;

	EXPECT_EQ(fdmove_order(moves, 3, 8, &order, &n), 0);
	EXPECT_EQ(n, 3);
	for (size_t i = 0; i < n; i++)
		EXPECT_EQ(order[i].cloexec, order[i].to != 5);
	free(order);
}

TEST(any_permutation_and_fan_out)
{
	for (unsigned int seed = 0; seed < 300; seed++) {
		struct fdmove moves[64];
		uint32_t to[64];
		size_t n = 1 + seed % 64;

		srand(seed);
		for (uint32_t i = 0; i < 64; i++)
			to[i] = i;
		for (uint32_t i = 63; i; i--) {
			uint32_t j = (uint32_t)rand() % (i + 1), swap = to[i];

			to[i] = to[j];
			to[j] = swap;
		}
		for (size_t i = 0; i < n; i++)
			moves[i] = (struct fdmove){(uint32_t)rand() % 64, to[i], false};
		expect_moved(moves, n, 66);
	}
}

TEST(thousands_reversed)
{
	static struct fdmove moves[4000];

	for (uint32_t i = 0; i < 4000; i++)
		moves[i] = (struct fdmove){3999 - i, i, false};
	expect_moved(moves, 4000, 4001);
}
