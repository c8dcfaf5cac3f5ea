/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_DUMP_H
#define CRBPF_DUMP_H

/*
 * A dump in progress: what its stages share. Owns everything collected; freed in
 * one place, dump_deinit.
 */

#include <stdint.h>
#include <time.h>

#include "dump/freezer.h"
#include "image/image.h"
#include "judge.h"
#include "lib/buf.h"
#include "lib/interrupt.h"
#include "snapshot.h"
#include "stage.h"

typedef struct FileEntry FileEntry;
typedef struct FownEntry FownEntry;
typedef struct FsEntry FsEntry;
typedef struct MmEntry MmEntry;
typedef struct SeccompEntry SeccompEntry;

struct collector;
struct cow;
struct freezer;
struct log;
struct options;
struct waits;
struct kept_tun;
struct memfd_inode;
struct page_pump;
struct regfile_dump;
struct sockopt_defaults;
struct tty_numbers;
struct unix_alikes;

/* Microseconds and counts, as CRIU's stats-dump has them. */
struct dump_stats {
	long long start_ns, freeze_ns, frozen_ns, memory_ns, thaw_ns, write_ns;	/* moments, CLOCK_MONOTONIC */
	uint64_t pages_scanned, pages_written, pages_zero;
	uint64_t shared_scanned, shared_written;
	struct stage_times stages;
};

/* Memory of an object that several mappings or descriptors have: stored once, as pagemap-shmem-@shmid. */
struct shared_memory {
	uint64_t shmid;
	uint64_t size;			/* bytes */
	int fd;				/* to read it; owned */
};

struct dump {
	const struct options *opt;
	struct log *log;
	struct error *err;		/* the one that the command prints */
	struct interrupt interrupt;	/* signals that would end us: asked for between stages, and by long ones */

	struct collector *collector;	/* loaded by probe */
	struct freezer *freezer;	/* the tree, held by pidfd; tasks stand still while it is frozen */
	struct cow *cow;		/* clones of a tree that is to run on: dump/cow.h */
	struct waits *waits;		/* until when threads slept: dump/waits.h */
	struct snapshot snap;
	struct judge judge;

	struct image_dir *dir;
	struct image *images[IMAGE_TYPES];	/* those that all kinds append to: dump_image */
	struct arena arena;		/* messages, until they are written */

	struct regfile_dump *regfiles;	/* of dump/regfile.c: what has an id already; in the arena */
	struct sockopt_defaults *sockopts;	/* of dump/sockopt.c: what new sockets have; in the arena */
	struct unix_alikes *unix_alikes;	/* of dump/unixoptions.c: who was asked; in the arena */
	uint32_t next_file_id;
	uint32_t next_pages_id;
	uint32_t next_remap_id;
	struct page_pump *pump;		/* buffers for pages, made by probe */
	struct shared_memory *shared;	/* dump_shared_memory */
	size_t n_shared;
	struct kept_tun *kept_tuns;	/* of tun.c: interfaces that are to stay; in the arena */
	struct memfd_inode *memfds;	/* of kind/memfd.c: inodes that have an id; in the arena */
	struct tty_numbers *ttys;	/* of dump/tty.c: terminals that have a number; in the arena */
	SeccompEntry *seccomp;		/* filters found so far, in the arena: user/kind/seccomp.c */
	struct dump_stats stats;
};

/* The whole of it: options in, checkpoint out. Returns 0 or -errno with @err set. */
int dump_run(const struct options *opt, struct log *log, struct error *err);

/* --- the stages, one file each --- */
int dump_probe(void *dump, struct error *err);		/* BPF loaded, directory ready, buffers sized */
void dump_unprobe(void *dump, bool failed, struct error *err);
int dump_freeze(void *dump, struct error *err);		/* the tree stands still */
void dump_thaw(void *dump, bool failed, struct error *err);	/* runs on, or is killed, as asked */
int dump_collect(void *dump, struct error *err);	/* one pass of the iterators, into the snapshot */
int dump_judge(void *dump, struct error *err);		/* all obstacles, or none */
int dump_describe(void *dump, struct error *err);	/* objects to messages to images */
int dump_snapshot(void *dump, struct error *err);	/* clones to read memory from; the tree runs on */
void dump_unsnapshot(void *dump, bool failed, struct error *err);	/* they are gone, unseen */
int dump_memory(void *dump, struct error *err);		/* pages to images */
int dump_finish(void *dump, struct error *err);		/* inventory last */
void dump_discard(void *dump, bool failed, struct error *err);	/* a failed dump leaves no image */

