// SPDX-License-Identifier: GPL-2.0-only
#include "restore/restore.h"

#include "lib/err.h"
#include "stage.h"

static const struct stage restore_stages[] = {
	{ "load", restore_load, NULL },		/* images to messages */
	{ "validate", restore_validate, NULL }, /* nothing in them is trusted */
	{ "plan", restore_plan, NULL },		/* who is made by whom, in which order */
	{ "open", restore_open, NULL },		/* open file descriptions and shared memory */
	{ "tree", restore_tree, restore_kill }, /* processes, each with its memory */
	{ "objects", restore_objects, NULL },	/* descriptors to their owners */
	{ "tasks", restore_tasks, NULL },	/* threads, credentials, all that a task has */
	{ "resume", restore_resume, NULL },	/* registers: the point of no return */
};

int restore_run(const struct options *opt, struct log *log, struct error *err)
{
	struct restore r = { .opt = opt, .log = log, .err = err };

	return stages_run(restore_stages, sizeof(restore_stages) / sizeof(restore_stages[0]), &r,
			  NULL, log, err);
}
