/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_PIDFD_H
#define CRBPF_PIDFD_H

/* What the kind pidfd needs of the system: who a process is, and processes that are dead. */

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef PIDFD_NONBLOCK
#define PIDFD_NONBLOCK O_NONBLOCK
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

typedef struct PidfdOutsideEntry PidfdOutsideEntry;

struct arena;
struct error;
struct options;

/* Did the user allow pidfds of process @pid, which is not part of the tree? */
bool pidfd_is_allowed(const struct options *opt, pid_t pid);

/*
 * How the reaped task of pidfd @fd ended, as wait(2) says it. False if this kernel (before
 * 6.15) does not keep that.
 */
bool pidfd_exit_code(int fd, uint32_t *ret);

/*
 * Fills @entry with what tells the running process @pid, of pidfd @fd, from all others.
 * Texts are from @arena. Returns 0 or -errno.
 */
int pidfd_identify(pid_t pid, int fd, PidfdOutsideEntry *entry, struct arena *arena,
		   struct error *err);
/* Fails unless process @pid, of pidfd @fd, is the one of @entry. */
int pidfd_compare(pid_t pid, int fd, const PidfdOutsideEntry *entry, struct error *err);

/*
 * Makes a child of this process that ends as wait status @status says (without a core).
 * Returns its number, to be given to pidfd_reap, or -errno.
 */
pid_t pidfd_spawn_dead(uint32_t status);
void pidfd_reap(pid_t pid);

#endif
