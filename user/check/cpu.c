// SPDX-License-Identifier: GPL-2.0-only
/* What the processor offers to programs. Images that use it need it again where they are restored. */
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "check/groups.h"

/* Named cpu_FEATURE. */
static void feature(const struct check *c, const struct probe *p, struct answer *a)
{
	unsigned int size = 0;
	int has = arch_cpu_has(p->name + 4, &size);

	a->is_elsewhere = has < 0;
	if (has > 0 && size)
		answer_yes(a, "%u bytes", size);
	else if (has > 0)
		answer_yes(a, "%s", "");
	else if (has < 0)
		answer_no(a, "of another architecture");
	else
		answer_no(a, "%s", "");
}

static void breakpoint(const struct check *c, const struct probe *p, struct answer *a)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_X,
		.bp_addr = (unsigned long)&breakpoint,
		.bp_len = sizeof(long),
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.disabled = 1,
	};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);

	/* arm64 wants the length of an instruction. */
	if (fd < 0 && errno == EINVAL) {
		attr.bp_len = 4;
		fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	}
	answer_call(a, fd, CAP_BIT(CAP_PERFMON), "none can be set");
}

#define FEATURE(name_, what_)                                                                      \
	{ "cpu_" name_, NULL, what_, NEED_FACT, .probe = feature }

static const struct probe probes[] = {
	FEATURE("xsave", "x86 XSAVE: size of a thread's state"),
	FEATURE("avx", "x86 AVX"),
	FEATURE("avx2", "x86 AVX2"),
	FEATURE("avx512", "x86 AVX-512"),
	FEATURE("amx", "x86 AMX tiles"),
	FEATURE("pku", "x86 memory protection keys"),
	FEATURE("shstk", "x86 shadow stacks for programs"),
	FEATURE("sve", "arm64 SVE: length of vectors"),
	FEATURE("sme", "arm64 SME"),
	FEATURE("pac", "arm64 pointer authentication"),
	FEATURE("bti", "arm64 branch targets"),
	FEATURE("mte", "arm64 memory tags"),
	FEATURE("gcs", "arm64 guarded control stacks"),
	FEATURE("poe", "arm64 permission overlays"),
	{ "breakpoints", "breakpoints", "hardware breakpoints", NEED_EXTRA, .probe = breakpoint },
};

PROBE_GROUP(probes_cpu, "cpu", "Processor", probes, false);
