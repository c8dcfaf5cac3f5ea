// SPDX-License-Identifier: GPL-2.0-only
#include <asm/ldt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "arch/regset.h"
#include "arch/x86/xstate.h"

#define PTRACE_GET_THREAD_AREA_ 25 /* asm/ptrace-abi.h, which collides with sys/ptrace.h */
#define PTRACE_SET_THREAD_AREA_ 26

#define TLS_FIRST 12 /* GDT slots that set_thread_area(2) may fill */
#define TLS_SLOTS 3

#define EFLAGS_TF    0x100
#define EFLAGS_DF    0x400
#define SYSCALL_SIZE 2 /* bytes of the syscall instruction */

const size_t arch_general_size = sizeof(struct user_regs_struct);
const size_t arch_n_general = 1;

/* The 64-bit view has no regset for these; only 32-bit code uses them, Wine's for one. */
static int tls_get(pid_t tid, struct regset *set)
{
	struct user_desc slot[TLS_SLOTS];
	bool is_used = false;

	for (int i = 0; i < TLS_SLOTS; i++) {
		/* A kernel without IA32 emulation does not know the request. */
		if (ptrace(PTRACE_GET_THREAD_AREA_, tid, (void *)(long)(TLS_FIRST + i), &slot[i]))
			return errno == EIO || errno == EINVAL ? 0 : -errno;
		is_used |= !(slot[i].read_exec_only && slot[i].seg_not_present);
	}
	if (!is_used)
		return 0;
	set->data = malloc(sizeof(slot));
	if (!set->data)
		return -ENOMEM;
	memcpy(set->data, slot, sizeof(slot));
	set->size = sizeof(slot);
	return 0;
}

static int tls_set(pid_t tid, const struct regs *regs, const struct regset *set)
{
	const char *slot = set->data;
	size_t n = set->size / sizeof(struct user_desc);

	for (size_t i = 0; i < n; i++) {
		if (ptrace(PTRACE_SET_THREAD_AREA_, tid, (void *)(long)(TLS_FIRST + i),
			   slot + i * sizeof(struct user_desc)))
			return -errno;
	}
	return 0;
}

static __u32 read_pkru(const struct regset *set)
{
	const char *at = xstate_pkru(set);
	__u32 pkru = 0;

	if (at)
		memcpy(&pkru, at, sizeof(pkru));
	return pkru;
}

/*
 * The kernel keeps the rights to protection keys by itself since 5.14: the word that says what is in
 * use may be older than they are, if the thread was stopped on its way out of pkey_alloc(2).
 */
static int xstate_get(pid_t tid, struct regset *set)
{
	int code = regset_get(tid, set);
	__u64 in_use;

	if (code < 0 || !set->size || !read_pkru(set))
		return code;
	memcpy(&in_use, (char *)set->data + XSTATE_IN_USE, sizeof(in_use));
	in_use |= 1ull << XSTATE_PKRU;
	memcpy((char *)set->data + XSTATE_IN_USE, &in_use, sizeof(in_use));
	return 0;
}

/* From 5.14 up to 6.1 the kernel took the set, but not these rights: stable releases have mended that. */
static int verify_pkru(pid_t tid, const struct regset *want)
{
	struct regset now = {.note = want->note};
	int code = regset_get(tid, &now);

	if (!code && read_pkru(&now) != read_pkru(want))
		code = -EOPNOTSUPP;
	free(now.data);
	return code;
}

/*
 * The kernel takes this set only in its own full size, which depends on what it
 * and the processor know. Offsets of components are the processor's, so a shorter
 * or longer image is the same one cut or filled up; nothing in use may be cut.
 */
static int xstate_set(pid_t tid, const struct regs *regs, const struct regset *set)
{
	struct regset now = {.note = set->note};
	const char *data = set->data;
	int code = regset_get(tid, &now);

	if (code < 0)
		return code;
	if (!now.size)
		return -EOPNOTSUPP;
	if (now.size < set->size) {
		for (size_t i = now.size; i < set->size; i++) {
			if (data[i]) {
				free(now.data);
				return -EOPNOTSUPP;
			}
		}
	}
	memset(now.data, 0, now.size);
	memcpy(now.data, data, now.size < set->size ? now.size : set->size);
	code = regset_set(tid, set->note, now.data, now.size);
	if (!code && xstate_pkru(&now))
		code = verify_pkru(tid, &now);
	free(now.data);
	return code;
}

