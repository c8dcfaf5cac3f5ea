// SPDX-License-Identifier: GPL-2.0-only
#include <asm/ldt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/user.h>

#include "arch/message.h"
#include "arch/regset.h"
#include "arch/x86/xstate.h"
#include "core.pb-c.h"
#include "lib/err.h"

#define TLS_FIRST 12 /* GDT slots that set_thread_area(2) may fill */
#define TLS_SLOTS 3

/* Image's name, kernel's name. */
#define GENERAL_REGISTERS(X)                                                                       \
	X(r15, r15)                                                                                \
	X(r14, r14) X(r13, r13) X(r12, r12) X(bp, rbp) X(bx, rbx) X(r11, r11) X(r10, r10)          \
		X(r9, r9) X(r8, r8) X(ax, rax) X(cx, rcx) X(dx, rdx) X(si, rsi) X(di, rdi)         \
			X(orig_ax, orig_rax) X(ip, rip) X(cs, cs) X(flags, eflags) X(sp, rsp)      \
				X(ss, ss) X(fs_base, fs_base) X(gs_base, gs_base) X(ds, ds)        \
					X(es, es) X(fs, fs) X(gs, gs)

int arch_core_machine(void)
{
	return CORE_ENTRY__MARCH__X86_64;
}

__u64 arch_core_clear_tid(const CoreEntry *core)
{
	return core->thread_info ? core->thread_info->clear_tid_addr : 0;
}

static int general_to_message(ThreadInfoX86 *info, const struct regs *regs)
{
	const struct user_regs_struct *from = regs->set[0].data;
	UserX86RegsEntry *to = NEW_MESSAGE(UserX86RegsEntry, user_x86_regs_entry);

	if (!to)
		return -ENOMEM;
	info->gpregs = to;
#define TO_MESSAGE(image, kernel) to->image = from->kernel;
	GENERAL_REGISTERS(TO_MESSAGE)
#undef TO_MESSAGE
	to->has_mode = true;
	to->mode = USER_X86_REGS_MODE__NATIVE;
	return 0;
}

static void tls_slot_to_message(UserDescT *to, const struct user_desc *from)
{
	to->entry_number = from->entry_number;
	to->base_addr = from->base_addr;
	to->limit = from->limit;
	to->seg_32bit = from->seg_32bit;
	to->contents_h = from->contents >> 1;
	to->contents_l = from->contents & 1;
	to->read_exec_only = from->read_exec_only;
	to->limit_in_pages = from->limit_in_pages;
	to->seg_not_present = from->seg_not_present;
	to->usable = from->useable;
}

/* Always three slots: CRIU writes the unused ones too. */
static int tls_to_message(ThreadInfoX86 *info, const struct regs *regs)
{
	const struct regset *set = regs_find(regs, NT_386_TLS);
	struct user_desc slots[TLS_SLOTS] = {};

	if (set && set->size == sizeof(slots))
		memcpy(slots, set->data, sizeof(slots));
	info->tls = calloc(TLS_SLOTS, sizeof(*info->tls));
	if (!info->tls)
		return -ENOMEM;
	for (unsigned int i = 0; i < TLS_SLOTS; i++) {
		UserDescT *slot = NEW_MESSAGE(UserDescT, user_desc_t);

		if (!slot)
			return -ENOMEM;
		info->tls[info->n_tls++] = slot;
		if (!set) {
			slots[i].entry_number = TLS_FIRST + i;
			slots[i].read_exec_only = 1;
			slots[i].seg_not_present = 1;
		}
		tls_slot_to_message(slot, &slots[i]);
	}
	return 0;
}

static int shstk_to_message(ThreadInfoX86 *info, const struct regs *regs)
{
	const struct regset *set = regs_find(regs, NT_X86_SHSTK);
	UserX86CetEntry *cet;

	if (!set || set->size != sizeof(__u64))
		return 0;
	cet = NEW_MESSAGE(UserX86CetEntry, user_x86_cet_entry);
	if (!cet)
		return -ENOMEM;
	info->fpregs->xsave->cet = cet;
	cet->cet = 1; /* MSR_IA32_U_CET: SH_STK_EN */
	memcpy(&cet->ssp, set->data, sizeof(cet->ssp));
	return 0;
}

int arch_core_from_regs(CoreEntry *core, const struct regs *regs, __u64 clear_tid_addr,
			struct error *err)
{
	ThreadInfoX86 *info = NEW_MESSAGE(ThreadInfoX86, thread_info_x86);
	int code;

