/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_FLIGHT_H
#define CRBPF_FLIGHT_H

/*
 * What waits in the queues of Unix sockets: bytes, and open files that were sent and that
 * perhaps no process has open. It is peeked at, which leaves it where it is, but installs
 * copies of the files in this process: there they are collected like any other.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct dump;
struct file;
struct guardian;

/* A message: one for each queue_record of a socket that does not listen. */
struct unix_message {
	const char *bytes; /* queue_record.bytes of them */
	struct sockaddr_un sender; /* the name of its sender */
	socklen_t sender_length;   /* 0: not known */
};

/* A file that came with a message: a copy of it in this process. */
struct flight {
	uint64_t file; /* its identity */
	int fd;        /* owned */
	struct file *carrier;
};

struct flights {
	struct flight *list;
	size_t n;
	struct guardian *guardian; /* once one was needed */
};

/*
 * Tasks frozen, snapshot finished: peeks at every queue, adds the files in flight to the
 * snapshot (struct file.carrier), then at their queues, and so on. Returns 0 or -errno
 * with the error set.
 */
int dump_flights(struct dump *d);

/* Fills f->messages; files unknown to the snapshot are added to @flights. */
int unix_peek(struct dump *d, struct file *f, struct flights *flights);

#endif
