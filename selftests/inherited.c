// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process has from the one that makes it, unless it is set: it is to be as it was, not as it
 * is with crbpf (bequeath.c gives crbpf an odd lot of it).
 */
#include "subject.h"

#include <grp.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define GET_IO_FLUSHER	 58
#define GET_MDWE	 66
#define GET_MEMORY_MERGE 68

struct estate {
	size_t n;
	struct {
		const char *name;
		long value;
	} item[128];
};

static void note(struct estate *e, const char *name, long value)
{
	e->item[e->n].name = name;
	e->item[e->n++].value = value;
}

/* The number in a file, -1 if there is none. */
static long number_in(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	close(fd);
	return n > 0 ? strtol(text, NULL, 0) : -1;
}

static void look_at_memory(struct estate *e)
{
	int mode = -1;

	note(e, "huge pages disabled", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
	note(e, "merging of pages", prctl(GET_MEMORY_MERGE, 0, 0, 0, 0));
	note(e, "MDWE", prctl(GET_MDWE, 0, 0, 0, 0));
	note(e, "dumpable", prctl(PR_GET_DUMPABLE));
	syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, 0UL);
	note(e, "NUMA policy", mode);
	note(e, "coredump filter", number_in("/proc/self/coredump_filter"));
	note(e, "OOM score", number_in("/proc/self/oom_score_adj"));
}

static void look_at_task(struct estate *e)
{
	mode_t mask = umask(0);

	umask(mask);
	note(e, "umask", mask);
	note(e, "nice", getpriority(PRIO_PROCESS, 0));
	note(e, "policy", sched_getscheduler(0));
	note(e, "IO priority", syscall(SYS_ioprio_get, 1, 0));
	note(e, "timer slack", prctl(PR_GET_TIMERSLACK));
	note(e, "IO flusher", prctl(GET_IO_FLUSHER, 0, 0, 0, 0));
	note(e, "failing memory", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
	note(e, "speculation", prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_STORE_BYPASS, 0, 0, 0));
	note(e, "personality", personality(0xffffffff));
	note(e, "securebits", prctl(PR_GET_SECUREBITS));
	note(e, "no new privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	note(e, "groups", getgroups(0, NULL));
}

static void look_at_process(struct estate *e)
{
	int subreaper = -1, signo = -1;

	prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
	prctl(PR_GET_PDEATHSIG, &signo);
	note(e, "subreaper", subreaper);
	note(e, "signal of the parent's death", signo);
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit limit;

		getrlimit(i, &limit);
		note(e, "a limit", (long)limit.rlim_cur);
	}
}

static void look_at_signals(struct estate *e)
{
	sigset_t blocked;

	sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int i = 1; i < NSIG; i++) {
		struct sigaction act = {};

		sigaction(i, NULL, &act);
		note(e, "a signal", sigismember(&blocked, i) | (act.sa_handler == SIG_IGN) << 1);
	}
}

static void look(struct estate *e)
{
	look_at_memory(e);
	look_at_task(e);
	look_at_process(e);
	look_at_signals(e);
}

int main(void)
{
	static struct estate was, is;

	look(&was);
	subject_ready();
	subject_wait_restored();

	look(&is);
	for (size_t i = 0; i < was.n; i++)
		subject_check(is.item[i].value == was.item[i].value, "%s (%zu): %lx, was %lx",
			      was.item[i].name, i, is.item[i].value, was.item[i].value);
	return subject_end();
}
