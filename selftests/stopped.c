// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stopped process stays stopped and is continued by SIGCONT; its threads too.
 */
#include "subject.h"

#include <pthread.h>

struct counts {
	volatile unsigned long leader, thread;
};

static void *count(void *arg)
{
	volatile unsigned long *n = arg;

	for (;;) {
		++*n;
		subject_sleep(1);
	}
	return NULL;
}

static char state(pid_t pid)
{
	char path[64], text[512] = "", *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f) {
		(void)!fgets(text, sizeof(text), f);
		fclose(f);
	}
	p = strrchr(text, ')');
	return p ? p[2] : 0;
}

int main(void)
{
	struct counts *counts = subject_shared(4096), before;
	pthread_t thread;
	pid_t pid = subject_fork();

	if (pid == 0) {
		pthread_create(&thread, NULL, count, (void *)&counts->thread);
		count((void *)&counts->leader);
	}
	subject_need(subject_await(counts->leader && counts->thread), "it does not count");
	kill(pid, SIGSTOP);
	subject_need(subject_await(state(pid) == 'T'), "it does not stop");
	subject_need(waitid(P_PID, pid, NULL, WSTOPPED) == 0, "waitid: %m");
	before = *counts;
	subject_ready();
	subject_wait_restored();

	/* Let go, it stops again: that takes a moment. */
	subject_check(subject_await(state(pid) == 'T'), "its state is %c", state(pid));
	subject_sleep(50);
	subject_check(counts->leader == before.leader && counts->thread == before.thread,
		      "it ran while it was stopped");
	kill(pid, SIGCONT);
	subject_check(subject_await(counts->leader > before.leader && counts->thread > before.thread),
		      "it does not continue");
	kill(pid, SIGKILL);
	subject_check(subject_reap(pid) == SIGKILL, "it did not end");
	return subject_end();
}
