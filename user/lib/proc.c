// SPDX-License-Identifier: GPL-2.0-only
#include "lib/proc.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/cleanup.h"

#define PF_EXITING 0x4 /* proc_pid_stat(5), field 9; include/linux/sched.h */

int pids_add(struct pids *pids, pid_t pid)
{
	pid_t *slot = array_add(pids->pid, pids->n);

	if (!slot)
		return -ENOMEM;
	*slot = pid;
	return 0;
}

/* What /proc says of a task that has ended: ESRCH while its directory is still being taken away. */
static bool is_gone(int error)
{
	return error == ENOENT || error == ESRCH;
}

static int thread_children(pid_t pid, pid_t tid, struct pids *pids)
{
	_cleanup_fclose_ FILE *file = NULL;
	char path[64];
	int child, ret = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return is_gone(errno) ? 0 : -errno;
	while (!ret && fscanf(file, "%d", &child) == 1)
		ret = pids_add(pids, child);
	return ret;
}

/* The children of every thread. A process that is no more has none. */
static int proc_children(pid_t pid, struct pids *pids)
{
	struct dirent *entry;
	char path[32];
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return is_gone(errno) ? 0 : -errno;
	while (!ret && (entry = readdir(dir))) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0)
			ret = thread_children(pid, tid, pids);
	}
	closedir(dir);
	return ret;
}

int proc_own_maps(int (*each)(void *arg, uint64_t start, uint64_t end, const char *line), void *arg)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "re");
	_cleanup_free_ char *line = NULL;
	unsigned long long start, end;
	size_t room = 0;
	int ret = 0;

	if (!f)
		return -errno;
	while (!ret && getline(&line, &room, f) > 0)
		if (sscanf(line, "%llx-%llx", &start, &end) == 2)
			ret = each(arg, start, end, line);
	return ret;
}

int proc_tree(pid_t root, struct pids *pids)
{
	size_t next = pids->n;
	int ret = pids_add(pids, root);

	/* The list grows while it is walked. */
	for (; !ret && next < pids->n; next++)
		ret = proc_children(pids->pid[next], pids);
	return ret;
}

int proc_has_signal(pid_t tid)
{
	_cleanup_fclose_ FILE *f = NULL;
	unsigned long long pending = 0, blocked = 0, bits;
	char path[32], line[256];

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "SigPnd: %llx", &bits) == 1 ||
		    sscanf(line, "ShdPnd: %llx", &bits) == 1)
			pending |= bits;
		else
			sscanf(line, "SigBlk: %llx", &blocked);
	}
	return (pending & ~blocked) != 0;
}

static bool thread_has_ended(pid_t pid, pid_t tid)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	unsigned int flags;
	const char *after;
	size_t room = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	f = fopen(path, "re");
	if (!f)
		return is_gone(errno);
	/* a name may have lines and brackets of its own */
	if (getdelim(&line, &room, '\0', f) <= 0)
		return is_gone(errno);
	after = strrchr(line, ')');
	return after && sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
	       flags & PF_EXITING;
}

bool proc_has_ended(pid_t pid, pid_t tid)
{
	bool has_ended = true;
	struct dirent *entry;
	char path[32];
	DIR *dir;

	if (tid)
		return thread_has_ended(pid, tid);
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return is_gone(errno);
	while (has_ended && (entry = readdir(dir)))
		if (*entry->d_name != '.')
			has_ended = thread_has_ended(pid, atoi(entry->d_name));
	closedir(dir);
	return has_ended;
}

void pids_deinit(struct pids *pids)
{
	free(pids->pid);
	*pids = (struct pids){ 0 };
}
