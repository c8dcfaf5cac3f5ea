// SPDX-License-Identifier: GPL-2.0-only
/*
 * What clone(2) lets tasks share or not: CRIU's format knows threads that share all, and processes
 * that share descriptors.
 */
#include <stdint.h>

#include "judge.h"
#include "kind.h"
#include "sharers.h"
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

/* Seen by a scan only: a dump waits until the child has left the common memory, or gives up. */
static bool is_vfork(const struct process *a, const struct process *b)
{
	return (a->tasks->rec->users.is_vforked && a->parent == b) ||
	       (b->tasks->rec->users.is_vforked && b->parent == a);
}

static void judge_memory(struct judge *j, const struct process *p, const struct process *first)
{
	if (is_vfork(p, first)) {
		j->is_unsure = true;
		judge_process(j, p, "memory", "again later: mostly it soon executes a program",
			      "shares its memory with process %d until vfork() ends", first->pid);
	} else {
		judge_process(
			j, p, "memory", NULL,
			"shares its memory with process %d (CLONE_VM), which cannot be carried",
			first->pid);
	}
}

static void judge_process_sharing(struct judge *j, const struct process *p)
{
	if (p->mm && p->mm->process != p)
		judge_memory(j, p, p->mm->process);
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

static uint64_t identity(const struct task *t, enum shared_thing what)
{
	return what == SHARED_MEMORY  ? t->rec->mm
	       : what == SHARED_FILES ? t->rec->files
	       : what == SHARED_FS    ? t->rec->fs
				      : t->rec->sighand;
}

/* Has anybody outside what @users tasks have in common with the first thread of @p? */
static void judge_outside(struct judge *j, const struct process *p, enum shared_thing what,
			  uint64_t users)
{
	static const char *const things[] = {"memory", "descriptors", "directories", "signals"};
	static const char *const names[] = {"memory (CLONE_VM)", "descriptors (CLONE_FILES)",
					    "working directory (CLONE_FS)",
					    "signal handlers (CLONE_SIGHAND)"};
	uint64_t own = identity(p->tasks, what);
	size_t inside = 0;
	pid_t other;

	if (!own || users <= p->n_tasks)
		return;
	for (size_t i = 0; i < j->snap->n_tasks; i++)
		inside += identity(&j->snap->tasks[i], what) == own;
	if (users <= inside)
		return;
	other = sharer_outside(j->snap, p, what);
	/* tasks that came or went between being listed and being counted, perhaps */
	j->is_unsure |= other != 0;
	if (other > 0)
		judge_process(j, p, things[what], NULL,
			      "shares its %s with task %d outside the tree, which cannot be carried",
			      names[what], other);
	else if (other < 0)
		judge_process(j, p, things[what], "run crbpf as root",
			      "perhaps shares its %s with somebody outside the tree: the kernel does "
			      "not say",
			      names[what]);
}

/* The first that has it speaks for those of the tree that have it too. */
static void judge_outsiders(struct judge *j, const struct process *p)
{
	const struct record_users *users = &p->tasks->rec->users;

	if (p->mm && p->mm->process == p)
		judge_outside(j, p, SHARED_MEMORY, p->rec->mm_users);
	if (p->files && p->files->process == p)
		judge_outside(j, p, SHARED_FILES, users->files);
	if (p->fs_first == p)
		judge_outside(j, p, SHARED_FS, users->fs);
	if (p->sighand_first == p)
		judge_outside(j, p, SHARED_HANDLERS, users->sighand);
}

static void judge(struct judge *j, const struct task *t)
{
	if (t->process->is_zombie)
		return;
	if (t != t->process->tasks) {
		judge_thread(j, t);
		return;
	}
	judge_process_sharing(j, t->process);
	judge_outsiders(j, t->process);
}

static const struct task_ops task_ops = {.judge = judge};

const struct kind kind_sharing = {.name = "sharing", .task = &task_ops};
