/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SNAPSHOT_H
#define CRBPF_SNAPSHOT_H

/*
 * What the kernel said of a tree, as plain tables: processes, threads, mappings,
 * descriptors. Filled from the records of one pass; kernel addresses have become
 * small ids (equal ids: the same object, counted from 1). A snapshot owns all that
 * it points to; nothing in it is changed after snapshot_finish but the members
 * marked as filled later.
 *
 * The numbers of processes: pid, tid are as crbpf's caller sees them and what
 * system calls want; vpid, vtid are what images hold.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arch/arch.h"
#include "bpf/record.h"
#include "lib/buf.h"
#include "learn.h"
#include "lib/ids.h"

struct collector;
struct error;
struct kind;
struct process;
struct snapshot;

/*
 * Records that others refer to as twins (COLLECT_SHALLOW), by their shapes: borrowed, they
 * outlive the snapshots.
 */
struct shapes {
	const struct record_head **vmas, **files;	/* by shape - 1 */
	size_t n_vmas, n_files;
};
/* Remembers a record that has a shape; others are none of its business. Returns 0 or -ENOMEM. */
int shapes_note(struct shapes *shapes, const struct record_head *rec);
void shapes_deinit(struct shapes *shapes);

/* A thread. */
struct task {
	const struct task_record *rec;
	struct process *process;
	pid_t tid, vtid;
	const struct siginfo_record **pending;	/* its private queue, in order */
	size_t n_pending;
	const uint32_t *groups;			/* rec->creds.n_groups of them */
	struct regs regs;			/* filled when frozen; rewound by the describe stage */
	long restart;				/* -ERESTART* that was pending, or 0 */
	long restart_nr;			/* and the call's number */
	uint64_t wake_ns;			/* until when it was to sleep, CLOCK_MONOTONIC; 0: not known */
};

/* An open file description. */
struct file {
	uint32_t id;			/* in the image: one space for all kinds, from 1 */
	const struct file_record *rec;	/* of its first descriptor */
	const void *detail;		/* struct KIND_detail of bpf/KIND.h, or NULL */
	const char *path;		/* as /proc shows it; "" if none, or not named yet: file_name */
	const struct lock_record **locks;
	size_t n_locks;
	const struct epoll_record **epoll;
	size_t n_epoll;
	const struct queue_record **queue;	/* of a Unix socket, in order */
	size_t n_queue;
	const struct record_head **flights;	/* files in flight in its queue, and further on: */
	size_t n_flights;		/* each a struct file_record with the parts behind it */
	const struct unix_message *messages;	/* filled by dump_flights: one for each of queue */
	const struct tty_queue_record **tty_queue;	/* of a pty's master: what both sides have to read */
	size_t n_tty_queue;
	const struct watch_record **watches;	/* of inotify and fanotify */
	size_t n_watches;
	const struct event_record **events;	/* that nobody has read, in order */
	size_t n_events;
	struct watch_place *places;	/* of the watches, filled by judge: user/fsnotify.h */
	const struct file *carrier;	/* in flight: the socket in whose queue it is; else NULL */
	struct process *process;	/* a process that has it (its carrier), the one with the lowest vpid */
	uint32_t fd;			/* its (its carrier's) number there */
	const struct kind *kind;	/* filled by judge */
	int copy;			/* filled on demand by file_copy(): a pidfd_getfd copy, else -1 */
};

struct fd {
	uint32_t number;
	bool cloexec;
	struct file *file;
};

/* A descriptor table. */
struct fdtable {
	uint32_t id;
	struct fd *fds;			/* ascending */
	size_t n_fds;			/* of them; a scan does not show all */
	size_t n_open;			/* as the kernel counts them */
	struct process *process;	/* whose it is first: the lowest vpid */
};

struct vma {
	const struct vma_record *rec;
	const char *path;		/* of a mapped file; "" if anonymous */
	const char *anon_name;		/* PR_SET_VMA_ANON_NAME; "" if none */
	uint64_t start, end;
	uint32_t object;		/* small id of the mapped inode, 0 if anonymous */
	const struct kind *kind;	/* filled by judge */
};

