// SPDX-License-Identifier: GPL-2.0-only
/* The freeze as a stage: what stands between enter and leave is the frozen time. */
#include "dump/dump.h"
#include "dump/freezer.h"
#include "dump/waits.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"

int dump_freeze(void *dump, struct error *err)
{
	struct dump *d = dump;
	const pid_t *pids;
	int ret;

	waits_note(d);
	d->stats.freeze_ns = clock_ns();
	ret = freezer_freeze(d->freezer, d->opt->timeout, err);
	d->stats.frozen_ns = clock_ns();
	if (!ret)
		log_info(d->log, "%zu processes stand still", freezer_pids(d->freezer, &pids));
	return ret;
}

void dump_go_on(struct dump *d, enum thaw_how how, struct error *err)
{
	if (d->stats.thaw_ns)
		return;
	freezer_thaw(d->freezer, how, err);
	d->stats.thaw_ns = clock_ns();
	log_info(d->log, "the tree was frozen for %.3f ms",
		 (double)(d->stats.thaw_ns - d->stats.freeze_ns) / 1e6);
}

void dump_thaw(void *dump, bool failed, struct error *err)
{
	struct dump *d = dump;

	dump_go_on(d,
		   failed || d->opt->leave_running ? THAW_RUN :
		   d->opt->leave_stopped	   ? THAW_STOP :
						     THAW_KILL,
		   err);
}
