// SPDX-License-Identifier: GPL-2.0-only
#include "arch/arch.h"

/*
 * PR_SET_TSC came with 6.12, as bit 30; the generic entry code of 7.x made that 27, which before was
 * SME in use. Between and below them is what comes and goes: other vector registers, the entry code's,
 * PTRACE_SYSCALL's.
 */
__u64 arch_rare_thread_flags(void)
{
	return 1ull << 30 | 1ull << 27;
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
