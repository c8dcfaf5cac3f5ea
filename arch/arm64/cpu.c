// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "arch/arch.h"
#include "arch/arm64/insn.h"
#include "arch/arm64/poe.h"
#include "arch/probe.h"

__u64 arch_task_size(void)
{
	/* CONFIG_ARM64_VA_BITS, with LVA also where the processor lacks it. */
	const unsigned int bits[] = {52, 48, 47, 42, 39, 36};
	__u64 page = (__u64)sysconf(_SC_PAGESIZE);
	size_t i = 0;

	while (i < sizeof(bits) / sizeof(bits[0]) - 1 && !probe_address((1ULL << bits[i]) - page))
		i++;
	return 1ULL << bits[i];
}

ssize_t arch_find_syscall(const void *text, size_t size)
{
	for (size_t i = 0; i + sizeof(__u32) <= size; i += sizeof(__u32)) {
		__u32 insn;

		memcpy(&insn, (const char *)text + i, sizeof(insn));
		if (insn == ARM64_SVC_0)
			return (ssize_t)i;
	}
	return -1;
}

/* Of the kernel's <asm/hwcap.h>, which may be older than the kernel that runs. */
#define HWCAP_SVE_BIT  (1UL << 22)
#define HWCAP_PACA_BIT (1UL << 30)
#define HWCAP_GCS_BIT  (1UL << 32)
#define HWCAP2_BTI_BIT (1UL << 17)
#define HWCAP2_MTE_BIT (1UL << 18)
#define HWCAP2_SME_BIT (1UL << 23)

#ifndef PR_SVE_GET_VL
#define PR_SVE_GET_VL 51
#endif
#ifndef PR_SME_GET_VL
#define PR_SME_GET_VL 64
#endif
#define VECTOR_LENGTH_MASK 0xffff

int arch_cpu_has(const char *feature, unsigned int *ret_size)
{
	static const struct {
		const char *name;
		unsigned long word, bit;
		int get_length;
	} features[] = {
		{"sve", AT_HWCAP, HWCAP_SVE_BIT, PR_SVE_GET_VL},
		{"pac", AT_HWCAP, HWCAP_PACA_BIT, 0},
		{"gcs", AT_HWCAP, HWCAP_GCS_BIT, 0},
		{"bti", AT_HWCAP2, HWCAP2_BTI_BIT, 0},
		{"mte", AT_HWCAP2, HWCAP2_MTE_BIT, 0},
		{"sme", AT_HWCAP2, HWCAP2_SME_BIT, PR_SME_GET_VL},
		{"poe", AT_HWCAP2, HWCAP2_POE_BIT, 0},
	};

	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		int length = 0;

		if (strcmp(features[i].name, feature))
			continue;
		if (!(getauxval(features[i].word) & features[i].bit))
			return 0;
		if (features[i].get_length)
			length = prctl(features[i].get_length);
		if (length > 0)
			*ret_size = (unsigned int)length & VECTOR_LENGTH_MASK;
		return 1;
	}
	return -ENOENT;
}

#define VM_ARM64_BTI (1ull << 24)
#ifndef PROT_BTI
#define PROT_BTI 0x10
#endif

/* Code that indirect branches may enter at landing pads only. Where none are known it runs as well. */
int arch_vma_prot(__u64 vm_flags)
{
	return vm_flags & VM_ARM64_BTI && getauxval(AT_HWCAP2) & HWCAP2_BTI_BIT ? PROT_BTI : 0;
}

int arch_can_map_vdso(void)
{
	return -EOPNOTSUPP;
}
