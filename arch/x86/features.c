// SPDX-License-Identifier: GPL-2.0-only
/*
 * What CPUID says, in the words of CRIU's image: words 0 to 10 as
 * the kernel's own table of features had them once. What the kernel makes up is left 0.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/feature.h"
#include "cpuinfo.pb-c.h"

#define N_WORDS        19
#define OWN_WORD       N_WORDS /* has a field of its own */
#define CAPABILITY_VER 2

#define XFEATURE_SSE 2ULL

enum { EAX, EBX, ECX, EDX };

static const struct {
	unsigned int word, leaf, subleaf, reg;
} words[] = {
	{0, 0x1, 0, EDX},         {1, 0x80000001, 0, EDX},  {4, 0x1, 0, ECX},
	{6, 0x80000001, 0, ECX},  {9, 0x7, 0, EBX},         {10, 0xd, 1, EAX},
	{11, 0x7, 0, ECX},        {13, 0x80000008, 0, EBX}, {14, 0x6, 0, EAX},
	{15, 0x8000000a, 0, EDX}, {17, 0x80000007, 0, EBX}, {18, 0x7, 0, EDX},
	{OWN_WORD, 0x7, 1, EAX},
};

/* Instructions that a program finds there, by the kernel's names. */
static const struct {
	unsigned char word, bit;
	const char *name;
} instructions[] = {
	{0, 0, "fpu"},
	{0, 4, "tsc"},
	{0, 8, "cx8"},
	{0, 15, "cmov"},
	{0, 19, "clflush"},
	{0, 23, "mmx"},
	{0, 24, "fxsr"},
	{0, 25, "sse"},
	{0, 26, "sse2"},
	{1, 11, "syscall"},
	{1, 22, "mmxext"},
	{1, 27, "rdtscp"},
	{1, 30, "3dnowext"},
	{1, 31, "3dnow"},
	{4, 0, "pni"},
	{4, 1, "pclmulqdq"},
	{4, 9, "ssse3"},
	{4, 12, "fma"},
	{4, 13, "cx16"},
	{4, 19, "sse4_1"},
	{4, 20, "sse4_2"},
	{4, 22, "movbe"},
	{4, 23, "popcnt"},
	{4, 25, "aes"},
	{4, 27, "osxsave"},
	{4, 28, "avx"},
	{4, 29, "f16c"},
	{4, 30, "rdrand"},
	{6, 0, "lahf_lm"},
	{6, 5, "abm"},
	{6, 6, "sse4a"},
	{6, 7, "misalignsse"},
	{6, 8, "3dnowprefetch"},
	{6, 11, "xop"},
	{6, 16, "fma4"},
	{6, 21, "tbm"},
	{6, 29, "mwaitx"},
	{9, 0, "fsgsbase"},
	{9, 3, "bmi1"},
	{9, 4, "hle"},
	{9, 5, "avx2"},
	{9, 8, "bmi2"},
	{9, 9, "erms"},
	{9, 11, "rtm"},
	{9, 14, "mpx"},
	{9, 16, "avx512f"},
	{9, 17, "avx512dq"},
	{9, 18, "rdseed"},
	{9, 19, "adx"},
	{9, 21, "avx512ifma"},
	{9, 23, "clflushopt"},
	{9, 24, "clwb"},
	{9, 26, "avx512pf"},
	{9, 27, "avx512er"},
	{9, 28, "avx512cd"},
	{9, 29, "sha_ni"},
	{9, 30, "avx512bw"},
	{9, 31, "avx512vl"},
	{10, 0, "xsaveopt"},
	{10, 1, "xsavec"},
	{10, 2, "xgetbv1"},
	{OWN_WORD, 0, "sha512"},
	{OWN_WORD, 1, "sm3"},
	{OWN_WORD, 2, "sm4"},
	{OWN_WORD, 4, "avx_vnni"},
	{OWN_WORD, 5, "avx512_bf16"},
	{OWN_WORD, 7, "cmpccxadd"},
	{OWN_WORD, 21, "amx_fp16"},
	{OWN_WORD, 23, "avx_ifma"},
	{13, 0, "clzero"},
	{11, 1, "avx512vbmi"},
	{11, 4, "ospke"},
	{11, 5, "waitpkg"},
	{11, 6, "avx512_vbmi2"},
	{11, 8, "gfni"},
	{11, 9, "vaes"},
	{11, 10, "vpclmulqdq"},
	{11, 11, "avx512_vnni"},
	{11, 12, "avx512_bitalg"},
	{11, 14, "avx512_vpopcntdq"},
	{11, 22, "rdpid"},
	{11, 25, "cldemote"},
	{11, 27, "movdiri"},
	{11, 28, "movdir64b"},
	{18, 2, "avx512_4vnniw"},
	{18, 3, "avx512_4fmaps"},
	{18, 8, "avx512_vp2intersect"},
	{18, 14, "serialize"},
	{18, 16, "tsxldtrk"},
	{18, 22, "amx_bf16"},
	{18, 23, "avx512_fp16"},
	{18, 24, "amx_tile"},
	{18, 25, "amx_int8"},
};
#define N_INSTRUCTIONS (sizeof(instructions) / sizeof(instructions[0]))

