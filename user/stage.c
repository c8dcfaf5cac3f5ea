// SPDX-License-Identifier: GPL-2.0-only
#include "stage.h"

#include <stdio.h>

#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"

static int stage_enter(const struct stage *stage, void *work, const struct stage_hook *hook,
		       struct log *log, struct error *err)
{
	long long start = clock_ns();
	int ret = hook && hook->before ? hook->before(hook->arg, stage, err) : 0;

	if (!ret)
		ret = stage->enter(work, err);
	start = clock_ns() - start;
	log_info(log, "%s: %s in %.3f ms", stage->name, ret ? "failed" : "done", (double)start / 1e6);
	if (hook && hook->times && hook->times->n < STAGES_MAX) {
		hook->times->list[hook->times->n].name = stage->name;
		hook->times->list[hook->times->n++].ns = start;
	}
	return ret;
}

void stage_times_print(const struct stage_times *times)
{
	for (size_t i = 0; i < times->n; i++)
		printf("stage %s: %lld us\n", times->list[i].name, times->list[i].ns / 1000);
}

int stages_run(const struct stage *stages, size_t n, void *work, const struct stage_hook *hook,
	       struct log *log, struct error *err)
{
	size_t entered = 0;
	int ret = 0;

	while (entered < n && !ret)
		ret = stage_enter(&stages[entered++], work, hook, log, err);
	while (entered--)
		if (stages[entered].leave)
			stages[entered].leave(work, ret < 0, err);
	return ret ?: err->code;
}
