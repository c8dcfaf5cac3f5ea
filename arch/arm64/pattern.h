/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_ARM64_PATTERN_H
#define CRBPF_ARCH_ARM64_PATTERN_H

/* Included by arch/pattern.h only. */

#include <asm/ptrace.h>

#include "arch/message.h"
#include "arch/regset.h"

/* In the general set: the word of flags, of which the kernel sets some by itself (SSBS). */
#define PATTERN_FLAGS offsetof(struct user_pt_regs, pstate)

static RegsetEntry *pattern_find(ThreadInfoAarch64 *info, unsigned int note)
{
	for (size_t i = 0; i < info->n_regsets; i++) {
		if (info->regsets[i]->note == note)
			return info->regsets[i];
	}
	return NULL;
}

/* Makes an entry @size bytes long. */
static uint8_t *pattern_resize(RegsetEntry *entry, size_t size)
{
	uint8_t *data = calloc(1, size);

	if (!data)
		abort();
	memcpy(data, entry->data.data, size < entry->data.len ? size : entry->data.len);
	free(entry->data.data);
	entry->data.data = data;
	entry->data.len = size;
	return data;
}

/*
 * Full vectors of the length that the thread has, behind struct user_sve_header.
 * Their low halves are the vector registers, whichever way those are written.
 */
static void pattern_fill_sve(RegsetEntry *entry, UserAarch64FpsimdContextEntry *fpsimd)
{
	struct user_sve_header header;
	unsigned int vq;
	uint8_t *data;

	memcpy(&header, entry->data.data, sizeof(header));
	vq = header.vl / __SVE_VQ_BYTES;
	header.flags |= SVE_PT_REGS_SVE;
	header.size = (__u32)SVE_PT_SIZE(vq, SVE_PT_REGS_SVE);
	data = pattern_resize(entry, header.size);
	memset(data, 0, header.size);
	memcpy(data, &header, sizeof(header));
	pattern_bytes(data + SVE_PT_SVE_ZREGS_OFFSET, SVE_PT_SVE_ZREGS_SIZE(vq), 0x70);
	pattern_bytes(data + SVE_PT_SVE_PREGS_OFFSET(vq), SVE_PT_SVE_PREGS_SIZE(vq), 0x71);
	memcpy(data + SVE_PT_SVE_FPSR_OFFSET(vq), &fpsimd->fpsr, sizeof(fpsimd->fpsr));
	memcpy(data + SVE_PT_SVE_FPCR_OFFSET(vq), &fpsimd->fpcr, sizeof(fpsimd->fpcr));
	for (unsigned int i = 0; i < 32; i++)
		memcpy(&fpsimd->vregs[2 * i], data + SVE_PT_SVE_ZREG_OFFSET(vq, i), 16);
}

/* A square of the streaming vector length, in an entry of its own: an idle ZA has none. */
static void pattern_add_za(ThreadInfoAarch64 *info, const RegsetEntry *ssve)
{
	struct user_za_header header;
	RegsetEntry *za;
	uint8_t *data;

	/* The two headers are the same. */
	memcpy(&header, ssve->data.data, sizeof(header));
	header.flags = 0;
	header.size = (__u32)(sizeof(header) + (size_t)header.vl * header.vl);
	header.max_size = header.size; /* so Linux 7.2 says, whatever max_vl is */
	if (message_add_regset(&info->regsets, &info->n_regsets, NT_ARM_ZA, &header,
			       sizeof(header)) < 0)
		abort();
	za = info->regsets[info->n_regsets - 1];
	data = pattern_resize(za, header.size);
	pattern_bytes(data + sizeof(header), header.size - sizeof(header), 0x33);
}

/* Streaming mode with ZA on. What the ordinary mode's set says then is a header alone. */
static bool pattern_fill_streaming(ThreadInfoAarch64 *info)
{
	RegsetEntry *sve = pattern_find(info, NT_ARM_SVE), *ssve = pattern_find(info, NT_ARM_SSVE);

	if (!sve || !ssve)
		return false;
	pattern_fill_sve(ssve, info->fpsimd);
	pattern_add_za(info, ssve);
	memcpy(pattern_resize(sve, sizeof(struct user_sve_header)),
	       &(__u32){sizeof(struct user_sve_header)}, sizeof(__u32));
	return true;
}

static bool pattern_fill(CoreEntry *core, unsigned int variant)
{
	ThreadInfoAarch64 *info = core->ti_aarch64;
	RegsetEntry *sve = pattern_find(info, NT_ARM_SVE);
	PacKeys *pac = info->pac_keys;

	for (size_t i = 0; i < info->gpregs->n_regs; i++)
		pattern_bytes(&info->gpregs->regs[i], 8, 0x40 + (unsigned int)i);
	info->gpregs->pstate = 0x60000000 | (info->gpregs->pstate & 0xffffff);
	info->tls = 0x123456789000;
	pattern_bytes(info->fpsimd->vregs, info->fpsimd->n_vregs * 8, 0x80);
	info->fpsimd->fpcr = 1 << 24;
	info->fpsimd->fpsr = 1 << 27;
	if (pac && pac->pac_address_keys)
		pattern_bytes(&pac->pac_address_keys->apiakey_lo, 64, 0xa0);
	if (pac && pac->pac_generic_keys)
		pattern_bytes(&pac->pac_generic_keys->apgakey_lo, 16, 0xb0);
	if (variant == 1)
		return pattern_fill_streaming(info);
	if (sve)
		pattern_fill_sve(sve, info->fpsimd);
	return variant == 0;
}

static const char *pattern_break(CoreEntry *core, unsigned int n)
{
	ThreadInfoAarch64 *info = core->ti_aarch64;

	switch (n) {
	case 0:
		core->mtype = CORE_ENTRY__MARCH__X86_64;
		return "another processor";
	case 1:
		info->gpregs->n_regs = 30;
		return "too few general registers";
	case 2:
		info->fpsimd->n_vregs = 63;
		return "too few vector registers";
	case 3:
		thread_info_aarch64__free_unpacked(info, NULL);
		core->ti_aarch64 = NULL;
		return "no registers";
	}
	return NULL;
}

static void pattern_make_old(CoreEntry *core)
{
	ThreadInfoAarch64 *info = core->ti_aarch64;

	pac_keys__free_unpacked(info->pac_keys, NULL);
	info->pac_keys = NULL;
	for (size_t i = 0; i < info->n_regsets; i++)
		regset_entry__free_unpacked(info->regsets[i], NULL);
	free(info->regsets);
	info->regsets = NULL;
	info->n_regsets = 0;
}

#endif
