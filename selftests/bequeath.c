// SPDX-License-Identifier: GPL-2.0-only
/*
 * Executes a program as a process that has an odd lot to pass on to its children.
 * Run by cases/restore.py with what it is to have besides (or -), and the command:
 *
 *	bequeath -|no_new_privs|mdwe|processor COMMAND [ARG]...
 */
#include "subject.h"

#include <grp.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SET_MDWE	 65
#define SET_MEMORY_MERGE 67
#define POLICY_BIND	 2
#define IO_IDLE		 (3 << 13)

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0)
		(void)!write(fd, text, strlen(text));
	close(fd);
}

static void change_memory(void)
{
	unsigned long nodes = 1;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	prctl(SET_MEMORY_MERGE, 1, 0, 0, 0);
	syscall(SYS_set_mempolicy, POLICY_BIND, &nodes, 64UL);
	prctl(PR_SET_DUMPABLE, 0);
	write_to("/proc/self/coredump_filter", "0x7f");
	write_to("/proc/self/oom_score_adj", "500");
}

static void change_task(void)
{
	const gid_t groups[] = {5, 6, 7};

	umask(0377);
	setpriority(PRIO_PROCESS, 0, 7);
	sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
	syscall(SYS_ioprio_set, 1, 0, IO_IDLE);
	prctl(PR_SET_TIMERSLACK, 123456);
	prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	personality(ADDR_NO_RANDOMIZE);
	prctl(PR_SET_SECUREBITS, 1 << 4); /* SECBIT_KEEP_CAPS */
	setgroups(sizeof(groups) / sizeof(groups[0]), groups);
}

static void change_process(void)
{
	static const int limits[] = {RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_STACK, RLIMIT_MSGQUEUE};
	sigset_t all;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit;

		getrlimit(limits[i], &limit);
		limit.rlim_cur = limits[i] == RLIMIT_NOFILE ? 300 : limit.rlim_cur / 2;
		setrlimit(limits[i], &limit);
	}
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_IGN);
	for (int i = 0; i < 9; i++)
		(void)!open("/dev/null", O_RDWR);
}

int main(int argc, char **argv)
{
	cpu_set_t first;

	if (argc < 3)
		return 2;
	change_memory();
	change_task();
	change_process();
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	if (!strcmp(argv[1], "no_new_privs"))
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!strcmp(argv[1], "mdwe"))
		prctl(SET_MDWE, 1, 0, 0, 0);
	if (!strcmp(argv[1], "processor"))
		sched_setaffinity(0, sizeof(first), &first);
	execvp(argv[2], argv + 2);
	return 127;
}
