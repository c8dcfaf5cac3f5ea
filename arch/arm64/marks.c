// SPDX-License-Identifier: GPL-2.0-only
#include "arch/arch.h"

/*
 * PR_SET_TSC came with 6.12, as bit 31. Below are the entry code's, SVE and SME in use, and
 * what PTRACE_SYSCALL sets.
 */
__u64 arch_rare_thread_flags(void)
{
	return ~0x7fffffffull;
}

bool arch_cpuid_faults_call(long *ret_nr, __u64 ret_args[2])
{
	return false;
}

bool arch_permission_call(__u32 state, long *ret_nr, __u64 ret_args[2])
{
	return false;
}

__u32 arch_permission_of(__u64 xfeatures)
{
	return 0;
}
