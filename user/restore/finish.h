/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_FINISH_H
#define CRBPF_RESTORE_FINISH_H

#include <sys/types.h>

struct error;
struct restore;

/* The pid file: written while all can still be undone. */
int finish_files(struct restore *r, struct error *err);
/* After resume: statistics, and whoever waits at --status-fd. What fails is a warning. */
void finish_report(struct restore *r);
/* Waits until the root, a child of this process, has ended, as a restore that is not detached does.
 */
void finish_wait(pid_t root);

#endif
