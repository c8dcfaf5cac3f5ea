// SPDX-License-Identifier: GPL-2.0-only
/* The first stage: all that can be made ready while the tree runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect/collector.h"
#include "dump/cow.h"
#include "dump/dump.h"
#include "dump/finish.h"
#include "dump/freezer.h"
#include "dump/pages.h"
#include "dump/waits.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"

static int open_directory(struct dump *d, struct error *err)
{
	const char *path = d->opt->images_dir;
	int ret = image_dir_open(&d->dir, path, err);

	if (ret)
		return ret;
	if (faccessat(image_dir_fd(d->dir), ".", W_OK | X_OK, AT_EACCESS)) {
		fail(err, errno, "cannot write to directory %s", path);
		return fail_hint(err, "-D DIR names another one");
	}
	if (image_dir_is_complete(d->dir) && !d->opt->yes_overwrite) {
		fail(err, EEXIST, "directory %s holds a checkpoint already", path);
		return fail_hint(err, "name an empty directory, or --overwrite");
	}
	return 0;
}

int dump_probe(void *dump, struct error *err)
{
	struct dump *d = dump;
	unsigned int flags = COLLECT_ALL | (d->opt->no_cache ? COLLECT_NO_CACHE : 0);
	int ret;

	d->stats.start_ns = clock_ns();
	regs_prepare();
	ret = open_directory(d, err);
	if (!ret)
		ret = freezer_create(&d->freezer, d->opt->pid, d->log, err);
	if (!ret)
		ret = collector_open(&d->collector, flags, d->log, err);
	if (!ret)
		ret = page_pump_create(&d->pump, err);
	if (!ret)
		ret = snapshot_init(&d->snap, err);
	if (!ret)
		ret = cow_prepare(d, err);
	if (!ret && d->opt->status_fd >= 0 && write(d->opt->status_fd, "", 1) != 1)
		log_warn(d->log, "cannot write to the status descriptor: %s; ignoring", strerror(errno));
	return ret;
}

void dump_unprobe(void *dump, bool failed, struct error *err)
{
	struct dump *d = dump;

	/* The tree runs on, or is gone: what takes time and was put off for it. */
	if (!failed)
		dump_settle(d, err);
	for (size_t i = 0; i < IMAGE_TYPES; i++)
		image_finish(d->images[i], err);
	for (size_t i = 0; i < d->n_shared; i++)
		close(d->shared[i].fd);
	free(d->shared);
	cow_deinit(d);
	judge_deinit(&d->judge);
	snapshot_deinit(&d->snap);
	waits_deinit(d);
	page_pump_destroy(d->pump);
	collector_close(d->collector);
	freezer_destroy(d->freezer);
	arena_deinit(&d->arena);
	image_dir_close(d->dir);
}