/* Parts of the register state by the bit of XCR0. */
static const char *const parts[] = {
	"x87 registers",
	"SSE registers",
	"AVX registers",
	"MPX bound registers",
	"MPX configuration",
	"AVX-512 mask registers",
	"upper halves of AVX-512 registers",
	"AVX-512 registers 16 to 31",
	"processor trace",
	"protection keys",
	"PASID",
	"shadow stack",
	"supervisor shadow stack",
	"HDC",
	"user interrupts",
	"LBR",
	"HWP",
	"AMX tile configuration",
	"AMX tiles",
	"APX registers",
};

/* OSXSAVE and OSPKE tell what the kernel has switched on. */
static void fill_words(uint32_t *capability)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		unsigned int regs[4] = {0};

		if (__get_cpuid_count(words[i].leaf, words[i].subleaf, &regs[EAX], &regs[EBX],
				      &regs[ECX], &regs[EDX]))
			capability[words[i].word] = regs[words[i].reg];
	}
}

static void fill_identity(CpuinfoX86Entry *x)
{
	unsigned int a, b, c, d;

	x->vendor_id = CPUINFO_X86_ENTRY__VENDOR__UNKNOWN;
	if (__get_cpuid(0, &a, &b, &c, &d)) {
		if (b == signature_INTEL_ebx && c == signature_INTEL_ecx)
			x->vendor_id = CPUINFO_X86_ENTRY__VENDOR__INTEL;
		else if (b == signature_AMD_ebx && c == signature_AMD_ecx)
			x->vendor_id = CPUINFO_X86_ENTRY__VENDOR__AMD;
	}
	if (!__get_cpuid(1, &a, &b, &c, &d))
		return;
	x->stepping = a & 15;
	x->cpu_family = a >> 8 & 15;
	x->model = a >> 4 & 15;
	if (x->cpu_family == 6 || x->cpu_family == 15)
		x->model |= (a >> 16 & 15) << 4;
	if (x->cpu_family == 15)
		x->cpu_family += a >> 20 & 255;
}

static void fill_state(CpuinfoX86Entry *x)
{
	unsigned int a, b, c, d;

	if (!(x->capability[4] & bit_OSXSAVE) || !__get_cpuid_count(0xd, 0, &a, &b, &c, &d))
		return;
	x->has_xsave_size = x->has_xsave_size_max = x->has_xfeatures_mask = true;
	x->xsave_size = b;
	x->xsave_size_max = c;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	/* CRIU knows no part for SSE, and takes no mask with one: the instructions tell. */
	x->xfeatures_mask = ((uint64_t)d << 32 | a) & ~XFEATURE_SSE;
}

static char *model_name(struct arena *arena)
{
	unsigned int text[12];

	for (unsigned int i = 0; i < 3; i++)
		if (!__get_cpuid(0x80000002 + i, &text[4 * i], &text[4 * i + 1], &text[4 * i + 2],
				 &text[4 * i + 3]))
			return NULL;
	return arena_printf(arena, "%.48s", (const char *)text);
}

