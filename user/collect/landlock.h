/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LANDLOCK_H
#define CRBPF_LANDLOCK_H

/*
 * Two children that stand still, one of them in a Landlock domain: by them the collector learns
 * where the kernel keeps a task's domain.
 */

#include <sys/types.h>

#define LANDLOCK_ROOM 256 /* bytes of cred->security in which it is looked for */

struct landlock_children {
	pid_t plain, confined;
	int alive; /* they end when this is closed */
};

/*
 * Returns 0; -EOPNOTSUPP if Landlock is switched off; another -errno if nothing can be learned: no
 * room for children, or this process may not confine any (or there is no Landlock, which the
 * programs see for themselves).
 */
int landlock_children_start(struct landlock_children *children);
void landlock_children_end(struct landlock_children *children);

#endif
