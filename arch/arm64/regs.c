// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "arch/arm64/call.h"
#include "arch/arm64/vector.h"
#include "arch/regset.h"

const size_t arch_general_size = sizeof(struct user_regs_struct);
const size_t arch_n_general = 2;

/* Settings that a kernel or processor may refuse even to repeat. */
static int set_if_changed(pid_t tid, const struct regs *regs, const struct regset *set)
{
	struct regset now = {.note = set->note};
	int code = regset_get(tid, &now);
	bool is_same;

	if (code < 0)
		return code;
	is_same = now.size == set->size && memcmp(now.data, set->data, set->size) == 0;
	free(now.data);
	return is_same ? 0 : regset_set(tid, set->note, set->data, set->size);
}

const struct regset_info arch_regsets[] = {
	{NT_PRSTATUS, "the general registers", NULL, NULL},
	{NT_ARM_SYSTEM_CALL, "the system call number", call_get, call_set},
	{NT_PRFPREG, "the vector registers", NULL, NULL},
	{NT_ARM_TLS, "the thread pointer", NULL, NULL},
	{NT_ARM_SVE, "the SVE registers", vector_get, vector_set},
	{NT_ARM_SSVE, "the streaming SVE registers", vector_get, vector_set_done},
	{NT_ARM_ZA, "the ZA array", vector_get, NULL},
	{NT_ARM_ZT, "the ZT register", NULL, vector_set_zt},
	{NT_ARM_PACA_KEYS, "the pointer authentication keys", NULL, NULL},
	{NT_ARM_PACG_KEYS, "the generic authentication key", NULL, NULL},
	{NT_ARM_PAC_ENABLED_KEYS, "the enabled authentication keys", NULL, set_if_changed},
	{NT_ARM_TAGGED_ADDR_CTRL, "the tagged address setting", NULL, set_if_changed},
	{NT_ARM_FPMR, "the floating-point mode", NULL, set_if_changed},
	{NT_ARM_POE, "the permission overlay", NULL, set_if_changed},
	{NT_ARM_GCS, "the guarded control stack", NULL, set_if_changed},
};
const size_t arch_n_regsets = sizeof(arch_regsets) / sizeof(arch_regsets[0]);

void regs_prepare(void)
{
}

static struct user_regs_struct *general(const struct regs *regs)
{
	return regs->set[0].data;
}

__u64 regs_pc(const struct regs *regs)
{
	return general(regs)->pc;
}

__u64 regs_sp(const struct regs *regs)
{
	return general(regs)->sp;
}

void regs_set_pc(struct regs *regs, __u64 pc)
{
	general(regs)->pc = pc;
}

void regs_set_sp(struct regs *regs, __u64 sp)
{
	general(regs)->sp = sp;
}

long regs_syscall_nr(const struct regs *regs)
{
	const struct call *call = call_of(regs);

	return call && call->nr >= 0 ? call->nr : -1;
}

__u64 regs_syscall_arg(const struct regs *regs, unsigned int n)
{
	return n < 6 ? general(regs)->regs[n] : 0;
}

void regs_set_syscall_arg(struct regs *regs, unsigned int n, __u64 value)
{
	if (n < 6)
		general(regs)->regs[n] = value;
}

long regs_syscall_result(const struct regs *regs)
{
	return (long)general(regs)->regs[0];
}

long regs_rewind_syscall(struct regs *regs)
{
	const struct call *call = call_of(regs);

	if (call && call->is_interrupted)
		return 0;
	switch (regs_syscall_nr(regs)) {
	case SYS_restart_syscall:
	case SYS_nanosleep:
	case SYS_clock_nanosleep:
	case SYS_futex:
		return -ERESTART_RESTARTBLOCK;
	}
	return 0;
}

__u64 regs_syscall_pc(const struct regs *regs)
{
	return general(regs)->pc;
}

void regs_end_syscall(struct regs *regs, long result)
{
	struct user_regs_struct *gp = general(regs);

	/* Rewound by the kernel, as every call that is yet to end. */
	gp->pc += sizeof(__u32);
	gp->regs[0] = (__u64)result;
}

void regs_rearm_syscall(struct regs *regs, long nr)
{
	/* The pc stands at the svc: that is all the kernel asks for. */
}

void regs_prepare_syscall(struct regs *regs, __u64 pc, long nr, const __u64 args[6])
{
	struct user_regs_struct *gp = general(regs);

	gp->pc = pc;
	gp->regs[8] = (__u64)nr;
	for (unsigned int i = 0; i < 6; i++)
		gp->regs[i] = args[i];
}

void regs_prepare_engine(struct regs *regs, __u64 engine, __u64 list)
{
	struct user_regs_struct *gp = general(regs);

	gp->pc = engine + (__u64)(arch_engine_run - arch_engine);
	gp->regs[0] = list;
}
