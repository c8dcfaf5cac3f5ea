/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_DUMP_WAITS_H
#define CRBPF_DUMP_WAITS_H

/*
 * Until when threads sleep in calls that a stop makes forget it: epoll_wait ends
 * with EINTR, and its deadline was on the kernel stack. So it is asked for right before
 * the freeze, and believed of a thread that has not been awake since.
 */

#include <sys/types.h>

struct dump;

/* Right before the freeze. What cannot be learned is not known then: nothing fails. */
void waits_note(struct dump *d);
/* Once all is frozen and collected: fills task.wake_ns, and tells the freezer for its thaw. */
void waits_match(struct dump *d);
/*
 * The same for a thread that is stopped again, after waits_note(): until when it is to
 * sleep, CLOCK_MONOTONIC; 0 if that is not known.
 */
long long waits_deadline(const struct dump *d, pid_t tid);
void waits_deinit(struct dump *d);

#endif
