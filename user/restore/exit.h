/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_EXIT_H
#define CRBPF_RESTORE_EXIT_H

struct error;
struct restore;

/*
 * Ends helpers, who are reaped by their parents, and zombies, who stay with the status
 * that the image tells; parents are left without a SIGCHLD from either.
 */
int exit_transients(struct restore *r, struct error *err);

#endif
