// SPDX-License-Identifier: GPL-2.0-only
/* What a restore leaves behind, besides the tree. */
#include "restore/finish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "restore/restore.h"
#include "stats.pb-c.h"

int finish_files(struct restore *r, struct error *err)
{
	_cleanup_close_ int fd = -1;
	char text[16];
	int n;

	if (!r->opt->pidfile)
		return 0;
	fd = openat(r->opt->work_dirfd >= 0 ? r->opt->work_dirfd : AT_FDCWD, r->opt->pidfile,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail(err, errno, "cannot create the pid file %s", r->opt->pidfile);
	n = snprintf(text, sizeof(text), "%d", r->processes[0]->pid);
	if (write(fd, text, (size_t)n) != n)
		return fail(err, errno, "cannot write the pid file %s", r->opt->pidfile);
	return 0;
}

static uint32_t microseconds(long long ns)
{
	return ns > 0 ? (uint32_t)(ns / 1000) : 0;
}

static void write_stats(struct restore *r)
{
	RestoreStatsEntry restore = RESTORE_STATS_ENTRY__INIT;
	StatsEntry stats = STATS_ENTRY__INIT;
	struct error err = {0};
	struct image_dir *dir = NULL;

	restore.pages_compared = r->stats.pages_compared;
	restore.pages_skipped_cow = r->stats.pages_shared;
	restore.forking_time = microseconds(r->stats.fork_ns);
	restore.restore_time = microseconds(r->stats.end_ns - r->stats.start_ns);
	restore.has_pages_restored = true;
	restore.pages_restored = r->stats.pages_restored;
	stats.restore = &restore;
	if (image_dir_open(&dir, r->opt->work_dir ?: r->opt->images_dir, &err) ||
	    image_write(dir, IMAGE_STATS_RESTORE, 0, &stats.base, &err))
		log_warn(r->log, "%s; ignoring", err.text ?: "cannot write stats-restore");
	image_dir_close(dir);
	error_deinit(&err);
}

static void print_stats(const struct restore_stats *stats)
{
	printf("pages compared with the parent's: %llu, of which shared: %llu\n"
	       "pages read: %llu\n"
	       "time for processes and memory: %lld us, in all: %lld us\n",
	       (unsigned long long)stats->pages_compared, (unsigned long long)stats->pages_shared,
	       (unsigned long long)stats->pages_restored, stats->fork_ns / 1000,
	       (stats->end_ns - stats->start_ns) / 1000);
	stage_times_print(&stats->stages);
}

void finish_report(struct restore *r)
{
	write_stats(r);
	if (r->opt->display_stats)
		print_stats(&r->stats);
	if (r->opt->status_fd < 0)
		return;
	if (write(r->opt->status_fd, "", 1) != 1)
		log_warn(r->log, "cannot write to the status descriptor: %s; ignoring",
			 strerror(errno));
	close(r->opt->status_fd);
}

void finish_wait(pid_t root)
{
	while (waitpid(root, NULL, 0) > 0 || errno == EINTR)
		;
}
