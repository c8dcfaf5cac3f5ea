// SPDX-License-Identifier: GPL-2.0-only
/* Namespaces: a tree must live in those of this process, for none is made anew yet. */
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include "judge.h"
#include "kind.h"
#include "snapshot.h"

/* Inode number of a namespace of this process; 0: the kernel has no such kind. */
static uint32_t own_ns(const char *name)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return stat(path, &st) ? 0 : (uint32_t)st.st_ino;
}

struct space {
	const char *name, *file;
	uint32_t theirs, told; /* of the task; of one for which it was told already */
};

#define N_SPACES 8
static void list_spaces(const struct task_record *t, const struct task_record *told,
			struct space ret[N_SPACES])
{
	const struct space spaces[N_SPACES] = {
		{"network", "net", t->net_ns, told->net_ns},
		{"ipc", "ipc", t->ipc_ns, told->ipc_ns},
		{"uts", "uts", t->uts_ns, told->uts_ns},
		{"mount", "mnt", t->mnt_ns, told->mnt_ns},
		{"pid", "pid", t->pid_ns, told->pid_ns},
		{"user", "user", t->user_ns, told->user_ns},
		{"cgroup", "cgroup", t->cgroup_ns, told->cgroup_ns},
		{"time", "time", t->time_ns, told->time_ns},
	};

	for (size_t i = 0; i < N_SPACES; i++)
		ret[i] = spaces[i];
}

static bool has_others_for_children(const struct task_record *t)
{
	return t->pid_ns_children != t->pid_ns || t->time_ns_children != t->time_ns;
}

/*
 * The first task is compared with this process, the other processes with the first, and threads
 * with their leader: hundreds may live where it does.
 */
static void judge(struct judge *j, const struct task *t)
{
	const struct task *leader = t->process->tasks;
	const struct task *told = t == leader ? j->snap->processes[0]->tasks : leader;
	struct space spaces[N_SPACES];

	if (t->process->is_zombie)
		return;
	list_spaces(t->rec, told->rec, spaces);
	for (size_t i = 0; i < N_SPACES; i++) {
		const struct space *s = &spaces[i];
		bool is_own =
			t != told && s->theirs == s->told ? true : s->theirs == own_ns(s->file);

		if (is_own || !s->theirs)
			continue;
		judge_task(
			j, t, "namespace", NULL,
			"lives in another %s namespace, and nested namespaces are not carried yet",
			s->name);
	}
	/* What its children would be born into. */
	if (has_others_for_children(t->rec) &&
	    (t == leader || !has_others_for_children(leader->rec)))
		judge_task(j, t, "namespace", NULL,
			   "has another %s namespace for its children, and nested namespaces are "
			   "not carried yet",
			   t->rec->pid_ns_children != t->rec->pid_ns ? "pid" : "time");
}

static const struct task_ops task_ops = {.judge = judge};

const struct kind kind_nsproxy = {.name = "nsproxy", .task = &task_ops};
