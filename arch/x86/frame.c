// SPDX-License-Identifier: GPL-2.0-only
#include "arch/frame.h"

#include <elf.h>
#include <linux/audit.h>
#include <signal.h>
#include <string.h>
#include <sys/user.h>
#include <ucontext.h>

#include "arch/regset.h"
#include "arch/x86/xstate.h"

#define XSTATE_MIN        576 /* FXSAVE area and header */
#define XSTATE_BV         512 /* offset of the header, whose first word says what is in use */
#define XSTATE_SW         464 /* offset of struct fpx_sw */
#define XSTATE_FIRST      2   /* component that is not part of the FXSAVE area */
#define FP_MAGIC1         0x46505853u
#define FP_MAGIC2         0x46505845u
/* arch/x86/include/uapi/asm/ucontext.h */
#define UC_FP_XSTATE     1
#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_SS     4
#define BAD_STACK_FLAGS  0x10000000 /* sigaltstack(2) refuses them, and rt_sigreturn says nothing  \
				     */

const __u32 arch_audit = AUDIT_ARCH_X86_64;

/* struct _fpx_sw_bytes of asm/sigcontext.h, which collides with <signal.h>. */
struct fpx_sw {
	__u32 magic1, extended_size;
	__u64 xfeatures;
	__u32 xstate_size, padding[7];
};

/* The kernel's struct rt_sigframe up to the mask; glibc's ucontext_t has a larger mask in the same
 * place. */
struct frame {
	__u64 trampoline;
	__u64 flags, link;
	stack_t stack;
	gregset_t gregs;
	__u64 fpstate;
	__u64 reserved[8];
	__u64 mask;
};

#define FRAME_ROOM ((sizeof(struct frame) + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN)

static const unsigned char call_return[] = {0x0f, 0x05, 0xc3};
/* mov $15, %rax; syscall, in both lengths */
static const unsigned char sigreturn_long[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
static const unsigned char sigreturn_short[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};

static __u64 find(const void *text, size_t size, __u64 at, const unsigned char *what, size_t n)
{
	const char *found = memmem(text, size, what, n);

	return found ? at + (__u64)(found - (const char *)text) : 0;
}

void arch_find_gadgets(const void *text, size_t size, __u64 at, struct gadgets *gadgets)
{
	if (!gadgets->call)
		gadgets->call = find(text, size, at, call_return, sizeof(call_return));
	if (!gadgets->sigreturn)
		gadgets->sigreturn = find(text, size, at, sigreturn_long, sizeof(sigreturn_long));
	if (!gadgets->sigreturn)
		gadgets->sigreturn = find(text, size, at, sigreturn_short, sizeof(sigreturn_short));
}

const char *arch_frame_obstacle(const struct regs *regs)
{
	if (arch_denies_plain_memory(regs))
		return "it has denied itself memory without a protection key";
	return regs_find(regs, NT_X86_SHSTK) ? "it has a shadow stack" : NULL;
}

/* Bytes up to the end of the last component in use. */
static size_t xstate_size(const struct regset *set)
{
	size_t size, offset, end = XSTATE_MIN;
	__u64 used;

	memcpy(&used, (char *)set->data + XSTATE_BV, sizeof(used));
	for (unsigned int bit = XSTATE_FIRST; bit < XSTATE_COMPONENTS; bit++) {
		if (!(used >> bit & 1) || !xstate_locate(bit, &offset, &size))
			continue;
		if (offset + size > end && offset + size <= set->size)
			end = offset + size;
	}
	return end;
}

static const struct regset *xstate_of(const struct regs *regs)
{
	const struct regset *set = regs_find(regs, NT_X86_XSTATE);

	return set && set->size >= XSTATE_MIN ? set : NULL;
}

size_t arch_frame_size(const struct regs *regs)
{
	const struct regset *set = xstate_of(regs);
	size_t size = FRAME_ROOM;

	if (set)
		size += xstate_size(set) + sizeof(__u32);
	return (size + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

/* What is not in use need not be there: rt_sigreturn gives such a component its first state. */
static void build_xstate(char *area, const struct regset *set)
{
	size_t size = xstate_size(set);
	struct fpx_sw sw = {.magic1 = FP_MAGIC1};
	__u32 magic2 = FP_MAGIC2;

	memcpy(area, set->data, size);
	memcpy(&sw.xfeatures, area + XSTATE_BV, sizeof(sw.xfeatures));
	sw.xfeatures |= 3;
	sw.xstate_size = (__u32)size;
	sw.extended_size = (__u32)(size + sizeof(magic2));
	memcpy(area + XSTATE_SW, &sw, sizeof(sw));
	memcpy(area + size, &magic2, sizeof(magic2));
}

void arch_frame_build(void *frame, __u64 at, const struct regs *regs, __u64 mask,
		      const struct gadgets *gadgets)
{
	const struct user_regs_struct *gp = regs->set[0].data;
	const struct regset *set = xstate_of(regs);
	struct frame *f = frame;

	memset(f, 0, FRAME_ROOM);
	f->trampoline = gadgets->sigreturn;
	f->flags = UC_SIGCONTEXT_SS | UC_STRICT_SS | (set ? UC_FP_XSTATE : 0);
	f->stack.ss_flags = BAD_STACK_FLAGS;
	f->gregs[REG_R8] = (greg_t)gp->r8;
	f->gregs[REG_R9] = (greg_t)gp->r9;
	f->gregs[REG_R10] = (greg_t)gp->r10;
	f->gregs[REG_R11] = (greg_t)gp->r11;
	f->gregs[REG_R12] = (greg_t)gp->r12;
	f->gregs[REG_R13] = (greg_t)gp->r13;
	f->gregs[REG_R14] = (greg_t)gp->r14;
	f->gregs[REG_R15] = (greg_t)gp->r15;
	f->gregs[REG_RDI] = (greg_t)gp->rdi;
	f->gregs[REG_RSI] = (greg_t)gp->rsi;
	f->gregs[REG_RBP] = (greg_t)gp->rbp;
	f->gregs[REG_RBX] = (greg_t)gp->rbx;
	f->gregs[REG_RDX] = (greg_t)gp->rdx;
	f->gregs[REG_RAX] = (greg_t)gp->rax;
	f->gregs[REG_RCX] = (greg_t)gp->rcx;
	f->gregs[REG_RSP] = (greg_t)gp->rsp;
	f->gregs[REG_RIP] = (greg_t)gp->rip;
	f->gregs[REG_EFL] = (greg_t)gp->eflags;
	f->gregs[REG_CSGSFS] = (greg_t)((gp->cs & 0xffff) | (gp->ss & 0xffff) << 48);
	f->mask = mask;
	if (!set)
		return;
	f->fpstate = at + FRAME_ROOM;
	build_xstate((char *)frame + FRAME_ROOM, set);
}

size_t arch_frame_first_arg(void)
{
	return offsetof(struct frame, gregs) + REG_RDI * sizeof(greg_t);
}

void regs_prepare_guest_call(struct regs *regs, const struct gadgets *gadgets, __u64 frame, long nr,
			     const __u64 args[6])
{
	regs_prepare_syscall(regs, gadgets->call, nr, args);
	regs_set_sp(regs, frame);
}
