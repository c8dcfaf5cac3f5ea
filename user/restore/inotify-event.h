/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_INOTIFY_EVENT_H
#define CRBPF_RESTORE_INOTIFY_EVENT_H

/* What makes the kernel queue one given inotify event, below an empty working directory. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ids.h"

typedef struct InotifyEventEntry InotifyEventEntry;

struct event_action;

/* Watches that stand for those of the events. */
struct event_scene {
	int fd;             /* the inotify file */
	struct ids watched; /* numbers that are watched now */
	int *wds;           /* all that ever were; owned */
	size_t n_wds;
	bool *is_done; /* events that came with another; owned */
};

/* How an event is caused; NULL if it cannot be. */
const struct event_action *event_action(uint32_t mask, size_t name_size);

/* Causes events[@i] of @n, checked ones. Returns 0 or -errno. */
int event_cause(struct event_scene *scene, InotifyEventEntry *const *events, size_t n, size_t i);

/* Ends all watches. */
void event_scene_end(struct event_scene *scene);

#endif
