// SPDX-License-Identifier: GPL-2.0-only
/* The memory stage: pages into images. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "dump/dump.h"
#include "dump/pages.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"

int dump_shared_memory(struct dump *d, uint64_t shmid, uint64_t size, int fd)
{
	struct shared_memory *shared = array_add(d->shared, d->n_shared);

	if (!shared) {
		close(fd);
		return fail(d->err, ENOMEM, "cannot remember shared memory");
	}
	*shared = (struct shared_memory){ .shmid = shmid, .size = size, .fd = fd };
	return 0;
}

int dump_open_mapped(struct dump *d, const struct process *p, const struct vma *v)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", p->pid,
		 (unsigned long long)v->start, (unsigned long long)v->end);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? fail(d->err, errno, "cannot open %s", path) : fd;
}

int dump_memory(void *dump, struct error *err)
{
	struct dump *d = dump;
	int ret;

	d->stats.memory_ns = clock_ns();
	/* a tree that runs already has left its memory to clones */
	ret = page_pump_run(d->pump, d, d->stats.thaw_ns ? PUMP_CLONES : PUMP_STOPPED, err);
	d->stats.write_ns = clock_ns();
	log_info(d->log, "%llu pages stored, %llu were zero; shared memory: %llu of %llu",
		 (unsigned long long)d->stats.pages_written,
		 (unsigned long long)d->stats.pages_zero,
		 (unsigned long long)d->stats.shared_written,
		 (unsigned long long)d->stats.shared_scanned);
	return ret;
}
