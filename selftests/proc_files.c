// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of /proc and /sys: by path as others; those of a process of the tree belong to that
 * process again, though it is made later than they are opened.
 */
#include "subject.h"

int main(void)
{
	int status, dir, child_stat, mounts, sys;
	char buf[512] = "", name[64];
	pid_t child = subject_fork();

	if (child == 0)
		for (;;)
			pause();
	status = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	snprintf(name, sizeof(name), "/proc/%d", child);
	dir = open(name, O_RDONLY | O_DIRECTORY);
	child_stat = openat(dir, "stat", O_RDONLY);
	mounts = open("/proc/mounts", O_RDONLY);
	sys = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
	subject_need(status >= 0 && dir >= 0 && child_stat >= 0 && mounts >= 0, "/proc: %m");
	subject_ready();
	subject_wait_restored();

	subject_check(pread(status, buf, sizeof(buf) - 1, 0) > 0 && strstr(buf, "proc_files"),
		      "status: '%.40s'", buf);
	memset(buf, 0, sizeof(buf));
	subject_check(read(child_stat, buf, sizeof(buf) - 1) > 0 && atoi(buf) == child, "stat: '%.20s'", buf);
	subject_check(openat(dir, "fd", O_RDONLY) >= 0, "directory: %m");
	subject_check(read(mounts, buf, sizeof(buf) - 1) > 0, "mounts: %m");
	subject_check(sys < 0 || read(sys, buf, 8) == 8, "sys: %m");
	kill(child, SIGKILL);
	subject_check(subject_reap(child) == SIGKILL, "no child");
	return subject_end();
}
