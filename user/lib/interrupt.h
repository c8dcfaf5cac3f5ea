/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_INTERRUPT_H
#define CRBPF_LIB_INTERRUPT_H

/*
 * Signals that end a program (SIGINT, SIGTERM, SIGHUP, SIGQUIT), held back while work is
 * under way that must be undone first. Long loops ask interrupt_check and fail with
 * what it says. What the caller ignores stays ignored.
 */

#include <signal.h>

struct error;

struct interrupt {
	sigset_t signals, before;
};

void interrupt_block(struct interrupt *interrupt);
/* Takes a signal that has come meanwhile: below 0, with @err set; else 0. Any thread may ask. */
int interrupt_check(const struct interrupt *interrupt, struct error *err);
/* One that came and was not asked for takes effect now. */
void interrupt_unblock(const struct interrupt *interrupt);

#endif
