/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_UNIXSK_H
#define CRBPF_UNIXSK_H

/*
 * Unix sockets made again. The kernel notes who called socketpair, listen or connect
 * and tells the other side (SO_PEERCRED), so these calls are made by a child with the
 * number and the user that the original caller had: the numbers of the tree are still free.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct SkPacketEntry SkPacketEntry;
typedef struct UnixSkEntry UnixSkEntry;

struct new_file;
struct restore;

/* A message to be queued. */
struct unix_packet {
	const SkPacketEntry *entry;
	const char *bytes; /* entry->length of them */
};

/* What becomes of one socket: new_file.data. */
struct unix_plan {
	struct unix_packet *packets;
	size_t n_packets;
	int feeder;     /* the other side of one whose other side is to be closed; -1 */
	bool drop_name; /* its file is still there, to be found by those that connect */
	bool has_name;  /* it was given a name whose file is to be removed again */
};

/* Whom a call is to be made as. */
struct identity {
	pid_t pid; /* 0: any */
	uid_t uid; /* -1: this process's */
	gid_t gid;
	const uint32_t *groups; /* supplementary ones, borrowed */
	size_t n_groups;
};

/*
 * Runs @fn in a child process that shares this one's descriptors, but not its
 * working directory, as @who. @data (@n bytes) is handed to it and comes back as it left it.
 * A number that is taken is replaced by any. Returns what @fn returned (0 or -errno), or
 * -errno if there could be no such child.
 */
int run_as(struct restore *r, const struct identity *who, int (*fn)(void *data), void *data,
	   size_t n);

/*
 * For adopt: gives every Unix socket its plan, messages included, and files in flight the
 * process that has the socket. Returns 0 or -errno.
 */
int unix_adopt(struct restore *r);
/* Makes all Unix sockets of the restore, in an order in which names do not collide. Once. */
int unix_open_all(struct restore *r);
/* Fills all queues, connects datagram sockets, shuts down what was shut down. Once. */
int unix_fill_all(struct restore *r, struct new_file *f);

/* --- what the files of restore/unix*.c share --- */

#define UNIX_INO_KEY (0x5558ULL << 48) /* in restore.kind_data: a socket's number to its file's id */

/* A name to bind or connect to, as an argument of run_as. */
struct unix_job {
	int type;
	int fd;
	int backlog;
	socklen_t length;
	struct sockaddr_un address;
	char directory[PATH_MAX]; /* where a relative name belongs; "" nowhere */
};

void unix_job_init(struct unix_job *job, const UnixSkEntry *usk);
/* For run_as. */
int unix_do_connect(void *job);

/* Its message, if @f is a Unix socket that somebody has; else NULL. */
const UnixSkEntry *unix_entry(const struct new_file *f);
struct unix_plan *unix_plan_of(const struct new_file *f);
/* The socket with this number, or NULL. */
struct new_file *unix_by_ino(const struct restore *r, uint32_t ino);
/* The socket that it is connected with, if that one is connected with it too; else NULL. */
struct new_file *unix_mutual_peer(const struct restore *r, const struct new_file *f);
/* Makes the sockets that wait at listener @f to be accepted; sets their fd. */
int unix_open_pending(struct restore *r, struct new_file *f);
/* A socket bound to the name in @usk, if it has one; a file left there before gives way. */
int unix_bind_name(struct restore *r, int fd, const UnixSkEntry *usk);
/* Removes the file of the name in @usk, if it had none any more; renames it, if it had another. */
int unix_drop_name(struct restore *r, const UnixSkEntry *usk);
/* The restore failed: does that, if it was not done before. */
void unix_abandon(struct new_file *f);

#endif