/* Ends the stop, and notes when. Does nothing if that was done. Implemented in dump/freeze.c. */
void dump_go_on(struct dump *d, enum thaw_how how, struct error *err);

/* --- what kinds use --- */

/* The image of @type that all descriptions share (number 0), made on first use; NULL with the error set. */
struct image *dump_image(struct dump *d, enum image_type type);
/* Adds a message to files.img. */
int dump_file_entry(struct dump *d, const FileEntry *entry);
/* A fresh id of the file id space. */
uint32_t dump_new_file_id(struct dump *d);
/*
 * The id of a REG entry for the file at @path that is no descriptor (exe, cwd, root,
 * a mapped file, the name of a tty), described by the kind regfile; entries are
 * shared by (dev, ino, mnt_id). @nlink 0: it was deleted; @fd then is a descriptor
 * of this process through which its content can be read. Returns 0 on error.
 * Implemented in user/kind/regfile.c.
 */
uint32_t dump_regfile(struct dump *d, const char *path, uint32_t dev, uint64_t ino,
		      uint32_t mnt_id, uint32_t nlink, int fd);
/*
 * Before anything is described, once per thread, t->regs as the kernel gave them:
 * makes them what they would be on the way back to user space. A call that our stop has
 * interrupted is executed again, unless a signal handler is going to run; an rseq
 * critical section is left. Fills t->restart and t->restart_nr. The thread itself is
 * not touched. Implemented in user/kind/restart.c.
 */
int dump_rewind(struct dump *d, struct task *t);
/*
 * The signal mask that @t will have once the call it is in has returned: sigsuspend,
 * ppoll, pselect and epoll_pwait put another in its place meanwhile. Returns 0 or
 * -errno. Implemented in user/kind/signals.c.
 */
int dump_sigmask(const struct task *t, uint64_t *ret);
/* Fills all of mm_entry but its mappings. Implemented in user/kind/mmfields.c. */
int dump_mm_fields(struct dump *d, const struct process *p, MmEntry *mm);
/* Implemented in user/kind/fs.c. */
int dump_fs(struct dump *d, const struct process *p, FsEntry *fs);
/* Writes seccomp.img (empty if no task has filters), after all cores were described. */
int dump_seccomp(struct dump *d);
/*
 * What @clock showed at the moment the tree was stopped, in nanoseconds: times are
 * measured from there, so what passes while it stands still does not count.
 */
long long dump_clock(const struct dump *d, clockid_t clock);
/*
 * The same for any clock that task @t can name, CPU clocks too (which stand still
 * while it is frozen). Returns 0 or -errno.
 */
int dump_task_clock(const struct dump *d, const struct task *t, clockid_t clock, long long *ret_ns);
/* Is @clock the CPU time of the very thread that names it? Then *@ret is that clock as others name it, by @tid. */
bool is_own_cpu_clock(clockid_t clock, pid_t tid, clockid_t *ret);
/*
 * Has the memory stage store the content of @fd, @size bytes, as pagemap-shmem-@shmid.
 * Takes @fd over, also on failure. The caller sees to it that each object comes once.
 */
int dump_shared_memory(struct dump *d, uint64_t shmid, uint64_t size, int fd);
/* Opens the object of a file mapping, through /proc/PID/map_files. -errno with the error set. */
int dump_open_mapped(struct dump *d, const struct process *p, const struct vma *v);
/* What fown_entry needs, from a record: in d->arena. NULL if memory ran out. */
FownEntry *dump_fown(struct dump *d, const struct file *f);

/* A zeroed message of a protobuf-c type from d->arena, initialised: dump_message(d, &foo_entry__descriptor). */
void *dump_message(struct dump *d, const ProtobufCMessageDescriptor *descriptor);

#endif
