// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "arch/arm64/insn.h"
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
