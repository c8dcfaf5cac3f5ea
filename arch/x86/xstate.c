// SPDX-License-Identifier: GPL-2.0-only
#include <cpuid.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arch/message.h"
#include "arch/regset.h"
#include "arch/x86/xstate.h"
#include "core-x86.pb-c.h"
#include "lib/err.h"

/* The uncompacted XSAVE format, in which ptrace gives and takes it (Intel SDM vol. 1, 13.4). */
#define FXSAVE_FCW        0
#define FXSAVE_FSW        2
#define FXSAVE_FTW        4
#define FXSAVE_FOP        6
#define FXSAVE_RIP        8
#define FXSAVE_RDP        16
#define FXSAVE_MXCSR      24
#define FXSAVE_MXCSR_MASK 28
#define FXSAVE_ST         32
#define FXSAVE_XMM        160
#define FXSAVE_SIZE       512
#define XSTATE_BV         XSTATE_IN_USE
#define XSTATE_HEADER     64
#define XSTATE_MIN        (FXSAVE_SIZE + XSTATE_HEADER)

#define ST_WORDS  32 /* 8 registers of 16 bytes */
#define XMM_WORDS 64 /* 16 registers of 16 bytes */

#define XFEATURE_FP_SSE 3ULL
/* Shadow stacks: supervisor state, which never shows in the uncompacted format. */
#define XFEATURE_CET  (3ULL << 11)

#define CPUID_XSTATE 0xd

/* A component for which CRIU's message has a list. */
struct component {
	unsigned int bit;
	size_t size;          /* bytes of the whole list */
	size_t elem;          /* bytes of an element */
	size_t n_at, list_at; /* offsets of the list in UserX86XsaveEntry */
	const char *name;
};

