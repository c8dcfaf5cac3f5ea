/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_TUN_H
#define CRBPF_TUN_H

/*
 * /dev/net/tun with an interface attached. The interface is the kernel's, with its addresses and
 * routes, and stays there from dump to restore: one that would end with its program is made
 * persistent meanwhile. Packets that wait in it are lost, as on a wire.
 */

#include <stdbool.h>

typedef struct TunQueueEntry TunQueueEntry;

struct dump;
struct error;
struct file;
struct judge;
struct restore;

bool is_tun(const struct file *f);
/* Notes what cannot be carried of a file that is_tun. */
void judge_tun(struct judge *j, const struct file *f);
/* *@ret stays NULL if no interface is attached. Returns 0 or -errno. */
int dump_tun(struct dump *d, struct file *f, TunQueueEntry **ret);
/* Makes interfaces stay that would end with the tree. Returns 0 or -errno. */
int tun_keep(struct dump *d, struct error *err);
/* What was made persistent by this dump is not so any more: it failed. */
void tun_discard(struct dump *d);

/* Attaches @fd, newly opened, as it was. Returns 0 or -errno. */
int restore_tun(struct restore *r, int fd, const TunQueueEntry *tun);
/* Nothing can fail any more: the interface ends with the program, if it did. */
int restore_tun_end(struct restore *r, int fd, const TunQueueEntry *tun);

#endif
