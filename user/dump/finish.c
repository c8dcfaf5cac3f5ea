// SPDX-License-Identifier: GPL-2.0-only
/* The end of a dump: the inventory, which makes a checkpoint of the images, and the statistics. */
#include "dump/finish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "cpucap.h"
#include "dump/describe.h"
#include "dump/dump.h"
#include "inventory.pb-c.h"
#include "lib/bootid.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "stats.pb-c.h"
#include "tun.h"

#define IMAGE_VERSION 2

static int write_inventory(struct dump *d, struct error *err)
{
	InventoryEntry inventory = INVENTORY_ENTRY__INIT;
	TaskKobjIdsEntry ids = TASK_KOBJ_IDS_ENTRY__INIT;
	PluginsEntry plugins = PLUGINS_ENTRY__INIT;
	char boot[BOOT_ID_SIZE];

	describe_own_ids(&ids);
	(void)boot_id(boot);
	inventory.img_version = IMAGE_VERSION;
	inventory.has_fdinfo_per_id = inventory.fdinfo_per_id = true;
	inventory.has_ns_per_id = inventory.ns_per_id = true;
	inventory.root_ids = &ids;
	inventory.has_lsmtype = true;
	inventory.lsmtype = LSMTYPE__NO_LSM;
	inventory.plugins_entry = &plugins;
	inventory.crbpf_version = (char *)CRBPF_VERSION;
	inventory.has_page_size = true;
	inventory.page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	inventory.has_dump_monotonic_ns = inventory.has_dump_boottime_ns = true;
	inventory.dump_monotonic_ns = (uint64_t)dump_clock(d, CLOCK_MONOTONIC);
	inventory.dump_boottime_ns = (uint64_t)dump_clock(d, CLOCK_BOOTTIME);
	inventory.boot_id = boot;
	return image_write(d->dir, IMAGE_INVENTORY, 0, &inventory.base, err);
}

/* All images on the disk, and only then the one that says so; then the sums of all. */
static int complete(struct dump *d, struct error *err)
{
	int ret = image_dir_release(d->dir, err);

	if (!ret && d->opt->cpu_cap)
		ret = cpucap_write(d->dir, err);
	if (!ret)
		ret = image_dir_sync(d->dir, err);
	if (!ret)
		ret = write_inventory(d, err);
	if (!ret)
		ret = image_dir_seal(d->dir, err);
	return ret ?: image_dir_sync(d->dir, err);
}

int dump_finish(void *dump, struct error *err)
{
	struct dump *d = dump;
	int ret = 0;

	for (size_t i = 0; i < IMAGE_TYPES; i++) {
		int code = image_finish(d->images[i], err);

		d->images[i] = NULL;
		ret = ret ?: code;
	}
	/* A tree that runs on does not wait for the disk. */
	if (ret || d->opt->leave_running)
		return ret;
	return tun_keep(d, err) ?: complete(d, err);
}

static uint32_t micros(long long from, long long to)
{
	return to > from ? (uint32_t)((to - from) / 1000) : 0;
}

static int write_stats(struct dump *d, struct image_dir *dir, struct error *err)
{
	const struct dump_stats *s = &d->stats;
	DumpStatsEntry entry = DUMP_STATS_ENTRY__INIT;
	StatsEntry stats = STATS_ENTRY__INIT;

	entry.freezing_time = micros(s->freeze_ns, s->frozen_ns);
	entry.frozen_time = micros(s->freeze_ns, s->thaw_ns);
	entry.memdump_time = entry.memwrite_time = micros(s->memory_ns, s->write_ns);
	entry.pages_scanned = s->pages_scanned;
	entry.pages_written = s->pages_written;
	entry.has_shpages_scanned = entry.has_shpages_written = true;
	entry.has_shpages_skipped_parent = true;
	entry.shpages_scanned = s->shared_scanned;
	entry.shpages_written = s->shared_written;
	stats.dump = &entry;
	return image_write(dir, IMAGE_STATS_DUMP, 0, &stats.base, err);
}

/* Runtimes look for them in the work directory. That they cannot be had spoils no checkpoint. */
static void leave_stats(struct dump *d)
{
	struct image_dir *work = NULL;
	struct error err = { 0 };
	int ret = 0;

	if (d->opt->work_dir)
		ret = image_dir_open(&work, d->opt->work_dir, &err);
	if (!ret)
		ret = write_stats(d, work ?: d->dir, &err);
	if (ret)
		log_warn(d->log, "statistics: %s, ignoring", err.text ?: "no memory");
	image_dir_close(work);
	error_deinit(&err);
}

static void print_stats(const struct dump_stats *s)
{
	printf("freezing time: %u us\nfrozen time: %u us\nmemory time: %u us\n"
	       "pages scanned: %llu\npages written: %llu\npages of zeroes: %llu\n"
	       "shared pages written: %llu\n",
	       micros(s->freeze_ns, s->frozen_ns), micros(s->freeze_ns, s->thaw_ns),
	       micros(s->memory_ns, s->write_ns), (unsigned long long)s->pages_scanned,
	       (unsigned long long)s->pages_written, (unsigned long long)s->pages_zero,
	       (unsigned long long)s->shared_written);
	stage_times_print(&s->stages);
}

void dump_settle(struct dump *d, struct error *err)
{
	if (d->opt->leave_running && complete(d, err)) {
		image_dir_discard(d->dir);
		return;
	}
	leave_stats(d);
	if (d->opt->display_stats)
		print_stats(&d->stats);
	log_info(d->log, "the checkpoint is complete");
}
