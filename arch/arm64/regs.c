// SPDX-License-Identifier: GPL-2.0-only
/*
 * What arm64 does differently: do_signal() rewinds an interrupted call BEFORE the
 * tracer sees the thread. In the stop of PTRACE_INTERRUPT the pc stands at the
 * svc, x0 holds the first argument again and the call counts as over
 * (NT_ARM_SYSTEM_CALL is -1); whether it was -ERESTART_RESTARTBLOCK, only the
 * kernel's stack remembers. It goes on with the restart block if the pc is still
 * at that svc when the stop ends. A call that ended with -EINTR has lost its first
 * argument: orig_x0 is in no regset.
 */
#include <asm/ptrace.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "arch/arm64/insn.h"
#include "arch/arm64/vector.h"
#include "arch/regset.h"

const size_t arch_general_size = sizeof(struct user_regs_struct);

/* The call in which, or at whose svc, the thread stands: see above. */
static int call_get(pid_t tid, struct regset *set)
{
	struct regset general = {.note = NT_PRSTATUS};
	int code = regset_get(tid, set), nr = -1;
	struct user_regs_struct gp;
	long word;

	if (code < 0 || set->size != sizeof(nr))
		return code;
	memcpy(&nr, set->data, sizeof(nr));
	if (nr >= 0)
		return 0;
	code = regset_get(tid, &general);
	if (code < 0)
		return code;
	memset(&gp, 0, sizeof(gp));
	if (general.size == sizeof(gp))
		memcpy(&gp, general.data, sizeof(gp));
	free(general.data);
	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, tid, (void *)gp.pc, NULL);
	if (errno == 0 && (__u32)word == ARM64_SVC_0)
		nr = (int)gp.regs[8];
	memcpy(set->data, &nr, sizeof(nr));
	return 0;
}

/* A thread whose registers are set is in no call: nothing is to be restarted in its place. */
static int call_set(pid_t tid, const struct regs *regs, const struct regset *set)
{
	const int none = -1;

	return regset_set(tid, set->note, &none, sizeof(none));
}

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
	{NT_PRFPREG, "the vector registers", NULL, NULL},
	{NT_ARM_TLS, "the thread pointer", NULL, NULL},
	{NT_ARM_SYSTEM_CALL, "the system call number", call_get, call_set},
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
	const struct regset *set = regs_find(regs, NT_ARM_SYSTEM_CALL);
	int nr = -1;

	if (set && set->size == sizeof(nr))
		memcpy(&nr, set->data, sizeof(nr));
	return nr < 0 ? -1 : nr;
}

__u64 regs_syscall_arg(const struct regs *regs, unsigned int n)
{
	return n < 6 ? general(regs)->regs[n] : 0;
}

long regs_syscall_result(const struct regs *regs)
{
	return (long)general(regs)->regs[0];
}

long regs_rewind_syscall(struct regs *regs)
{
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

	/* Rewound by the kernel already, as of every call that regs_syscall_nr tells of. */
	if (regs_syscall_nr(regs) >= 0)
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
