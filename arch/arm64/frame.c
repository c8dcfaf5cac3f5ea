// SPDX-License-Identifier: GPL-2.0-only
#include "arch/frame.h"

#include <elf.h>
#include <linux/audit.h>
#include <signal.h>
#include <string.h>
#include <sys/user.h>
#include <ucontext.h>

#include "arch/arm64/insn.h"
#include "arch/arm64/poe.h"
#include "arch/regset.h"

#define ARM64_RET           0xd65f03c0u
#define ARM64_MOV_X8_139    0xd2801168u /* mov x8, #__NR_rt_sigreturn */
#define INSN                sizeof(__u32)
#define LINK                30 /* the register that a return goes by */
#define FPSIMD_RECORD_MAGIC 0x46508001u
#define POE_RECORD_MAGIC    0x504f4530u
#define POE_FIRST           7 /* POR_EL0 of a new process: all to memory without a key */
#define BAD_STACK_FLAGS     0x10000000 /* sigaltstack(2) refuses them, and rt_sigreturn says nothing \
					*/
#define VECTOR_HEADER 16
#define SVE_FLAGS     12 /* offset in struct user_sve_header */
#define SVE_IN_USE    1  /* SVE_PT_REGS_SVE */

const __u32 arch_audit = AUDIT_ARCH_AARCH64;

/* struct fpsimd_context of asm/sigcontext.h, which collides with <signal.h>. */
struct fpsimd_record {
	__u32 magic, size, fpsr, fpcr;
	unsigned char vregs[512];
};

/* struct poe_context; all zeroes it is the record that ends the list. */
struct poe_record {
	__u32 magic, size;
	__u64 rights;
};

/* The kernel's struct rt_sigframe up to its records, and the one record that must be there. */
struct frame {
	siginfo_t info;
	__u64 flags, link;
	stack_t stack;
	__u64 mask, unused[15];
	__u64 reserved __attribute__((aligned(16))); /* fault address */
	__u64 regs[31], sp, pc, pstate;
	struct fpsimd_record record __attribute__((aligned(16)));
	struct poe_record poe;
	__u32 end_magic, end_size, padding[2];
};

void arch_find_gadgets(const void *text, size_t size, __u64 at, struct gadgets *gadgets)
{
	const char *bytes = text;
	__u32 word[2];

	for (size_t i = 0; i + sizeof(word) <= size; i += INSN) {
		memcpy(word, bytes + i, sizeof(word));
		if (!gadgets->call && word[0] == ARM64_SVC_0 && word[1] == ARM64_RET)
			gadgets->call = at + i;
		if (!gadgets->sigreturn && word[0] == ARM64_MOV_X8_139 && word[1] == ARM64_SVC_0)
			gadgets->sigreturn = at + i;
	}
}

const char *arch_frame_obstacle(const struct regs *regs)
{
	const struct regset *sve = regs_find(regs, NT_ARM_SVE);
	const struct regset *streaming = regs_find(regs, NT_ARM_SSVE);
	const struct regset *za = regs_find(regs, NT_ARM_ZA);
	const struct regset *gcs = regs_find(regs, NT_ARM_GCS);
	__u64 mode = 0;
	__u16 flags = 0;

	if (gcs && gcs->size >= sizeof(mode))
		memcpy(&mode, gcs->data, sizeof(mode));
	if (mode)
		return "it has a shadow stack";
	if (arch_denies_plain_memory(regs))
		return "it has denied itself memory without a protection key";
	if (sve && sve->size > VECTOR_HEADER)
		memcpy(&flags, (char *)sve->data + SVE_FLAGS, sizeof(flags));
	if (flags & SVE_IN_USE || (streaming && streaming->size > VECTOR_HEADER) ||
	    (za && za->size > VECTOR_HEADER))
		return "it has scalable vectors at work";
	return NULL;
}

size_t arch_frame_size(const struct regs *regs)
{
	return (sizeof(struct frame) + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

/*
 * The rights to protection keys, where there are any: without them kernels since 6.12 set some from
 * memory of their own, but for stable releases that mended it. General registers alone go with those of a
 * new process.
 */
static void add_rights(struct poe_record *record, const struct regs *regs)
{
	const struct regset *set = regs_find(regs, NT_ARM_POE);

	if (!has_poe())
		return;
	*record = (struct poe_record){POE_RECORD_MAGIC, sizeof(*record), POE_FIRST};
	if (set && set->size == sizeof(record->rights))
		memcpy(&record->rights, set->data, sizeof(record->rights));
}

void arch_frame_build(void *frame, __u64 at, const struct regs *regs, __u64 mask,
		      const struct gadgets *gadgets)
{
	const struct user_regs_struct *gp = regs->set[0].data;
	const struct regset *set = regs_find(regs, NT_PRFPREG);
	struct frame *f = frame;

	memset(f, 0, sizeof(*f));
	f->stack.ss_flags = BAD_STACK_FLAGS;
	f->mask = mask;
	memcpy(f->regs, gp->regs, sizeof(f->regs));
	f->sp = gp->sp;
	f->pc = gp->pc;
	f->pstate = gp->pstate;
	f->record.magic = FPSIMD_RECORD_MAGIC;
	f->record.size = sizeof(f->record);
	add_rights(&f->poe, regs);
	if (!set || set->size < sizeof(f->record.vregs) + 2 * sizeof(__u32))
		return;
	memcpy(f->record.vregs, set->data, sizeof(f->record.vregs));
	memcpy(&f->record.fpsr, (char *)set->data + sizeof(f->record.vregs), sizeof(__u32));
	memcpy(&f->record.fpcr, (char *)set->data + sizeof(f->record.vregs) + sizeof(__u32),
	       sizeof(__u32));
}

size_t arch_frame_first_arg(void)
{
	return offsetof(struct frame, regs);
}

void regs_prepare_guest_call(struct regs *regs, const struct gadgets *gadgets, __u64 frame, long nr,
			     const __u64 args[6])
{
	struct user_regs_struct *gp = regs->set[0].data;

	regs_prepare_syscall(regs, gadgets->call, nr, args);
	regs_set_sp(regs, frame);
	gp->regs[LINK] = gadgets->sigreturn;
}