#define COMPONENT(bit_, size_, field, name_)                                                       \
	{                                                                                          \
		.bit = (bit_), .size = (size_), .elem = sizeof(*((UserX86XsaveEntry *)0)->field),  \
		.n_at = offsetof(UserX86XsaveEntry, n_##field),                                    \
		.list_at = offsetof(UserX86XsaveEntry, field), .name = (name_)                     \
	}

static const struct component components[] = {
	COMPONENT(2, 256, ymmh_space, "AVX registers"),
	COMPONENT(3, 64, bndreg_state, "MPX bound registers"),
	COMPONENT(4, 64, bndcsr_state, "MPX configuration"),
	COMPONENT(5, 64, opmask_reg, "AVX-512 mask registers"),
	COMPONENT(6, 512, zmm_upper, "AVX-512 registers"),
	COMPONENT(7, 1024, hi16_zmm, "AVX-512 registers"),
	COMPONENT(XSTATE_PKRU, 8, pkru, "protection key rights"),
};
#define N_COMPONENTS (sizeof(components) / sizeof(components[0]))

/*
 * Where the processor keeps its components. Asked once: a hypervisor answers CPUID itself, and
 * takes its time, while the threads whose registers are looked at stand still.
 */
static struct place {
	size_t offset, size;
} places[XSTATE_COMPONENTS];
static pthread_once_t places_once = PTHREAD_ONCE_INIT;

static void find_places(void)
{
	unsigned int eax, ebx, ecx, edx;
	unsigned long long enabled;

	if (!__get_cpuid_count(CPUID_XSTATE, 0, &eax, &ebx, &ecx, &edx))
		return;
	enabled = (unsigned long long)edx << 32 | eax;
	for (unsigned int bit = 2; bit < XSTATE_COMPONENTS; bit++)
		if (enabled >> bit & 1 &&
		    __get_cpuid_count(CPUID_XSTATE, bit, &eax, &ebx, &ecx, &edx) && ebx >= XSTATE_MIN)
			places[bit] = (struct place){ebx, eax};
}

void regs_prepare(void)
{
	pthread_once(&places_once, find_places);
}

bool xstate_locate(unsigned int bit, size_t *ret_offset, size_t *ret_size)
{
	pthread_once(&places_once, find_places);
	if (bit >= XSTATE_COMPONENTS || !places[bit].size)
		return false;
	*ret_offset = places[bit].offset;
	*ret_size = places[bit].size;
	return true;
}

char *xstate_pkru(const struct regset *set)
{
	size_t offset, size;

	if (!xstate_locate(XSTATE_PKRU, &offset, &size) || offset + size > set->size)
		return NULL;
	return (char *)set->data + offset;
}

/* Bytes of the whole set for all that XCR0 enables. */
static size_t xstate_size(void)
{
	unsigned int eax, ebx = 0, ecx, edx;

	if (!__get_cpuid_count(CPUID_XSTATE, 0, &eax, &ebx, &ecx, &edx) || ebx < XSTATE_MIN)
		return XSTATE_MIN;
	return ebx;
}

static __u64 load64(const char *at)
{
	__u64 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static __u32 load32(const char *at)
{
	__u32 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static __u16 load16(const char *at)
{
	__u16 value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static const struct component *listed(unsigned int bit)
{
	for (size_t i = 0; i < N_COMPONENTS; i++) {
		if (components[i].bit == bit)
			return &components[i];
	}
	return NULL;
}

static int lists_to_message(UserX86XsaveEntry *xsave, const struct regset *set)
{
	const char *data = set->data;

	for (size_t i = 0; i < N_COMPONENTS; i++) {
		const struct component *c = &components[i];
		void **list = (void **)((char *)xsave + c->list_at);
		size_t offset, size;

		if (!xstate_locate(c->bit, &offset, &size) || size != c->size || offset + size > set->size)
			continue;
		*list = message_copy(data + offset, size);
		if (!*list)
			return -ENOMEM;
		*(size_t *)((char *)xsave + c->n_at) = size / c->elem;
	}
	return 0;
}

/* Components in use that CRIU does not keep (AMX, APX …): one entry each, the bit above the note.
 */
static int others_to_message(ThreadInfoX86 *info, const struct regset *set)
{
	const char *data = set->data;
	__u64 in_use = load64(data + XSTATE_BV) & ~(XFEATURE_FP_SSE | XFEATURE_CET);

	for (unsigned int bit = 2; bit < XSTATE_COMPONENTS; bit++) {
		size_t offset, size;
		int code;

		if (!(in_use >> bit & 1) || listed(bit) || !xstate_locate(bit, &offset, &size) ||
		    offset + size > set->size)
			continue;
		code = message_add_regset(&info->regsets, &info->n_regsets,
					  NT_X86_XSTATE | bit << 16, data + offset, size);
		if (code < 0)
			return code;
	}
	return 0;
}

int xstate_to_message(ThreadInfoX86 *info, const struct regs *regs, struct error *err)
{
	const struct regset *set = regs_find(regs, NT_X86_XSTATE);
	UserX86FpregsEntry *fp = NEW_MESSAGE(UserX86FpregsEntry, user_x86_fpregs_entry);
	const char *data;

	if (!fp)
		return fail(err, ENOMEM, "cannot describe the vector registers");
	info->fpregs = fp;
	if (!set || set->size < XSTATE_MIN)
		return fail(err, EOPNOTSUPP, "this processor has no XSAVE");
	data = set->data;
	fp->cwd = load16(data + FXSAVE_FCW);
	fp->swd = load16(data + FXSAVE_FSW);
	fp->twd = load16(data + FXSAVE_FTW);
	fp->fop = load16(data + FXSAVE_FOP);
	fp->rip = load64(data + FXSAVE_RIP);
	fp->rdp = load64(data + FXSAVE_RDP);
	fp->mxcsr = load32(data + FXSAVE_MXCSR);
	fp->mxcsr_mask = load32(data + FXSAVE_MXCSR_MASK);
	fp->st_space = message_copy(data + FXSAVE_ST, ST_WORDS * sizeof(__u32));
	fp->xmm_space = message_copy(data + FXSAVE_XMM, XMM_WORDS * sizeof(__u32));
	fp->xsave = NEW_MESSAGE(UserX86XsaveEntry, user_x86_xsave_entry);
	if (!fp->st_space || !fp->xmm_space || !fp->xsave)
		return fail(err, ENOMEM, "cannot describe the vector registers");
	fp->n_st_space = ST_WORDS;
	fp->n_xmm_space = XMM_WORDS;
	fp->xsave->xstate_bv = load64(data + XSTATE_BV);
	if (lists_to_message(fp->xsave, set) < 0 || others_to_message(info, set) < 0)
		return fail(err, ENOMEM, "cannot describe the vector registers");
	return 0;
}

static bool is_zero(const void *data, size_t n)
{
	const char *bytes = data;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/*
 * Puts @n bytes of component @bit into the set. Zeroes that this processor has no
 * place for are what it would have there, had it one; other values are not lost
 * in silence. Sets the component's bit in @in_use.
 */
static int put(struct regset *set, unsigned int bit, const void *from, size_t n, const char *name,
	       __u64 *in_use, struct error *err)
{
	size_t offset, size;

	if (!xstate_locate(bit, &offset, &size) || offset + size > set->size) {
		/* whoever has no keys, which is for user/kind/pkeys.c to see, needs no rights to them */
		if (is_zero(from, n) || bit == XSTATE_PKRU)
			return 0;
		return fail(err, EOPNOTSUPP, "cannot set %s that this processor has not got", name);
	}
	if (n != size)
		return fail(err, 0, "the image holds %zu bytes of %s instead of %zu", n, name,
			    size);
	memcpy((char *)set->data + offset, from, n);
	*in_use |= 1ULL << bit;
	return 0;
}

/* What has no list, or an empty one, is in its initial state: then its bit must not be set. */
static int lists_from_message(struct regset *set, const UserX86XsaveEntry *xsave, __u64 *in_use,
			      struct error *err)
{
	for (size_t i = 0; i < N_COMPONENTS; i++) {
		const struct component *c = &components[i];
		size_t n = *(const size_t *)((const char *)xsave + c->n_at) * c->elem;
		const void *list = *(void *const *)((const char *)xsave + c->list_at);
		int code;

		if (!n || !(xsave->xstate_bv >> c->bit & 1))
			continue;
		code = put(set, c->bit, list, n, c->name, in_use, err);
		if (code < 0)
			return code;
	}
	return 0;
}

static int others_from_message(struct regset *set, const ThreadInfoX86 *info, __u64 *in_use,
			       struct error *err)
{
	for (size_t i = 0; i < info->n_regsets; i++) {
		const RegsetEntry *entry = info->regsets[i];
		unsigned int bit = entry->note >> 16;
		int code;

		if ((entry->note & 0xffff) != NT_X86_XSTATE || bit < 2 || bit >= XSTATE_COMPONENTS ||
		    listed(bit))
			continue;
		code = put(set, bit, entry->data.data, entry->data.len, "extended registers",
			   in_use, err);
		if (code < 0)
			return code;
	}
	return 0;
}

static void fxsave_from_message(char *data, const UserX86FpregsEntry *fp)
{
	const __u16 words[4] = {(__u16)fp->cwd, (__u16)fp->swd, (__u16)fp->twd, (__u16)fp->fop};
	const __u64 pointers[2] = {fp->rip, fp->rdp};
	const __u32 mxcsr[2] = {fp->mxcsr, fp->mxcsr_mask};

	memcpy(data + FXSAVE_FCW, words, sizeof(words));
	memcpy(data + FXSAVE_RIP, pointers, sizeof(pointers));
	memcpy(data + FXSAVE_MXCSR, mxcsr, sizeof(mxcsr));
	memcpy(data + FXSAVE_ST, fp->st_space, ST_WORDS * sizeof(__u32));
	memcpy(data + FXSAVE_XMM, fp->xmm_space, XMM_WORDS * sizeof(__u32));
}

int xstate_from_message(struct regs *regs, const ThreadInfoX86 *info, struct error *err)
{
	const UserX86FpregsEntry *fp = info->fpregs;
	__u64 in_use = XFEATURE_FP_SSE;
	struct regset *set;
	int code = 0;

	if (!fp || fp->n_st_space != ST_WORDS || fp->n_xmm_space != XMM_WORDS)
		return fail(err, 0, "the image has no complete floating-point registers");
	if (!regs_add(regs, NT_X86_XSTATE, xstate_size()))
		return fail(err, ENOMEM, "cannot keep the vector registers");
	set = regs_find(regs, NT_X86_XSTATE);
	fxsave_from_message(set->data, fp);
	if (fp->xsave)
		code = lists_from_message(set, fp->xsave, &in_use, err);
	if (code == 0)
		code = others_from_message(set, info, &in_use, err);
	memcpy((char *)set->data + XSTATE_BV, &in_use, sizeof(in_use));
	return code;
}