int arch_cpuinfo_fill(CpuinfoEntry *entry, struct arena *arena)
{
	CpuinfoX86Entry *x = arena_alloc(arena, sizeof(*x));
	CpuinfoX86Entry **list = arena_alloc(arena, sizeof(*list));
	uint32_t *capability = arena_alloc(arena, (N_WORDS + 1) * sizeof(*capability));

	if (!x || !list || !capability)
		return -ENOMEM;
	cpuinfo_x86_entry__init(x);
	x->capability_ver = CAPABILITY_VER;
	x->n_capability = N_WORDS;
	x->capability = capability;
	fill_words(capability);
	x->has_capability_7_1 = true;
	x->capability_7_1 = capability[OWN_WORD];
	fill_identity(x);
	fill_state(x);
	x->model_id = model_name(arena);
	*list = x;
	entry->n_x86_entry = 1;
	entry->x86_entry = list;
	return 0;
}

static bool has(const CpuinfoX86Entry *x, size_t i)
{
	size_t word = instructions[i].word;
	uint32_t value = word < x->n_capability ? x->capability[word] : 0;

	if (word == OWN_WORD)
		value = x->capability_7_1;
	return value >> instructions[i].bit & 1;
}

/* Instructions that @a has and @b has not. */
static int compare_instructions(const CpuinfoX86Entry *a, const CpuinfoX86Entry *b,
				const char *prefix, struct buf *ret)
{
	int code = 0;

	for (size_t i = 0; i < N_INSTRUCTIONS && !code; i++)
		if (has(a, i) && !has(b, i))
			code = feature_add(ret, "%s%s", prefix, instructions[i].name);
	return code;
}

/*
 * Programs learn the size of the state once (the dynamic linker keeps room for it): it
 * must not be larger than that either.
 */
static int compare_state(const CpuinfoX86Entry *then, const CpuinfoX86Entry *now, struct buf *ret)
{
	uint64_t lost = then->xfeatures_mask & ~now->xfeatures_mask;
	int code = 0;

	for (unsigned int bit = 0; bit < 64 && !code; bit++) {
		if (!(lost >> bit & 1))
			continue;
		if (bit < sizeof(parts) / sizeof(parts[0]))
			code = feature_add(ret, "%s", parts[bit]);
		else
			code = feature_add(ret, "part %u of the register state", bit);
	}
	if (!code && !lost && then->has_xsave_size && then->xsave_size != now->xsave_size)
		code = feature_add(ret, "a register state of %u bytes, not %u", then->xsave_size,
				   now->xsave_size);
	return code;
}

static int compare_identity(const CpuinfoX86Entry *then, const CpuinfoX86Entry *now,
			    struct buf *ret)
{
	if (then->vendor_id == now->vendor_id && then->cpu_family == now->cpu_family &&
	    then->model == now->model && then->stepping == now->stepping)
		return 0;
	return feature_add(ret, "the processor `%s' (family %u, model %u, stepping %u)",
			   then->model_id ?: "unknown", then->cpu_family, then->model,
			   then->stepping);
}

int arch_cpuinfo_compare(const CpuinfoEntry *then, const CpuinfoEntry *now, unsigned int caps,
			 struct buf *ret)
{
	const CpuinfoX86Entry *a, *b;
	int code = 0;

	if (!then->n_x86_entry || !now->n_x86_entry)
		return 0;
	a = then->x86_entry[0];
	b = now->x86_entry[0];
	if (caps & (CPU_CAP_INS | CPU_CAP_CPU))
		code = compare_instructions(a, b, "", ret);
	if (!code && caps & CPU_CAP_CPU)
		code = compare_instructions(b, a, "no ", ret) ?: compare_identity(a, b, ret);
	if (!code && caps & (CPU_CAP_FPU | CPU_CAP_CPU))
		code = compare_state(a, b, ret);
	return code;
}
