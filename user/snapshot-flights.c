// SPDX-License-Identifier: GPL-2.0-only
/* Files in flight as a scan knows them: as parts of the socket in whose queue they wait. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "mounts.h"
#include "snapshot-build.h"

/* The names among its parts are no watch. */
static const struct watch_record *take_names(struct file *f)
{
	const struct watch_record *last = f->n_watches ? f->watches[f->n_watches - 1] : NULL;

	if (!last || last->type != WATCH_NOT)
		return NULL;
	f->n_watches--;
	return last;
}

/* As the kernel would show it here. */
static const char *path_of(struct snapshot *snap, const struct watch_record *names,
			   const struct mounts *mounts)
{
	char inside[PATH_MAX], path[PATH_MAX];

	if (!names || !mounts_join_names(names, inside))
		return "";
	for (size_t i = 0; i < mounts->n; i++) {
		if (mounts->list[i].id != names->mnt_id)
			continue;
		if (!mounts_path(&mounts->list[i], inside, path))
			return "";
		return names->is_named ? arena_strdup(&snap->arena, path)
				       : arena_printf(&snap->arena, "%s (deleted)", path);
	}
	return "";
}

static int add_flight(struct snapshot *snap, const struct file *carrier, const struct item *item,
		      const struct mounts *mounts)
{
	const struct file_record *rec = item->rec;
	struct file *f;

	if (snapshot_file(snap, rec->files))
		return 0;
	f = arena_alloc(&snap->arena, sizeof(*f));
	if (!f)
		return -ENOMEM;
	*f = (struct file){.rec = rec,
			   .carrier = carrier,
			   .process = carrier->process,
			   .fd = carrier->fd,
			   .copy = -1};
	if (snapshot_file_parts(snap, item, f) ||
	    snapshot_parts(snap, item, RECORD_LOCK_PART, (const void ***)&f->locks, &f->n_locks))
		return -ENOMEM;
	f->path = path_of(snap, take_names(f), mounts);
	return f->path ? snapshot_add_file(snap, f, rec->files) : -ENOMEM;
}

static int add_flights_of(struct snapshot *snap, const struct file *carrier,
			  const struct mounts *mounts)
{
	int ret = 0;

	for (size_t i = 0, next; i < carrier->n_flights && !ret; i = next) {
		struct item item = {.rec = carrier->flights[i], .parts = carrier->flights + i + 1};

		for (next = i + 1; next < carrier->n_flights; next++)
			if (carrier->flights[next]->type == RECORD_FLIGHT_PART)
				break;
		item.n_parts = next - i - 1;
		ret = add_flight(snap, carrier, &item, mounts);
	}
	return ret;
}

int snapshot_add_flights(struct snapshot *snap)
{
	struct mounts mounts = {0};
	size_t n = snap->n_files;
	bool has_mounts = false;
	int ret = 0;

	for (size_t i = 0; i < n && !ret; i++) {
		if (!snap->files[i]->n_flights)
			continue;
		if (!has_mounts)
			ret = mounts_read(&mounts);
		has_mounts = true;
		ret = ret ?: add_flights_of(snap, snap->files[i], &mounts);
	}
	mounts_deinit(&mounts);
	return ret;
}
