// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stopped processes. They stop early, while their parents still have the default for
 * SIGCHLD and so can drop the one they get, as if they had waited for the stop long
 * ago; the engine runs in a stopped process as in any other, because ptrace resumes it.
 * When a task of it is let go the kernel stops it again, and tells nobody.
 */
#include "restore/stop.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core.pb-c.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "lib/err.h"
#include "restore/exit.h"
#include "restore/restore.h"

/* Lets SIGSTOP take effect: no instruction is executed on the way. */
static int stop_task(pid_t tid, struct error *err)
{
	int status, sig = 0;

	if (kill(tid, SIGSTOP))
		return fail(err, errno, "cannot stop it");
	do {
		if (ptrace(PTRACE_CONT, tid, NULL, (void *)(long)sig))
			return fail(err, errno, "cannot stop it");
		while (waitpid(tid, &status, __WALL) < 0)
			if (errno != EINTR)
				return fail(err, errno, "cannot wait for its stop");
		if (!WIFSTOPPED(status))
			return fail(err, 0, "it ended with status %x instead of stopping", status);
		sig = status >> 16 ? 0 : WSTOPSIG(status);
	} while (status >> 16 != PTRACE_EVENT_STOP || WSTOPSIG(status) != SIGSTOP);
	return 0;
}

static int forget_stop(struct new_process *parent, pid_t pid, struct error *err)
{
	struct batch *batch = injected_batch(parent->tasks[0].injected);

	batch_try(batch, "waiting for a stopped child", SYS_waitid, P_PID, (__u64)pid, 0,
		  WSTOPPED | WNOHANG, 0);
	return drop_sigchld(parent, err);
}

int stop_processes(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_processes; i++) {
		struct new_process *p = r->processes[i];

		if (p->is_dead || p->tasks[0].core->tc->task_state != STATE_STOPPED)
			continue;
		if (stop_task(p->pid, err))
			return fail_in(err, "process %d", p->pid);
		if (p->parent && forget_stop(p->parent, p->pid, err))
			return err->code;
	}
	return 0;
}
