// SPDX-License-Identifier: GPL-2.0-only
#include <asm/prctl.h>
#include <sys/syscall.h>

#include "arch/arch.h"

#ifndef ARCH_SET_CPUID
#define ARCH_SET_CPUID 0x1012
#endif

/*
 * Until 6.17 NOCPUID and NOTSC were bits 15 and 16, among those of the entry code; then that
 * took bits 0 to 15. What is left out: the entry code's, NEED_FPU_LOAD (14, then 19) and
 * NOTIFY_SIGNAL (17).
 */
__u64 arch_rare_thread_flags(void)
{
	return ~(0x7fffull | 1 << 17 | 1 << 19) & 0xffffffff;
}

bool arch_cpuid_faults_call(long *ret_nr, __u64 ret_args[2])
{
	*ret_nr = SYS_arch_prctl;
	ret_args[0] = ARCH_SET_CPUID;
	ret_args[1] = 0;
	return true;
}

#ifndef ARCH_REQ_XCOMP_PERM
#define ARCH_REQ_XCOMP_PERM 0x1023
#endif
#define XTILEDATA 18 /* the only one so far */

bool arch_permission_call(__u32 state, long *ret_nr, __u64 ret_args[2])
{
	*ret_nr = SYS_arch_prctl;
	ret_args[0] = ARCH_REQ_XCOMP_PERM;
	ret_args[1] = state;
	return state == XTILEDATA;
}

__u32 arch_permission_of(__u64 xfeatures)
{
	return xfeatures >> XTILEDATA & 1 ? XTILEDATA : 0;
}
