// SPDX-License-Identifier: GPL-2.0-only
/* Memory protection keys (PKU). The rights to them are a register, PKRU, of each thread. */
#include <cpuid.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/regset.h"
#include "arch/x86/xstate.h"

#define OSPKE_BIT 4 /* of CPUID 7, ecx: the kernel has switched them on */

bool arch_carries_keys(void)
{
	return true;
}

/* Of a page table entry: bits 59 to 62. Without protection keys they are 0. */
unsigned int arch_vma_key(__u64 page_prot)
{
	return page_prot >> 59 & 15;
}

static bool has_keys(void)
{
	unsigned int eax, ebx, ecx, edx;
	size_t offset, size;

	/* a hypervisor takes its time to answer: it is not asked in vain */
	return xstate_locate(XSTATE_PKRU, &offset, &size) &&
	       __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ecx >> OSPKE_BIT & 1;
}

static void set_rights(__u32 rights)
{
	/* wrpkru, in bytes for old assemblers */
	__asm__ volatile(".byte 0x0f, 0x01, 0xef" : : "a"(rights), "c"(0), "d"(0) : "memory");
}

static __u32 get_rights(void)
{
	__u32 rights, zero;

	/* rdpkru */
	__asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(rights), "=d"(zero) : "c"(0));
	return rights;
}

__u64 arch_open_keys(void)
{
	__u32 before;

	if (!has_keys())
		return 0;
	before = get_rights();
	set_rights(0);
	return before;
}

void arch_restore_keys(__u64 before)
{
	if (before)
		set_rights((__u32)before);
}

bool arch_denies_plain_memory(const struct regs *regs)
{
	const struct regset *set = regs_find(regs, NT_X86_XSTATE);
	const char *at = set ? xstate_pkru(set) : NULL;
	__u32 rights = 0;

	if (at)
		memcpy(&rights, at, sizeof(rights));
	return rights & 3;
}
