/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_DUMP_WAITS_H
#define CRBPF_DUMP_WAITS_H

/*
 * Until when threads sleep in calls that a stop makes forget it: epoll_wait ends
 * with EINTR, and its deadline was on the kernel stack. So it is asked for right before
 * the freeze, and believed of a thread that has not been awake since.
 */

struct dump;

/* Right before the freeze. What cannot be learned is not known then: nothing fails. */
void waits_note(struct dump *d);
/* Once all is frozen and collected: fills task.wake_ns, and tells the freezer for its thaw. */
void waits_match(struct dump *d);
void waits_deinit(struct dump *d);

#endif
