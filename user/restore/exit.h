/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_EXIT_H
#define CRBPF_RESTORE_EXIT_H

struct error;
struct new_process;
struct restore;

/*
 * Ends helpers, who are reaped by their parents, and zombies, who stay with the status
 * that the image tells; parents are left without a SIGCHLD from either.
 */
int exit_transients(struct restore *r, struct error *err);

/* Takes a SIGCHLD that is pending away from @parent, whose dispositions are still the default. */
int drop_sigchld(struct new_process *parent, struct error *err);

#endif
