// SPDX-License-Identifier: GPL-2.0-only
#include "dump/dump.h"

#include "lib/err.h"
#include "stage.h"

static const struct stage dump_stages[] = {
	{ "probe", dump_probe, dump_unprobe },	     /* all that can be made ready while the tree runs */
	{ "freeze", dump_freeze, dump_thaw },	     /* the tree stands still until thaw */
	{ "collect", dump_collect, NULL },	     /* BPF iterators: objects, and who shares them */
	{ "judge", dump_judge, NULL },		     /* can every object be carried? */
	{ "describe", dump_describe, dump_discard }, /* objects to images; removed again on failure */
	{ "snapshot", dump_snapshot, dump_unsnapshot }, /* a tree that stays runs on: its clones are read */
	{ "memory", dump_memory, NULL },	     /* pages to images */
	{ "finish", dump_finish, NULL },	     /* the inventory: now it is a checkpoint */
};

static int before_stage(void *dump, const struct stage *stage, struct error *err)
{
	const struct dump *d = dump;

	return interrupt_check(&d->interrupt, err);
}

int dump_run(const struct options *opt, struct log *log, struct error *err)
{
	struct dump d = { .opt = opt, .log = log, .err = err };
	const struct stage_hook hook = { .before = before_stage, .arg = &d, .times = &d.stats.stages };
	int ret;

	interrupt_block(&d.interrupt);
	ret = stages_run(dump_stages, sizeof(dump_stages) / sizeof(dump_stages[0]), &d, &hook, log,
			 err);
	interrupt_unblock(&d.interrupt);
	return ret;
}
