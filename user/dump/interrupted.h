/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_INTERRUPTED_H
#define CRBPF_INTERRUPTED_H

#include <stdbool.h>

struct regs;

/*
 * Has the thread in a stop a call that ended in EINTR, where the stop itself may be
 * the cause: one of those which signal(7) lists as never restarted after a stop?
 */
bool call_was_interrupted(const struct regs *regs);

#endif
