/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_ARM64_PATTERN_H
#define CRBPF_ARCH_ARM64_PATTERN_H

/* Included by arch/pattern.h only. */

#include <asm/ptrace.h>

#include "arch/regset.h"

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
	data = calloc(1, header.size);
	if (!data)
		abort();
	memcpy(data, &header, sizeof(header));
	pattern_bytes(data + SVE_PT_SVE_ZREGS_OFFSET, SVE_PT_SVE_ZREGS_SIZE(vq), 0x70);
	pattern_bytes(data + SVE_PT_SVE_PREGS_OFFSET(vq), SVE_PT_SVE_PREGS_SIZE(vq), 0x71);
	memcpy(data + SVE_PT_SVE_FPSR_OFFSET(vq), &fpsimd->fpsr, sizeof(fpsimd->fpsr));
	memcpy(data + SVE_PT_SVE_FPCR_OFFSET(vq), &fpsimd->fpcr, sizeof(fpsimd->fpcr));
	for (unsigned int i = 0; i < 32; i++)
		memcpy(&fpsimd->vregs[2 * i], data + SVE_PT_SVE_ZREG_OFFSET(vq, i), 16);
	free(entry->data.data);
	entry->data.data = data;
	entry->data.len = header.size;
}

static void pattern_fill(CoreEntry *core)
{
	ThreadInfoAarch64 *info = core->ti_aarch64;
	PacKeys *pac = info->pac_keys;

	for (size_t i = 0; i < info->gpregs->n_regs; i++)
		pattern_bytes(&info->gpregs->regs[i], 8, 0x40 + (unsigned int)i);
	info->gpregs->pstate = 0x60000000 | (info->gpregs->pstate & 0xffffff);
	info->tls = 0x123456789000;
	pattern_bytes(info->fpsimd->vregs, info->fpsimd->n_vregs * 8, 0x80);
	info->fpsimd->fpcr = 1 << 24;
	info->fpsimd->fpsr = 1 << 27;
	for (size_t i = 0; i < info->n_regsets; i++) {
		if (info->regsets[i]->note == NT_ARM_SVE)
			pattern_fill_sve(info->regsets[i], info->fpsimd);
	}
	if (pac && pac->pac_address_keys)
		pattern_bytes(&pac->pac_address_keys->apiakey_lo, 64, 0xa0);
	if (pac && pac->pac_generic_keys)
		pattern_bytes(&pac->pac_generic_keys->apgakey_lo, 16, 0xb0);
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
