// SPDX-License-Identifier: GPL-2.0-only
/* What arrives in the ring, made fit for a snapshot. */

#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collect/collector.h"
#include "collect/ring.h"
#include "lib/err.h"

static struct tally *tally_of(struct ring *ring, __u64 object)
{
	struct tally *tally;
	__u32 at;

	/* What belongs together comes together. */
	if (ring->last < ring->n_tallies && ring->tallies[ring->last].object == object)
		return &ring->tallies[ring->last];
	at = ids_get(&ring->index, object);
	if (at) {
		ring->last = at - 1;
		return &ring->tallies[ring->last];
	}
	tally = array_add(ring->tallies, ring->n_tallies);
	if (!tally || ids_set(&ring->index, object, ring->n_tallies))
		return NULL;
	tally->object = object;
	ring->last = ring->n_tallies - 1;
	return tally;
}

/* Counts one record of @object. Was the object shown before by somebody else? */
static int count_shown(struct ring *ring, __u64 object, __u32 tgid, __u32 tid, bool *ret_shown)
{
	struct tally *tally = tally_of(ring, object);

	if (!tally)
		return -ENOMEM;
	if (!tally->tid || (ring->is_running && tally->tgid != tgid)) {
		tally->tgid = tgid;
		tally->tid = tid;
	}
	*ret_shown = tally->tid != tid;
	if (!*ret_shown)
		tally->arrived++;
	return 0;
}

static int expect(struct ring *ring, __u64 object, unsigned int flag, __u32 holder, bool is_leaders,
		  __u32 n)
{
	struct tally *tally = object ? tally_of(ring, object) : NULL;

	if (!object)
		return 0;
	if (!tally)
		return -ENOMEM;
	tally->expected = n;
	tally->flag = flag;
	tally->holder = holder;
	tally->is_leaders |= is_leaders;
	tally->has_expected = true;
	return 0;
}

static int count(struct ring *ring, const struct record_head *rec, bool *ret_shown)
{
	const struct process_record *process = (const void *)rec;
	const struct task_record *task = (const void *)rec;
	const struct file_record *file = (const void *)rec;
	const struct vma_record *vma = (const void *)rec;
	const struct file_twin *file_twin = (const void *)rec;
	const struct vma_twin *vma_twin = (const void *)rec;
	int r;

	*ret_shown = false;
	switch (rec->type) {
	case RECORD_TASK:
		r = expect(ring, task->files, COLLECT_FILES, task->pid.host,
			   task->pid.host == task->tgid.host, task->n_fds);
		return r ? r : count_shown(ring, task->group, 1, 1, ret_shown);
	case RECORD_PROCESS:
		r = expect(ring, rec->owner, COLLECT_TASKS, process->pid.host, true,
			   process->n_threads);
		return r ? r
			 : expect(ring, process->mm, COLLECT_VMAS, process->pid.host, true,
				  process->map_count);
	case RECORD_FILE:
		return count_shown(ring, file->files, file->tgid, file->tid, ret_shown);
	case RECORD_VMA:
		return count_shown(ring, rec->owner, vma->tgid, vma->tid, ret_shown);
	case RECORD_FILE_TWIN:
		return count_shown(ring, file_twin->files, file_twin->tgid, file_twin->tid,
				   ret_shown);
	case RECORD_VMA_TWIN:
		return count_shown(ring, rec->owner, vma_twin->tgid, vma_twin->tid, ret_shown);
	}
	return 0;
}

static bool is_part(const struct record_head *rec)
{
	return rec->type == RECORD_SIGINFO_PART || rec->type == RECORD_TIMER_PART ||
	       rec->type == RECORD_GROUPS_PART || rec->type == RECORD_LOCK_PART ||
	       rec->type == RECORD_EPOLL_PART || rec->type == RECORD_QUEUE_PART ||
	       rec->type == RECORD_DEEP_PART || rec->type == RECORD_FLIGHT_PART ||
	       rec->type == RECORD_TTY_PART ||
	       rec->type == RECORD_WATCH_PART || rec->type == RECORD_EVENT_PART;
}

