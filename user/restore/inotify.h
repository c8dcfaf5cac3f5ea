/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_INOTIFY_H
#define CRBPF_RESTORE_INOTIFY_H

/*
 * Events of inotify cannot be put into a queue, only be caused. They are caused on files made
 * for it, on a file system that nobody else sees, watched under the numbers that the events
 * bear. That these watches end is an event, too; but a queue that is full and says so takes
 * none, and what filled it stands before the events wanted, and is read away.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct InotifyEventEntry InotifyEventEntry;
typedef struct InotifyFileEntry InotifyFileEntry;

struct error;
struct restore;

/* Can an event with @mask, and a name of @name_size bytes, be caused? */
bool inotify_can_queue(uint32_t mask, size_t name_size);
/* Fails unless @event can be caused, and has a name that a file can have. */
int inotify_check_event(const InotifyEventEntry *event, struct error *err);

/* The next watch gets number @wd. Returns 0 or -errno. */
int inotify_set_next(int fd, uint32_t wd, struct error *err);

/*
 * Queues the events of @ify on @fd, which watches nothing yet. *@ret_next becomes the number
 * that the next watch would get, if that was changed (0: not known).
 */
int inotify_queue_events(struct restore *r, int fd, const InotifyFileEntry *ify,
			 uint32_t *ret_next);

#endif
