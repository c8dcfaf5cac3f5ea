// SPDX-License-Identifier: GPL-2.0-only
#include "dump/flight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect/collector.h"
#include "dump/dump.h"
#include "dump/guardian.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "snapshot.h"

#define PASSES 3

static void flights_deinit(struct flights *flights)
{
	for (size_t i = 0; i < flights->n; i++)
		if (flights->list[i].fd >= 0)
			close(flights->list[i].fd);
	free(flights->list);
	guardian_destroy(flights->guardian);
}

/* One look at this process's own descriptors. */
static int collect_own(struct dump *d, struct snapshot *own)
{
	const pid_t pid = getpid();
	int ret = snapshot_init(own, d->err);

	/* Of all the processes this one is not frozen: its memory grows by what it hears. */
	collector_set_flags(d->collector, COLLECT_RUNNING);
	ret = ret ?: collector_run(d->collector, &pid, 1, snapshot_add, own, d->err);
	collector_set_flags(d->collector, 0);
	if (ret < 0 && !d->err->code)
		fail(d->err, ret, "cannot take in what the kernel says");
	return ret ?: snapshot_finish(own, pid, &pid, 1, d->err);
}

static struct snapshot *new_own(struct dump *d)
{
	struct snapshot *own = calloc(1, sizeof(*own));
	int ret = own ? -EAGAIN : fail(d->err, ENOMEM, "cannot collect the files in flight");

	for (int pass = 0; ret == -EAGAIN && pass < PASSES; pass++) {
		error_deinit(d->err);
		snapshot_deinit(own);
		ret = collect_own(d, own);
	}
	if (!ret)
		return own;
	if (own)
		snapshot_deinit(own);
	free(own);
	return NULL;
}

/* Moves what was found into the snapshot. */
static int adopt(struct dump *d, struct flights *flights)
{
	struct snapshot *own = new_own(d);

	if (!own)
		return d->err->code;
	own->next = d->snap.flights;
	d->snap.flights = own;
	for (size_t i = 0; i < flights->n; i++) {
		struct flight *flight = &flights->list[i];
		struct file *f = snapshot_file(own, flight->file);

		if (!f)
			return fail(d->err, EPROTO, "a file in flight cannot be found again");
		f->carrier = flight->carrier;
		f->process = flight->carrier->process;
		f->fd = flight->carrier->fd;
		f->copy = take_fd(flight->fd);
		if (snapshot_add_file(&d->snap, f, f->rec->head.owner))
			return fail(d->err, ENOMEM, "cannot list the files in flight");
	}
	flights->n = 0;
	return 0;
}

int dump_flights(struct dump *d)
{
	struct flights flights = {0};
	size_t at = 0;
	int ret = 0;

	while (!ret && at < d->snap.n_files) {
		for (; at < d->snap.n_files && !ret; at++)
			if (d->snap.files[at]->n_queue)
				ret = unix_peek(d, d->snap.files[at], &flights);
		if (!ret && flights.n)
			ret = adopt(d, &flights);
	}
	flights_deinit(&flights);
	return ret;
}
