/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_FDMOVE_H
#define CRBPF_RESTORE_FDMOVE_H

/*
 * Descriptors stand at numbers where they happened to be opened; each must be
 * duplicated to the numbers where the program wants it, by dup3, one after the other,
 * without treading on one that is still needed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fdmove {
	uint32_t from, to;
	bool cloexec; /* of the descriptor at @to */
};

/*
 * Orders @moves (no two with the same @to; @from may repeat) so that executing
 * *@ret_moves in turn leaves at every @to what was at @from before. Cycles are broken
 * by way of a number below @limit which nobody uses. Moves with from == to stay in
 * the result (the flag is still to be set). *@ret_moves is the caller's to free, and
 * may hold more than @n. Returns 0, -ENOMEM, or -EMFILE if a free number is lacking.
 */
int fdmove_order(const struct fdmove *moves, size_t n, uint32_t limit, struct fdmove **ret_moves,
		 size_t *ret_n);

#endif
