/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RING_H
#define CRBPF_RING_H

/*
 * From the ring to the caller of collector_run: drops what an earlier pass left
 * behind and what two processes share, puts parts before their owner, and counts
 * what arrived against what the kernel says there is.
 */

#include <stdbool.h>

#include "bpf/record.h"
#include "lib/buf.h"
#include "lib/ids.h"

struct error;
struct ring_buffer;

/* One object's own idea of how much of it there is, and how much came. */
struct tally {
	__u64 object;
	__u32 tgid, tid;	/* who showed it first */
	__u32 holder;		/* a thread that has it */
	__u32 expected, arrived;
	unsigned int flag;	/* COLLECT_TASKS: a thread group, _FILES: a table, _VMAS: an mm */
	bool has_expected;
	bool is_leaders;	/* a leader has it: asking about a process shows it */
};

struct ring {
	struct ring_buffer *buffer;	/* libbpf's */
	__u32 pass;
	bool is_running;	/* the tasks are not frozen */
	__u64 arrived[RECORD_TYPES];	/* records of this pass, duplicates included */
	struct buf parts;	/* of the object @owner, which has not come yet */
	__u64 owner;
	__u32 n_parts;
	struct tally *tallies;	/* of thread groups, descriptor tables and mms */
	size_t n_tallies;
	size_t last;		/* found last */
	struct ids index;	/* their addresses to positions + 1 */
	int (*record)(void *arg, const struct record_head *rec);
	void *arg;
	struct error *err;
};

int ring_open(struct ring *ring, int map, struct error *err);
/* Forgets the pass before; @pass is the number of the one to come. */
void ring_begin(struct ring *ring, __u32 pass);
/* Hands over what is in the ring. Returns 0, or what record returned, or -errno. */
int ring_consume(struct ring *ring);
/*
 * A thread whose descriptor table, which no leader has, has descriptors of which none arrived,
 * or 0; each is named once. @at is 0 for the first call.
 */
__u32 ring_unshown(const struct ring *ring, size_t *at);
/* Does what arrived make up what @collect_flags asked for? Returns 0 or -EAGAIN with @err set. */
int ring_check(struct ring *ring, unsigned int collect_flags, struct error *err);
void ring_close(struct ring *ring);

#endif
