// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel tells programs by their auxiliary vector, and how long vectors can be. */
#include <errno.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "arch/arch.h"
#include "arch/feature.h"
#include "cpuinfo.pb-c.h"
#include "lib/cleanup.h"

#ifndef AT_HWCAP3
#define AT_HWCAP3 29
#endif
#ifndef PR_SVE_SET_VL
#define PR_SVE_SET_VL 50
#define PR_SVE_GET_VL 51
#endif
#ifndef PR_SME_SET_VL
#define PR_SME_SET_VL 63
#define PR_SME_GET_VL 64
#endif
#define VL_ONEXEC (1 << 18)
#define VL_MASK   0xffff
#define VL_MOST   8192

#define N_WORDS 3

/* The kernel's names, by the bit; an empty one is the kernel's own affair, and of no use to
 * compare. */
static const char *const names[2][64] = {
	{"fp",     "asimd",       "",         "aes",        "pmull",    "sha1",       "sha2",
	 "crc32",  "atomics",     "fphp",     "asimdhp",    "cpuid",    "asimdrdm",   "jscvt",
	 "fcma",   "lrcpc",       "dcpop",    "sha3",       "sm3",      "sm4",        "asimddp",
	 "sha512", "sve",         "asimdfhm", "dit",        "uscat",    "ilrcpc",     "flagm",
	 "ssbs",   "sb",          "paca",     "pacg",       "gcs",      "cmpbr",      "fprcvt",
	 "f8mm8",  "f8mm4",       "svef16mm", "sveeltperm", "sveaes2",  "svebfscale", "sve2p2",
	 "sme2p2", "smesbitperm", "smeaes",   "smesfexpa",  "smestmop", "smesmop4"},
	{"dcpodp",    "sve2",      "sveaes",   "svepmull",  "svebitperm", "svesha3",    "svesm4",
	 "flagm2",    "frint",     "svei8mm",  "svef32mm",  "svef64mm",   "svebf16",    "i8mm",
	 "bf16",      "",          "rng",      "bti",       "mte",        "ecv",        "afp",
	 "rpres",     "mte3",      "sme",      "smei16i64", "smef64f64",  "smei8i32",   "smef16f32",
	 "smeb16f32", "smef32f32", "smefa64",  "wfxt",      "ebf16",      "sveebf16",   "cssc",
	 "rprfm",     "sve2p1",    "sme2",     "sme2p1",    "smei16i32",  "smebi32i32", "smeb16b16",
	 "smef16f16", "mops",      "hbc",      "sveb16b16", "lrcpc3",     "lse128",     "fpmr",
	 "lut",       "faminmax",  "f8cvt",    "f8fma",     "f8dp4",      "f8dp2",      "f8e4m3",
	 "f8e5m2",    "smelutv2",  "smef8f16", "smef8f32",  "smesf8fma",  "smesf8dp4",  "smesf8dp2",
	 "poe"},
};

/* Asked for an exec that never comes; what was to be then stays. 0: there are no such vectors. */
static unsigned int longest(int set, int get)
{
	int before = prctl(get), most;

	if (before < 0)
		return 0;
	most = prctl(set, VL_MOST | VL_ONEXEC);
	(void)prctl(set, (before & VL_MASK) | VL_ONEXEC);
	return most < 0 ? 0 : (unsigned int)most & VL_MASK;
}

static unsigned long long read_midr(void)
{
	_cleanup_fclose_ FILE *f =
		fopen("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1", "re");
	unsigned long long midr = 0;

	return f && fscanf(f, "%llx", &midr) == 1 ? midr : 0;
}

int arch_cpuinfo_fill(CpuinfoEntry *entry, struct arena *arena)
{
	CpuinfoArm64Entry *x = arena_alloc(arena, sizeof(*x));
	CpuinfoArm64Entry **list = arena_alloc(arena, sizeof(*list));
	uint64_t *hwcap = arena_alloc(arena, N_WORDS * sizeof(*hwcap));

	if (!x || !list || !hwcap)
		return -ENOMEM;
	cpuinfo_arm64_entry__init(x);
	hwcap[0] = getauxval(AT_HWCAP);
	hwcap[1] = getauxval(AT_HWCAP2);
	hwcap[2] = getauxval(AT_HWCAP3);
	x->hwcap = hwcap;
	x->n_hwcap = N_WORDS;
	x->has_sve_length = x->has_sme_length = true;
	x->sve_length = longest(PR_SVE_SET_VL, PR_SVE_GET_VL);
	x->sme_length = longest(PR_SME_SET_VL, PR_SME_GET_VL);
	x->midr = read_midr();
	x->has_midr = x->midr;
	*list = x;
	entry->n_arm64_entry = 1;
	entry->arm64_entry = list;
	return 0;
}

static uint64_t word(const CpuinfoArm64Entry *x, size_t i)
{
	return i < x->n_hwcap ? x->hwcap[i] : 0;
}

/* What @a has and @b has not. */
static int compare_words(const CpuinfoArm64Entry *a, const CpuinfoArm64Entry *b, const char *prefix,
			 struct buf *ret)
{
	int code = 0;

	for (size_t i = 0; i < N_WORDS; i++)
		for (unsigned int bit = 0; bit < 64 && !code; bit++) {
			const char *name = i < 2 ? names[i][bit] : NULL;

			if (!((word(a, i) & ~word(b, i)) >> bit & 1) || (name && !*name))
				continue;
			if (name)
				code = feature_add(ret, "%s%s", prefix, name);
			else
				code = feature_add(ret, "%sbit %u of AT_HWCAP%zu", prefix, bit,
						   i + 1);
		}
	return code;
}

static int compare_length(const char *what, uint32_t then, uint32_t now, bool is_exact,
			  struct buf *ret)
{
	if (then == now || (then < now && !is_exact))
		return 0;
	return feature_add(ret, "%s vectors of %u bytes, not %u", what, then, now);
}

int arch_cpuinfo_compare(const CpuinfoEntry *then, const CpuinfoEntry *now, unsigned int caps,
			 struct buf *ret)
{
	const CpuinfoArm64Entry *a, *b;
	bool is_exact = caps & CPU_CAP_CPU;
	int code = 0;

	if (!then->n_arm64_entry || !now->n_arm64_entry)
		return 0;
	a = then->arm64_entry[0];
	b = now->arm64_entry[0];
	if (caps & (CPU_CAP_INS | CPU_CAP_CPU))
		code = compare_words(a, b, "", ret);
	if (!code && is_exact)
		code = compare_words(b, a, "no ", ret);
	if (!code && is_exact && a->midr != b->midr)
		code = feature_add(ret, "the processor %llx, not %llx", (unsigned long long)a->midr,
				   (unsigned long long)b->midr);
	if (!code && caps & (CPU_CAP_FPU | CPU_CAP_CPU))
		code = compare_length("SVE", a->sve_length, b->sve_length, is_exact, ret)
			       ?: compare_length("SME", a->sme_length, b->sme_length, is_exact,
						 ret);
	return code;
}
