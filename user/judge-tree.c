// SPDX-License-Identifier: GPL-2.0-only
#include "judge-tree.h"

#include <stdio.h>
#include <sys/stat.h>

#include "judge.h"
#include "snapshot.h"

/* Threads that gave up what a thread group usually shares (unshare(2)). */
static void judge_threads(struct judge *j, const struct process *p)
{
	const struct task_record *leader = p->tasks[0].rec;

	if (leader->exit_state && p->n_tasks > 1)
		judge_process(j, p, "process", NULL, "its main thread has ended, others live on");
	for (size_t i = 1; i < p->n_tasks; i++) {
		const struct task *t = &p->tasks[i];

		if (t->rec->files != leader->files)
			judge_task(j, t, "thread", NULL, "has descriptors of its own");
		if (t->rec->fs != leader->fs)
			judge_task(j, t, "thread", NULL, "has a working directory of its own");
	}
}

/*
 * Processes made by clone(2) with less than fork(2) copies. CRIU's format has no
 * room for them. Ids count up in the order of the list: one that was met before
 * belongs to an earlier process.
 */
static void judge_sharing(struct judge *j, const struct process *p, struct judge_tree *tree)
{
	struct process *const *other = j->snap->processes;

	if (p->mm && p->mm->process != p)
		judge_process(j, p, "memory", NULL, "shares its memory with process %d (CLONE_VM)",
			      p->mm->process->pid);
	if (p->fs_id > tree->last_fs_id) {
		tree->last_fs_id = p->fs_id;
		return;
	}
	while (*other != p && (*other)->fs_id != p->fs_id)
		other++;
	if (p->fs_id && *other != p)
		judge_process(j, p, "fs", NULL,
			      "shares its working directory with process %d (CLONE_FS)",
			      (*other)->pid);
}

static void judge_memory(struct judge *j, const struct process *p)
{
	const struct process_record *rec = p->rec;

	if (rec->aio_table)
		judge_process(j, p, "aio", "let the program call io_destroy first",
			      "has asynchronous I/O contexts (io_setup)");
}

static const char *const namespace_names[] = { "pid", "net", "ipc",  "uts",
					       "mnt", "user", "time", "cgroup" };

void judge_tree_init(struct judge_tree *tree)
{
	*tree = (struct judge_tree){ 0 };
	for (size_t i = 0; i < JUDGE_NAMESPACES; i++) {
		char path[64];
		struct stat st;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_names[i]);
		if (!stat(path, &st))
			tree->namespaces[i] = (uint32_t)st.st_ino;
	}
}

static void judge_namespaces(struct judge *j, const struct task *t, const struct judge_tree *tree)
{
	const struct task_record *rec = t->rec;
	const uint32_t theirs[] = { rec->pid_ns, rec->net_ns,  rec->ipc_ns,  rec->uts_ns,
				    rec->mnt_ns, rec->user_ns, rec->time_ns, rec->cgroup_ns };

	for (size_t i = 0; i < JUDGE_NAMESPACES; i++)
		if (theirs[i] && tree->namespaces[i] && theirs[i] != tree->namespaces[i])
			judge_task(j, t, "namespace", "run crbpf in the same namespaces",
				   "is in another %s namespace than crbpf, which cannot be carried yet",
				   namespace_names[i]);
}

void judge_tree(struct judge *j, const struct process *p, struct judge_tree *tree)
{
	judge_threads(j, p);
	if (p->is_zombie)
		return;
	judge_sharing(j, p, tree);
	judge_memory(j, p);
	for (size_t i = 0; i < p->n_tasks; i++)
		judge_namespaces(j, &p->tasks[i], tree);
}