/* Nobody can give a thread a shadow stack that it did not ask for itself. */
static int shstk_set(pid_t tid, const struct regs *regs, const struct regset *set)
{
	return -EOPNOTSUPP;
}

const struct regset_info arch_regsets[] = {
	{NT_PRSTATUS, "the general registers", NULL, NULL},
	{NT_X86_XSTATE, "the floating-point and vector registers", xstate_get, xstate_set},
	{NT_386_TLS, "the TLS segments", tls_get, tls_set},
	{NT_X86_SHSTK, "the shadow stack pointer", NULL, shstk_set},
};
const size_t arch_n_regsets = sizeof(arch_regsets) / sizeof(arch_regsets[0]);

static struct user_regs_struct *general(const struct regs *regs)
{
	return regs->set[0].data;
}

__u64 regs_pc(const struct regs *regs)
{
	return general(regs)->rip;
}

__u64 regs_sp(const struct regs *regs)
{
	return general(regs)->rsp;
}

void regs_set_pc(struct regs *regs, __u64 pc)
{
	general(regs)->rip = pc;
}

void regs_set_sp(struct regs *regs, __u64 sp)
{
	general(regs)->rsp = sp;
}

long regs_syscall_nr(const struct regs *regs)
{
	/* As the kernel reads it: an int. */
	int nr = (int)general(regs)->orig_rax;

	return nr < 0 ? -1 : nr;
}

__u64 regs_syscall_arg(const struct regs *regs, unsigned int n)
{
	const struct user_regs_struct *gp = general(regs);
	const __u64 args[6] = {gp->rdi, gp->rsi, gp->rdx, gp->r10, gp->r8, gp->r9};

	return n < 6 ? args[n] : 0;
}

void regs_set_syscall_arg(struct regs *regs, unsigned int n, __u64 value)
{
	struct user_regs_struct *gp = general(regs);
	unsigned long long *const args[6] = {&gp->rdi, &gp->rsi, &gp->rdx,
					     &gp->r10, &gp->r8, &gp->r9};

	if (n < 6)
		*args[n] = value;
}

long regs_syscall_result(const struct regs *regs)
{
	return (long)general(regs)->rax;
}

long regs_rewind_syscall(struct regs *regs)
{
	struct user_regs_struct *gp = general(regs);
	long result = (long)gp->rax;

	if (regs_syscall_nr(regs) < 0)
		return 0;
	switch (result) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
		gp->rax = gp->orig_rax;
		gp->rip -= SYSCALL_SIZE;
		return result;
	case -ERESTART_RESTARTBLOCK:
		gp->rax = (__u64)-EINTR;
		return result;
	}
	return 0;
}

__u64 regs_syscall_pc(const struct regs *regs)
{
	return general(regs)->rip - SYSCALL_SIZE;
}

void regs_end_syscall(struct regs *regs, long result)
{
	general(regs)->rax = (__u64)result;
}

void regs_rearm_syscall(struct regs *regs, long nr)
{
	struct user_regs_struct *gp = general(regs);

	gp->orig_rax = (__u64)nr;
	gp->rax = (__u64)-ERESTART_RESTARTBLOCK;
}

void regs_prepare_syscall(struct regs *regs, __u64 pc, long nr, const __u64 args[6])
{
	struct user_regs_struct *gp = general(regs);

	gp->rip = pc;
	gp->rax = (__u64)nr;
	gp->orig_rax = (__u64)-1;
	gp->rdi = args[0];
	gp->rsi = args[1];
	gp->rdx = args[2];
	gp->r10 = args[3];
	gp->r8 = args[4];
	gp->r9 = args[5];
	gp->eflags &= ~(__u64)(EFLAGS_TF | EFLAGS_DF);
}

void regs_prepare_engine(struct regs *regs, __u64 engine, __u64 list)
{
	struct user_regs_struct *gp = general(regs);

	gp->rip = engine + (__u64)(arch_engine_run - arch_engine);
	gp->rdi = list;
	/* No call is under way, so nothing is restarted. */
	gp->rax = 0;
	gp->orig_rax = (__u64)-1;
	gp->eflags &= ~(__u64)(EFLAGS_TF | EFLAGS_DF);
}
