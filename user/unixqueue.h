/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_UNIXQUEUE_H
#define CRBPF_UNIXQUEUE_H

/*
 * What waits in a Unix socket while it is dumped: messages with their borders, senders,
 * credentials and files in flight; of a listener, connections that nobody has accepted.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct UnixSkEntry UnixSkEntry;

struct dump;
struct file;
struct judge;
struct snapshot;
struct unix_detail;

/* What bpf/unix.h says of @f, or NULL. */
const struct unix_detail *unix_detail_of(const struct file *f);
/* The file of the snapshot whose socket is @sk, near @f; NULL if none is. */
struct file *unix_find(const struct snapshot *snap, const struct file *f, uint64_t sk);
/* The listener that has yet to accept the connection of @f, or NULL. */
struct file *unix_listener_of(const struct snapshot *snap, const struct file *f);

/* Notes what cannot be carried of its queue. */
void judge_unix_queue(struct judge *j, const struct file *f);
/* Adds its messages to sk-queues. */
int dump_unix_queue(struct dump *d, const struct file *f);
/* Fills usk->pending. */
int dump_unix_pending(struct dump *d, const struct file *f, UnixSkEntry *usk);

#endif