static int keep_part(struct ring *ring, const struct record_head *rec)
{
	if (rec->part == 0 || rec->owner != ring->owner) {
		ring->parts.size = 0;
		ring->n_parts = 0;
		ring->owner = rec->owner;
	}
	ring->n_parts++;
	return buf_add(&ring->parts, rec, rec->size);
}

/* The owner: first its parts, all of them, then itself. */
static int hand_over(struct ring *ring, const struct record_head *rec)
{
	size_t held = rec->owner == ring->owner ? ring->parts.size : 0;
	int r = 0;

	if (rec->part != (held ? ring->n_parts : 0) && !ring->is_running)
		return fail(ring->err, EAGAIN, "parts of a record of type %u are missing",
			    rec->type);
	for (size_t at = 0; at < held && !r;) {
		const struct record_head *part = (void *)((char *)ring->parts.data + at);

		r = ring->record(ring->arg, part);
		at += part->size;
	}
	ring->parts.size = 0;
	ring->n_parts = 0;
	ring->owner = 0;
	return r ? r : ring->record(ring->arg, rec);
}

static int take_record(void *arg, void *data, size_t size)
{
	const struct record_head *rec = data;
	struct ring *ring = arg;
	bool was_shown;
	int r;

	if (size < sizeof(*rec) || rec->size != size || rec->type >= RECORD_TYPES)
		return fail(ring->err, EPROTO, "a record of type %u has %zu bytes", rec->type,
			    size);
	if (rec->pass != ring->pass)
		return 0;
	ring->arrived[rec->type]++;
	if (is_part(rec))
		return keep_part(ring, rec);
	r = count(ring, rec, &was_shown);
	if (r)
		return r;
	if (was_shown && rec->type != RECORD_TASK) {
		ring->owner = 0;
		return 0;
	}
	return hand_over(ring, rec);
}

int ring_open(struct ring *ring, int map, struct error *err)
{
	ring->buffer = ring_buffer__new(map, take_record, ring, NULL);
	return ring->buffer ? 0 : fail(err, errno, "cannot map the ring of the BPF programs");
}

void ring_begin(struct ring *ring, __u32 pass)
{
	memset(ring->arrived, 0, sizeof(ring->arrived));
	ring->pass = pass;
	ring->parts.size = 0;
	ring->owner = 0;
	ring->n_parts = 0;
	free(ring->tallies);
	ring->tallies = NULL;
	ring->n_tallies = 0;
	ring->last = 0;
	ids_deinit(&ring->index);
}

int ring_consume(struct ring *ring)
{
	int r = ring_buffer__consume(ring->buffer);

	return r < 0 ? r : 0;
}

__u32 ring_unshown(const struct ring *ring, size_t *at)
{
	while (*at < ring->n_tallies) {
		const struct tally *tally = &ring->tallies[(*at)++];

		if (tally->flag == COLLECT_FILES && !tally->is_leaders && tally->expected &&
		    !tally->arrived)
			return tally->holder;
	}
	return 0;
}

int ring_check(struct ring *ring, unsigned int collect_flags, struct error *err)
{
	for (size_t i = 0; i < ring->n_tallies; i++) {
		const struct tally *tally = &ring->tallies[i];

		if (!tally->has_expected || !(tally->flag & collect_flags) ||
		    tally->expected == tally->arrived)
			continue;
		return fail(err, EAGAIN, "the kernel counts %u %s and has shown %u",
			    tally->expected,
			    tally->flag == COLLECT_TASKS   ? "threads of a process"
			    : tally->flag == COLLECT_FILES ? "open descriptors in a table"
							   : "mappings of a process",
			    tally->arrived);
	}
	return 0;
}

void ring_close(struct ring *ring)
{
	ring_buffer__free(ring->buffer);
	ring_begin(ring, 0);
	buf_deinit(&ring->parts);
}
