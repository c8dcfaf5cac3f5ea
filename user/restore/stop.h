/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_STOP_H
#define CRBPF_RESTORE_STOP_H

struct error;
struct restore;

/* Stops the processes that were stopped. The tree stands, kinds have restored nothing yet. */
int stop_processes(struct restore *r, struct error *err);

#endif
