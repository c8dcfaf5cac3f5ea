/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_ARCH_X86_PATTERN_H
#define CRBPF_ARCH_X86_PATTERN_H

/* Included by arch/pattern.h only. */

#include <sys/user.h>

/* In the general set: the word of flags. */
#define PATTERN_FLAGS offsetof(struct user_regs_struct, eflags)

static void pattern_fill_xsave(UserX86XsaveEntry *xsave)
{
	struct {
		unsigned int bit;
		void *list;
		size_t size;
	} lists[] = {
		{2, xsave->ymmh_space, xsave->n_ymmh_space * 4},
		{5, xsave->opmask_reg, xsave->n_opmask_reg * 8},
		{6, xsave->zmm_upper, xsave->n_zmm_upper * 8},
		{7, xsave->hi16_zmm, xsave->n_hi16_zmm * 8},
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (!lists[i].size)
			continue;
		pattern_bytes(lists[i].list, lists[i].size, lists[i].bit);
		xsave->xstate_bv |= 1ULL << lists[i].bit;
	}
	/* Key 0 is the program's own memory. */
	if (xsave->n_pkru) {
		xsave->pkru[0] = 0x55555550;
		xsave->xstate_bv |= 1ULL << 9;
	}
	xsave->xstate_bv |= 3;
}

static bool pattern_fill(CoreEntry *core, unsigned int variant)
{
	UserX86RegsEntry *gp = core->thread_info->gpregs;
	UserX86FpregsEntry *fp = core->thread_info->fpregs;
	uint64_t *const general[] = {&gp->r15, &gp->r14, &gp->r13, &gp->r12, &gp->bp,
				     &gp->bx,  &gp->r11, &gp->r10, &gp->r9,  &gp->r8,
				     &gp->ax,  &gp->cx,  &gp->dx,  &gp->si,  &gp->di};

	if (variant)
		return false;
	for (size_t i = 0; i < sizeof(general) / sizeof(general[0]); i++)
		pattern_bytes(general[i], sizeof(*general[i]), 0x40 + (unsigned int)i);
	gp->orig_ax = (uint64_t)-1;
	gp->gs_base = 0x123456789000;
	pattern_bytes(fp->xmm_space, fp->n_xmm_space * 4, 0x80);
	/* Each x87 register is 10 bytes of 16. */
	for (size_t i = 0; i < 8; i++)
		pattern_bytes(fp->st_space + 4 * i, 10, 0x90 + (unsigned int)i);
	fp->cwd = 0x27f;
	fp->twd = 0xff;
	fp->mxcsr = 0x7f80;
	pattern_fill_xsave(fp->xsave);
	return true;
}

static const char *pattern_break(CoreEntry *core, unsigned int n)
{
	ThreadInfoX86 *info = core->thread_info;

	switch (n) {
	case 0:
		core->mtype = CORE_ENTRY__MARCH__AARCH64;
		return "another processor";
	case 1:
		info->fpregs->n_st_space = 31;
		return "too few x87 registers";
	case 2:
		info->fpregs->n_xmm_space = 0;
		return "no xmm registers";
	case 3:
		info->fpregs->xsave->xstate_bv |= 4;
		info->fpregs->xsave->n_ymmh_space = 63;
		return "too few ymm registers";
	case 4:
		info->tls[2]->entry_number = 15;
		return "a TLS slot that is none";
	case 5:
		info->gpregs->has_mode = 1;
		info->gpregs->mode = USER_X86_REGS_MODE__COMPAT;
		return "a 32-bit program";
	case 6:
		thread_info_x86__free_unpacked(info, NULL);
		core->thread_info = NULL;
		return "no registers";
	}
	return NULL;
}

static void pattern_make_old(CoreEntry *core)
{
	ThreadInfoX86 *info = core->thread_info;

	user_x86_xsave_entry__free_unpacked(info->fpregs->xsave, NULL);
	info->fpregs->xsave = NULL;
	info->gpregs->has_mode = 0;
	for (size_t i = 0; i < info->n_tls; i++)
		user_desc_t__free_unpacked(info->tls[i], NULL);
	free(info->tls);
	info->tls = NULL;
	info->n_tls = 0;
}

#endif
