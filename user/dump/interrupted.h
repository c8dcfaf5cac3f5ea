/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_INTERRUPTED_H
#define CRBPF_INTERRUPTED_H

#include <stdbool.h>
#include <sys/types.h>

struct regs;

/*
 * Has the thread in a stop a call that ended in EINTR, where the stop itself may be
 * the cause: one of those which signal(7) lists as never restarted after a stop?
 */
bool call_was_interrupted(const struct regs *regs);

/*
 * The call, to be executed again, is to last @left_ns at most, if its time limit is an
 * argument in a register (epoll_wait). Others begin with the whole of their time anew.
 */
void call_shorten(struct regs *regs, long long left_ns);

/*
 * select, pselect and ppoll have written the remaining time to the caller's memory when
 * they were stopped, and are executed again with that. @frozen_ns later, thread @tid is to
 * go on: it is made so much less, as the kernel would have done now.
 */
void call_catch_up(const struct regs *regs, pid_t tid, long long frozen_ns);

#endif
