/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_PATTERN_H
#define CRBPF_ARCH_PATTERN_H

/*
 * For tests: register values that no program has by chance, and images that are
 * wrong. Each processor's pattern.h defines
 *
 *	static bool pattern_fill(CoreEntry *core, unsigned int variant)
 *		puts a pattern into every register that a program may choose, of all
 *		sets in @core; pc, sp and what addresses memory stay as they are.
 *		Variant 0 exists always; false if this machine has not got @variant
 *	static const char *pattern_break(CoreEntry *core, unsigned int n)
 *		makes the n-th mistake in @core and says which; NULL after the last
 *	static void pattern_make_old(CoreEntry *core)
 *		removes what a CRIU of an old time, or of a small machine, did not write
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core.pb-c.h"

static void pattern_bytes(void *data, size_t n, unsigned int seed)
{
	unsigned char *bytes = data;

	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(seed + 13 * i) | 1;
}

#if defined(__x86_64__)
#include "arch/x86/pattern.h"
#elif defined(__aarch64__)
#include "arch/arm64/pattern.h"
#endif

#endif
