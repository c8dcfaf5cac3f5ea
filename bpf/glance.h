/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_GLANCE_H
#define CRBPF_BPF_GLANCE_H

/* For the programs alone: the parts of a glance. bpf/glance.bpf.c says what that is. */

#include "common.h"
#include "twin.h"

#define GLANCE_FDS  64 /* pointers of a table that are read at once */
#define GLANCE_VMAS_SENT 8 /* in one go */

struct glance {
	__u64 task, mm, files, net; /* addresses; the network namespace of task and caller */
	__u32 doubts;
	__u32 n_pending;	/* shapes that user space has not judged yet */
	__u32 is_full;		/* the ring is: no more can be sent now */
	__u32 n_fds, max_fds;
	__u32 n_vmas;
	__u32 tries;		/* how often this task was shown */
	__u64 fds;		/* where the table's pointers stand */
	__u32 file_span;	/* of a struct file that is looked at: fewer lines of the cache */
	/* mappings whose shape is not known yet */
	__u64 fresh[GLANCE_VMAS_SENT];
	__u32 n_fresh;
};
extern struct glance glance;

/* What @struct_type's @field was when its bytes were copied to @raw. */
#define raw_field(raw, struct_type, field)                                                         \
	(*(typeof(((struct_type *)0)->field) *)((void *)(raw) +                                    \
						bpf_core_field_offset(struct_type, field)))

#define span_to(size, struct_type, field, of_field)                                                \
	({                                                                                         \
		__u32 end_ = bpf_core_field_offset(struct_type, field) + (of_field);               \
		end_ > (size) ? end_ : (size);                                                     \
	})

/* Copies of a struct file what keys are made of. */
static __always_inline void read_file(__u64 *raw, __u32 room, __u64 file)
{
	__u32 size = glance.file_span;

	bpf_probe_read_kernel(raw, size < room ? size : room, (void *)file);
}

/* What becomes of a thing of this shape: it is sent, waits to be judged, is clean or in doubt. */
enum glance_shape { SHAPE_FRESH, SHAPE_PENDING, SHAPE_CLEAN, SHAPE_DOUBTFUL };

static __always_inline enum glance_shape shape_state(__u32 shape, const __u64 *known, __u32 judged)
{
	if (!shape)
		return SHAPE_FRESH;
	if (twin_is_known(known, shape))
		return SHAPE_CLEAN;
	return shape > judged ? SHAPE_PENDING : SHAPE_DOUBTFUL;
}

/* Notes what of it hinders a verdict. Is it to be sent? */
static __always_inline bool note_shape(enum glance_shape state, __u32 doubt)
{
	if (state == SHAPE_FRESH || state == SHAPE_PENDING)
		glance.n_pending++;
	if (state == SHAPE_DOUBTFUL)
		glance.doubts |= doubt;
	return state == SHAPE_FRESH;
}

/* Each looks at what glance.task has of it, and adds to glance.doubts and glance.n_pending. */
int glance_files(void);
int glance_vmas(void);
int glance_task(void);

#endif