	if (!info)
		return fail(err, ENOMEM, "cannot describe the registers");
	core->mtype = CORE_ENTRY__MARCH__X86_64;
	core->thread_info = info;
	info->clear_tid_addr = clear_tid_addr;
	if (general_to_message(info, regs) < 0 || tls_to_message(info, regs) < 0)
		return fail(err, ENOMEM, "cannot describe the registers");
	code = xstate_to_message(info, regs, err);
	if (code == 0 && shstk_to_message(info, regs) < 0)
		code = fail(err, ENOMEM, "cannot describe the registers");
	return code;
}

static int general_from_message(struct regs *regs, const UserX86RegsEntry *from, struct error *err)
{
	struct user_regs_struct *to;
	long result;

	if (from->has_mode && from->mode != USER_X86_REGS_MODE__NATIVE)
		return fail(err, EOPNOTSUPP, "cannot restore a 32-bit program");
	to = regs_add(regs, NT_PRSTATUS, sizeof(*to));
	if (!to)
		return fail(err, ENOMEM, "cannot keep the registers");
#define FROM_MESSAGE(image, kernel) to->kernel = from->image;
	GENERAL_REGISTERS(FROM_MESSAGE)
#undef FROM_MESSAGE
	/* The image has its calls rewound: a value that looks like a restart code is the program's
	 * own. */
	result = (long)to->rax;
	if (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK)
		to->orig_rax = (__u64)-1;
	return 0;
}

static void tls_slot_from_message(struct user_desc *to, const UserDescT *from)
{
	to->base_addr = from->base_addr;
	to->limit = from->limit;
	to->seg_32bit = from->seg_32bit;
	to->contents = (unsigned int)from->contents_h << 1 | from->contents_l;
	to->read_exec_only = from->read_exec_only;
	to->limit_in_pages = from->limit_in_pages;
	to->seg_not_present = from->seg_not_present;
	to->useable = from->usable;
}

static int tls_from_message(struct regs *regs, const ThreadInfoX86 *info, struct error *err)
{
	struct user_desc slots[TLS_SLOTS] = {}, *to;
	bool is_used = false;

	for (unsigned int i = 0; i < TLS_SLOTS; i++) {
		slots[i].entry_number = TLS_FIRST + i;
		slots[i].read_exec_only = 1;
		slots[i].seg_not_present = 1;
	}
	for (size_t i = 0; i < info->n_tls; i++) {
		const UserDescT *from = info->tls[i];
		unsigned int slot = from->entry_number - TLS_FIRST;

		if (slot >= TLS_SLOTS)
			return fail(err, 0, "TLS segment %u does not exist", from->entry_number);
		tls_slot_from_message(&slots[slot], from);
		is_used |= !(from->read_exec_only && from->seg_not_present);
	}
	if (!is_used)
		return 0;
	to = regs_add(regs, NT_386_TLS, sizeof(slots));
	if (!to)
		return fail(err, ENOMEM, "cannot keep the TLS segments");
	memcpy(to, slots, sizeof(slots));
	return 0;
}

/* The kernel gives nobody a shadow stack: regs_set will say so if there was one. */
static int shstk_from_message(struct regs *regs, const ThreadInfoX86 *info, struct error *err)
{
	const UserX86XsaveEntry *xsave = info->fpregs->xsave;
	__u64 *ssp;

	if (!xsave || !xsave->cet || !xsave->cet->ssp)
		return 0;
	ssp = regs_add(regs, NT_X86_SHSTK, sizeof(*ssp));
	if (!ssp)
		return fail(err, ENOMEM, "cannot keep the shadow stack pointer");
	*ssp = xsave->cet->ssp;
	return 0;
}

int arch_regs_from_core(struct regs *regs, const CoreEntry *core, struct error *err)
{
	const ThreadInfoX86 *info = core->thread_info;
	int code;

	memset(regs, 0, sizeof(*regs));
	if (core->mtype != CORE_ENTRY__MARCH__X86_64)
		return fail(err, EOPNOTSUPP, "the image is of another kind of processor");
	if (!info || !info->gpregs || !info->fpregs)
		return fail(err, 0, "the image has no registers");
	code = general_from_message(regs, info->gpregs, err);
	if (code == 0)
		code = xstate_from_message(regs, info, err);
	if (code == 0)
		code = tls_from_message(regs, info, err);
	if (code == 0)
		code = shstk_from_message(regs, info, err);
	if (code < 0)
		regs_deinit(regs);
	return code;
}
