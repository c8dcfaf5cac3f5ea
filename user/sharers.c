// SPDX-License-Identifier: GPL-2.0-only
#include "sharers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "snapshot.h"

static const int kcmp_types[] = {
	[SHARED_MEMORY] = KCMP_VM,
	[SHARED_FILES] = KCMP_FILES,
	[SHARED_FS] = KCMP_FS,
	[SHARED_HANDLERS] = KCMP_SIGHAND,
};

struct search {
	pid_t own;
	enum shared_thing what;
	pid_t found;		/* or -EPERM: one could not be compared */
};

/* Calls @each for the numbers that are the names in a directory, until it returns true. */
static void each_number(const char *path, bool (*each)(struct search *s, pid_t number),
			struct search *s)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) && each(s, atoi(entry->d_name)))
			break;
	if (dir)
		closedir(dir);
}

static bool compare(struct search *s, pid_t tid)
{
	long ret = syscall(SYS_kcmp, s->own, tid, kcmp_types[s->what], 0, 0);

	if (!ret)
		s->found = tid;
	else if (ret < 0 && errno != ESRCH)
		s->found = -EPERM;
	return !ret;
}

/* A search of a snapshot's: the processes that are not in it. */
struct outside {
	struct search search;	/* first: each_number knows no other */
	const struct snapshot *snap;
};

static bool compare_threads(struct search *s, pid_t pid)
{
	const struct outside *outside = (const struct outside *)s;
	char path[64];

	if (snapshot_process(outside->snap, pid))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	each_number(path, compare, s);
	return s->found > 0;
}

pid_t sharer_outside(const struct snapshot *snap, const struct process *p, enum shared_thing what)
{
	struct outside outside = {.search = {.own = p->pid, .what = what}, .snap = snap};

	each_number("/proc", compare_threads, &outside.search);
	return outside.search.found;
}
