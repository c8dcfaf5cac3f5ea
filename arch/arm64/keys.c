// SPDX-License-Identifier: GPL-2.0-only
/* Permission overlays (FEAT_S1POE). The rights are a register, POR_EL0, of each thread. */
#include <string.h>

#include "arch/arch.h"
#include "arch/arm64/poe.h"
#include "arch/regset.h"

/* Read, execute and write are a bit each of four for a key. */
#define ALL_OF_KEY 7ull
#define ALL_RIGHTS 0x77777777ull

/* No processor that has them was to be had yet, nor QEMU's emulation of one (11.1). */
bool arch_carries_keys(void)
{
	return false;
}

/* Of a page table entry: bits 60 to 62. Without overlays they are 0. */
unsigned int arch_vma_key(__u64 page_prot)
{
	return page_prot >> 60 & 7;
}

static void set_rights(__u64 rights)
{
	/* POR_EL0, by its number for old assemblers */
	__asm__ volatile("msr s3_3_c10_c2_4, %0\n\tisb" : : "r"(rights) : "memory");
}

__u64 arch_open_keys(void)
{
	__u64 before;

	if (!has_poe())
		return 0;
	__asm__ volatile("mrs %0, s3_3_c10_c2_4" : "=r"(before));
	set_rights(ALL_RIGHTS);
	return before;
}

void arch_restore_keys(__u64 before)
{
	if (before)
		set_rights(before);
}

bool arch_denies_plain_memory(const struct regs *regs)
{
	const struct regset *set = regs_find(regs, NT_ARM_POE);
	__u64 rights = ALL_RIGHTS;

	if (set && set->size == sizeof(rights))
		memcpy(&rights, set->data, sizeof(rights));
	return (rights & ALL_OF_KEY) != ALL_OF_KEY;
}