/* An address space. */
struct mm {
	uint32_t id;
	struct vma *vmas;		/* ascending */
	size_t n_vmas;
	struct process *process;	/* whose it is first: the lowest vpid */
};

/* A thread group. */
struct process {
	const struct process_record *rec;
	const struct deep_record *deep;	/* NULL in a scan: no verdict depends on it */
	pid_t pid, vpid;
	struct process *parent;		/* NULL: the root of the tree */
	struct task *tasks;		/* its threads, leader first, then ascending vtid */
	size_t n_tasks;
	bool is_zombie;			/* then mm and files are NULL */
	struct mm *mm;
	struct fdtable *files;
	uint32_t fs_id, sighand_id;
	const struct process *fs_first, *sighand_first;	/* the first of the list that has the same */
	const struct siginfo_record **pending;	/* the shared queue, in order */
	size_t n_pending;
	const struct timer_record **timers;
	size_t n_timers;
	const char *exe, *cwd, *root;	/* as /proc shows them */
	int pidfd;			/* borrowed from the freezer; -1 in a scan */
};

struct snapshot {
	struct process **processes;	/* parents before children, siblings by vpid */
	size_t n_processes;
	struct task *tasks;		/* by process */
	size_t n_tasks;
	struct mm *mms;
	size_t n_mms;
	struct fdtable *fdtables;
	size_t n_fdtables;
	struct file **files;		/* by id */
	size_t n_files, files_room;
	struct ids inodes;		/* (dev, ino) of mapped objects to small ids: snapshot_inode */
	struct ids file_index;		/* struct file to file id: snapshot_file */
	struct ids process_index;	/* pid to position + 1 in processes: snapshot_process */
	struct learned learned;		/* what a kind had to learn (learn.h) */
	bool borrows;			/* records outlive the snapshot: they are not copied */
	const struct shapes *shapes;	/* NULL: no twins are expected */
	struct arena arena;		/* holds every record and table */
	struct snapshot_builder *builder;	/* between init and finish */
	struct snapshot *flights;	/* owned: passes over files in flight, linked by next */
	struct snapshot *next;
};

int snapshot_init(struct snapshot *snap, struct error *err);
/* The collector's callback: copies what it needs. @snap is a struct snapshot. Returns 0 or -errno. */
int snapshot_add(void *snap, const struct record_head *rec);
/*
 * Builds the tables. @root is the pid of the tree's root. A process without any
 * record, a thread without its process, a record of a process that was not asked
 * for: each is an error, for it means that something could not be seen.
 */
int snapshot_finish(struct snapshot *snap, pid_t root, const pid_t *pids, size_t n,
		    struct error *err);
void snapshot_deinit(struct snapshot *snap);

/* The file with kernel identity @file (an epoll item's, a mapping's), or NULL. */
struct file *snapshot_file(const struct snapshot *snap, uint64_t file);
/* Adds @f, which is open in no table, with the next id; @file is its identity. Returns 0 or -ENOMEM. */
int snapshot_add_file(struct snapshot *snap, struct file *f, uint64_t file);
/*
 * Adds the files in flight as their records tell of them. Their paths come from names: where they
 * lie in this process's mount namespace; else "". Returns 0 or -errno. (A dump looks at them itself:
 * dump_flights.)
 */
int snapshot_add_flights(struct snapshot *snap);
/* The process with @pid, or NULL. */
struct process *snapshot_process(const struct snapshot *snap, pid_t pid);

/* Gives a pipe or socket of a shallow pass the path that the kernel would show. */
void file_name(struct snapshot *snap, struct file *file);

/*
 * A descriptor of this process for the same open file description, by pidfd_getfd,
 * kept in file->copy until the snapshot is freed. Returns it (borrowed), or -errno.
 */
int file_copy(struct file *file, struct error *err);

/* A path in /proc through which @file can be reached now: "/proc/42/fd/7". Returns @buf. */
const char *file_proc_path(const struct file *file, char *buf, size_t n);

#endif
