// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every process has from the one that makes it. Most of it each task is given anew; the rest
 * is shed here, or, where it cannot be, nothing is restored: it would come back confined.
 */
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "lib/err.h"
#include "restore/check.h"
#include "restore/restore.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

/* Whoever wants it otherwise is given it by its image. What a kernel does not know nobody has. */
static void shed(void)
{
	unsigned long everywhere[1024 / sizeof(long)];

	(void)prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
	(void)prctl(PR_SET_IO_FLUSHER, 0, 0, 0, 0);
	(void)prctl(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0);
	/* no image names the processors of a task that may run on all */
	memset(everywhere, 0xff, sizeof(everywhere));
	(void)syscall(SYS_sched_setaffinity, 0, sizeof(everywhere), everywhere);
}

static bool may_gain_privileges(const struct new_process *p)
{
	for (size_t i = 0; i < p->n_tasks && !p->is_zombie && !p->is_helper; i++) {
		const ThreadCoreEntry *thread = p->tasks[i].core->thread_core;

		if (!thread->creds || !thread->creds->no_new_privs)
			return true;
	}
	return false;
}

int restore_check_estate(struct restore *r, struct error *err)
{
	const bool may_gain_none = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;

	shed();
	if (prctl(PR_GET_SECCOMP) > 0) {
		fail(err, 0, "crbpf runs under seccomp itself, and so would all that it restores");
		return fail_hint(err, "restore outside of the sandbox (systemd's SystemCallFilter=)");
	}
	for (size_t i = 0; i < r->n_processes && may_gain_none; i++) {
		const struct new_process *p = r->processes[i];

		if (!may_gain_privileges(p))
			continue;
		fail(err, 0,
		     "process %d: crbpf itself may gain no new privileges, and so could not this one",
		     p->pid);
		return fail_hint(err, "restore without no_new_privs (systemd's NoNewPrivileges=)");
	}
	return 0;
}
