// SPDX-License-Identifier: GPL-2.0-only
#include "learn.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/arch.h"
#include "collect/collector.h"
#include "lib/cleanup.h"
#include "lib/err.h"

/* Steps of the child. One that this kernel lacks changes nothing, which is what is to be seen. */
enum { STEP_TSC, STEP_CPUID, STEPS };

static void do_step(int step)
{
	__u64 args[2];
	long nr;

	switch (step) {
	case STEP_TSC:
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
		break;
	case STEP_CPUID:
		if (arch_cpuid_faults_call(&nr, args))
			syscall(nr, args[0], args[1]);
		break;
	}
}

/* One byte comes for each step, and one goes back when it is done. */
static void child(int sock)
{
	char byte;

	for (int step = 0; read(sock, &byte, 1) == 1; step++) {
		do_step(step);
		if (write(sock, &byte, 1) != 1)
			break;
	}
	_exit(0);
}

static int take_marks(void *arg, const struct record_head *rec)
{
	if (rec->type == RECORD_TASK)
		*(struct record_marks *)arg = ((const struct task_record *)rec)->marks;
	return 0;
}

static bool look(struct collector *c, pid_t pid, struct record_marks *marks)
{
	struct error err = {};
	int r = collector_run(c, &pid, 1, take_marks, marks, &err);

	error_deinit(&err);
	return !r;
}

/* What step number @i of the steps changed. */
static void note(struct learned *l, int i, const struct record_marks *before,
		 const struct record_marks *after)
{
	uint64_t flags = after->thread_flags & ~before->thread_flags & arch_rare_thread_flags();

	if (i == STEP_TSC)
		l->tsc_flags = flags;
	else
		l->cpuid_flags = flags;
}

static bool watch(struct learned *l, struct collector *c, pid_t pid, int sock)
{
	struct record_marks before, after;
	char byte = 0;

	if (!look(c, pid, &before))
		return false;
	for (int i = 0; i < STEPS; i++) {
		if (write(sock, &byte, 1) != 1 || read(sock, &byte, 1) != 1 ||
		    !look(c, pid, &after))
			return false;
		note(l, i, &before, &after);
		before = after;
	}
	return true;
}

void learn(struct learned *learned)
{
	struct error err = {};
	struct collector *c = NULL;
	int socks[2];
	pid_t pid;

	if (learned->is_done)
		return;
	learned->is_done = learned->has_failed = true;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return;
	pid = fork();
	if (!pid) {
		close(socks[0]);
		child(socks[1]);
	}
	close(socks[1]);
	if (pid > 0 &&
	    !collector_open(&c, COLLECT_TASKS | COLLECT_RUNNING | COLLECT_NO_PARTS, NULL, &err))
		learned->has_failed = !watch(learned, c, pid, socks[0]);
	collector_close(c);
	error_deinit(&err);
	close(socks[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}
