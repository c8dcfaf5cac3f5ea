/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_REARM_H
#define CRBPF_RESTORE_REARM_H

struct error;
struct new_task;
struct restore;

/*
 * If @t slept in a call with a time limit, has it execute that call for what is left
 * of the time, and changes t->regs so that it sleeps on when it is let go. The engine
 * may be unmapped already; nothing may run in the thread afterwards.
 */
int rearm_sleep(struct restore *r, struct new_task *t, struct error *err);

#endif
