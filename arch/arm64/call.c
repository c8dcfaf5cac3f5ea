// SPDX-License-Identifier: GPL-2.0-only
#include "arch/arm64/call.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "arch/arm64/insn.h"
#include "arch/regset.h"
#include "lib/cleanup.h"
#include "lib/proc.h"

struct call *call_of(const struct regs *regs)
{
	const struct regset *set = regs_find(regs, NT_ARM_SYSTEM_CALL);

	return set && set->size == sizeof(struct call) ? set->data : NULL;
}

/* The first argument with which the thread, right behind an svc, made call @nr. Returns 0: failed. */
static enum first_argument read_first(pid_t tid, int nr, __u64 *ret_first)
{
	const int none = -1;
	unsigned long long first = 0;
	char path[32];
	long shown = -1;
	int n = 0;

	if (regset_set(tid, NT_ARM_SYSTEM_CALL, &nr, sizeof(nr)) == 0) {
		_cleanup_fclose_ FILE *f = NULL;

		snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
		f = fopen(path, "re");
		n = f ? fscanf(f, "%ld %llx", &shown, &first) : 0;
	}
	*ret_first = first;
	if (regset_set(tid, NT_ARM_SYSTEM_CALL, &none, sizeof(none)) || n != 2 || shown != nr)
		return 0;
	/* Linux 7 shows the result there: no call's first argument is that number. */
	return (long)first == -EINTR ? FIRST_HIDDEN : FIRST_KNOWN;
}

static bool is_svc(pid_t tid, __u64 pc)
{
	long word;

	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, tid, (void *)pc, NULL);
	return errno == 0 && (__u32)word == ARM64_SVC_0;
}

/* The kernel has forgotten the call: its svc tells. */
static void find_call(pid_t tid, const struct user_regs_struct *gp, struct call *ret)
{
	int nr = (int)gp->regs[8];

	if (is_svc(tid, gp->pc)) {
		ret->nr = nr;
		/* a signal that may run a handler ends the call rightly */
	} else if ((long)gp->regs[0] == -EINTR && nr >= 0 && is_svc(tid, gp->pc - sizeof(__u32)) &&
		   !proc_has_signal(tid)) {
		ret->is_interrupted = read_first(tid, nr, &ret->first);
		if (ret->is_interrupted)
			ret->nr = nr;
	}
}

int call_get(pid_t tid, struct regset *set)
{
	struct regset general = {.note = NT_PRSTATUS};
	struct user_regs_struct gp;
	struct call call = {.nr = -1};
	int code = regset_get(tid, set);

	if (code < 0 || set->size < sizeof(call.nr))
		return code;
	memcpy(&call.nr, set->data, sizeof(call.nr));
	if (call.nr < 0) {
		code = regset_get(tid, &general);
		if (code < 0)
			return code;
		if (general.size == sizeof(gp)) {
			memcpy(&gp, general.data, sizeof(gp));
			find_call(tid, &gp, &call);
		}
		free(general.data);
	}
	/* regset_get allocates more than this. */
	memcpy(set->data, &call, sizeof(call));
	set->size = sizeof(call);
	return 0;
}

int call_set(pid_t tid, const struct regs *regs, const struct regset *set)
{
	const int none = -1;

	return regset_set(tid, set->note, &none, sizeof(none));
}
