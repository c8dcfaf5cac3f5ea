/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_ARM64_POE_H
#define CRBPF_ARCH_ARM64_POE_H

/* Permission overlays (FEAT_S1POE). */

#include <stdbool.h>
#include <sys/auxv.h>

/* Of the kernel's <asm/hwcap.h>, which may be older than the kernel that runs. */
#define HWCAP2_POE_BIT (1UL << 63)

static inline bool has_poe(void)
{
	return getauxval(AT_HWCAP2) & HWCAP2_POE_BIT;
}

#endif
