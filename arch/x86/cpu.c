// SPDX-License-Identifier: GPL-2.0-only
#include <cpuid.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "arch/probe.h"

__u64 arch_task_size(void)
{
	__u64 page = (__u64)sysconf(_SC_PAGESIZE);
	unsigned int bits = 56;

	/* Five levels of page tables, or four. The last page is never given to programs. */
	if (!probe_address((1ULL << bits) - 2 * page))
		bits = 47;
	return (1ULL << bits) - page;
}

ssize_t arch_find_syscall(const void *text, size_t size)
{
	const unsigned char *code = text;

	for (size_t i = 0; i + 1 < size; i++) {
		if (code[i] == 0x0f && code[i + 1] == 0x05)
			return (ssize_t)i;
	}
	return -1;
}

#define ARCH_MAP_VDSO_64  0x2003
#define ARCH_SHSTK_STATUS 0x5005

/* Components that the kernel has switched on (XCR0); 0 without XSAVE. */
static __u64 enabled_components(void)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (__u64)d << 32 | a;
}

/* One bit of a register of CPUID leaf 7. */
static int leaf7(char reg, unsigned int bit)
{
	unsigned int a, b, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return 0;
	return (reg == 'b' ? b : reg == 'c' ? c : d) >> bit & 1;
}

static int has_shadow_stack(void)
{
	unsigned long status = 0;

	return leaf7('c', 7) && !syscall(SYS_arch_prctl, ARCH_SHSTK_STATUS, &status);
}

int arch_cpu_has(const char *feature, unsigned int *ret_size)
{
	const __u64 avx = 6, avx512 = 0xe6, pkru = 1 << 9, amx = 3 << 17;
	__u64 enabled = enabled_components();
	unsigned int a, c, d;

	if (!strcmp(feature, "xsave"))
		return enabled && __get_cpuid_count(13, 0, &a, ret_size, &c, &d);
	if (!strcmp(feature, "avx"))
		return (enabled & avx) == avx;
	if (!strcmp(feature, "avx2"))
		return (enabled & avx) == avx && leaf7('b', 5);
	if (!strcmp(feature, "avx512"))
		return (enabled & avx512) == avx512 && leaf7('b', 16);
	if (!strcmp(feature, "amx"))
		return (enabled & amx) == amx && leaf7('d', 24);
	if (!strcmp(feature, "pku"))
		return (enabled & pkru) && leaf7('c', 4);	/* OSPKE: the kernel uses it */
	if (!strcmp(feature, "shstk"))
		return has_shadow_stack();
	return -ENOENT;
}

int arch_vma_prot(__u64 vm_flags)
{
	return 0;
}

int arch_can_map_vdso(void)
{
	/* A second one is refused, which tells that a first could be had. */
	if (!syscall(SYS_arch_prctl, ARCH_MAP_VDSO_64, 0x100000UL) || errno == EEXIST)
		return 0;
	return -errno;
}
