// SPDX-License-Identifier: GPL-2.0-only
/*
 * What clone(2) lets tasks share or not: CRIU's format knows threads that share all, and processes
 * that share descriptors.
 */
#include "judge.h"
#include "kind.h"
#include "snapshot.h"

/* A thread that has unshared what belongs to its process. */
static void judge_thread(struct judge *j, const struct task *t)
{
	const struct task_record *leader = t->process->tasks->rec;

	if (t->rec->fs != leader->fs)
		judge_task(j, t, "directories", NULL,
			   "has a working directory and umask of its own (CLONE_FS unshared), "
			   "which cannot be carried");
	if (t->rec->files != leader->files)
		judge_task(j, t, "descriptors", NULL,
			   "has a descriptor table of its own (CLONE_FILES unshared), which cannot "
			   "be carried");
}

static void judge_process_sharing(struct judge *j, const struct process *p)
{
	if (p->mm && p->mm->process != p)
		judge_process(
			j, p, "memory", NULL,
			"shares its memory with process %d (CLONE_VM), which cannot be carried",
			p->mm->process->pid);
	if (p->fs_first != p)
		judge_process(j, p, "directories", NULL,
			      "shares its working directory with process %d (CLONE_FS), which "
			      "cannot be carried",
			      p->fs_first->pid);
	if (p->sighand_first != p)
		judge_process(j, p, "signals", NULL,
			      "shares its signal handlers with process %d (CLONE_SIGHAND), which "
			      "cannot be carried",
			      p->sighand_first->pid);
	/* CRIU's rule, and its format's: descriptors may be the parent's. */
	if (p->files && p->files->process != p && (!p->parent || p->parent->files != p->files))
		judge_process(j, p, "descriptors", NULL,
			      "shares its descriptors with process %d, which is not its parent",
			      p->files->process->pid);
}

static void judge(struct judge *j, const struct task *t)
{
	if (t->process->is_zombie)
		return;
	if (t == t->process->tasks)
		judge_process_sharing(j, t->process);
	else
		judge_thread(j, t);
}

static const struct task_ops task_ops = {.judge = judge};

const struct kind kind_sharing = {.name = "sharing", .task = &task_ops};
