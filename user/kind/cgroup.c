// SPDX-License-Identifier: GPL-2.0-only
/* Control groups: a restored tree is in those of whoever restores it. */
#include <stdio.h>
#include <string.h>

#include "judge.h"
#include "kind.h"
#include "snapshot.h"
#include "surroundings.h"

/* The rest of the first line of @theirs that @ours has not: "/system.slice" or "memory:/x". */
static const char *first_difference(const char *theirs, const char *ours, size_t *ret_length)
{
	for (; *theirs; theirs += *ret_length, theirs += *theirs == '\n') {
		const char *same, *group;

		*ret_length = strcspn(theirs, "\n");
		for (same = ours; *same; same += strcspn(same, "\n"), same += *same == '\n')
			if (strcspn(same, "\n") == *ret_length && !strncmp(same, theirs, *ret_length))
				break;
		group = memchr(theirs, ':', *ret_length);
		if (*same || !group)
			continue;
		*ret_length -= (size_t)(++group - theirs);
		if (*group == ':') { /* version 2 has no controllers here */
			group++;
			--*ret_length;
		}
		return group;
	}
	return NULL;
}

/* Processes that are where their parent is say nothing new. */
static bool is_new(const struct process *p)
{
	return !p->parent || p->parent->is_zombie ||
	       p->parent->tasks->rec->css_set != p->tasks->rec->css_set;
}

static void judge(struct judge *j, const struct task *t)
{
	const struct process *p = t->process;
	char text[CGROUPS_ROOM], path[64];
	const char *group;
	size_t length;

	if (t != p->tasks || p->is_zombie || !is_new(p) ||
	    surroundings_has_own_groups(j->around, t->rec->css_set))
		return;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", p->pid);
	read_text(path, text, sizeof(text));
	group = first_difference(text, surroundings_groups(j->around), &length);
	if (!group) {
		surroundings_note_groups(j->around, t->rec->css_set);
		return;
	}
	judge_task(j, t, "control group", "restore from within that group",
		   "is in %.*s, and will be in the control group of crbpf", (int)length, group);
	judge_soften(j);
}

static const struct task_ops task_ops = {.judge = judge};

const struct kind kind_cgroup = {.name = "cgroup", .task = &task_ops};
