/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_RESTORE_H
#define CRBPF_RESTORE_H

/*
 * A restore in progress: what its stages share. What the images say is loaded,
 * checked and planned as plain data before any process exists; nothing in the tree
 * runs before resume, the one point of no return.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arch/arch.h"
#include "bpf/record.h"
#include "image/image.h"
#include "lib/buf.h"
#include "lib/ids.h"

typedef struct CoreEntry CoreEntry;
typedef struct FdinfoEntry FdinfoEntry;
typedef struct FileEntry FileEntry;
typedef struct FownEntry FownEntry;
typedef struct FsEntry FsEntry;
typedef struct InventoryEntry InventoryEntry;
typedef struct MmEntry MmEntry;
typedef struct PagemapEntry PagemapEntry;
typedef struct PstreeEntry PstreeEntry;
typedef struct TaskKobjIdsEntry TaskKobjIdsEntry;
typedef struct VmaEntry VmaEntry;

struct batch;
struct engine;
struct error;
struct injected;
struct kind;
struct log;
struct new_process;
struct options;

/* An open file description to be. */
struct new_file {
	uint32_t id;
	const struct kind *kind;
	FileEntry *entry;
	int fd;				/* in this process once opened; -1 */
	struct new_process *process;	/* the first that has it, NULL if none: a mapped file, a cwd */
	uint32_t number;		/* its lowest number there */
	void *data;			/* of the kind, from r->arena */
};

struct new_fd {
	uint32_t number;
	bool cloexec;
	struct new_file *file;
};

struct new_vma {
	VmaEntry *entry;
	const struct kind *kind;
	int fd;				/* what to map, in this process; -1 anonymous */
	int map_prot;			/* PROT_* while pages are filled */
	bool inherited;			/* comes from the parent's memory with the clone */
};

/* A run of pages and where their content stands. */
struct new_pages {
	uint64_t start;			/* address */
	uint64_t count;			/* pages */
	uint64_t offset;		/* bytes into the pages file */
};

/* A thread. */
struct new_task {
	struct new_process *process;
	pid_t tid;
	CoreEntry *core;
	struct regs regs;		/* from the core, checked */
	struct injected *injected;	/* NULL before it exists, and after it was handed over */
};

struct new_process {
	PstreeEntry *tree;
	pid_t pid;
	struct new_process *parent;	/* NULL: the root */
	bool is_zombie, is_helper;	/* a helper leads a session or group whose leader has died, and exits again */
	TaskKobjIdsEntry *ids;
	MmEntry *mm;
	FsEntry *fs;
	struct new_task *tasks;		/* leader first */
	size_t n_tasks;
	struct new_fd *fds;		/* ascending; of its own table */
	size_t n_fds;
	struct new_process *files_of;	/* shares the descriptor table of this one; NULL: has its own */
	struct new_vma *vmas;
	size_t n_vmas;
	struct new_pages *pages;
	size_t n_pages;
	int pages_fd;			/* -1 if it has none */

	/* the plan */
	struct new_process *cloned_by;	/* whose child it is born as: its parent, or a helper (CLONE_PARENT) */
	bool after_memory;		/* cloned once the memory of cloned_by stands, to share its pages */
	pid_t born_sid;			/* its session until it calls setsid */
};

struct restore_stats {
	long long start_ns, fork_ns, end_ns;
	uint64_t pages_compared, pages_shared, pages_restored;
};

struct restore {
	const struct options *opt;
	struct log *log;
	struct error *err;

	struct image_dir *dir;
	InventoryEntry *inventory;
	struct new_process **processes;	/* parents before children, the root first */
	size_t n_processes;
	struct new_file **files;	/* by id: restore_file */
	size_t n_files;
	struct ids file_index;		/* file id to position + 1 */
	struct ids kind_data;		/* for kinds: (their own keys) to positions in r->objects */
	struct arena arena;		/* tables and plans */

	struct engine *engine;
	struct vdso vdso;		/* of this process, which the tree begins with */
	struct restore_stats stats;
	bool resumed;			/* past the point of no return */
};

/* The whole of it. Returns 0 or -errno with @err set; with neither --restore-detached it returns when the root has ended. */
int restore_run(const struct options *opt, struct log *log, struct error *err);

/* --- the stages, one file each --- */
int restore_load(void *restore, struct error *err);	/* images to messages */
int restore_validate(void *restore, struct error *err);	/* nothing in them is trusted */
int restore_plan(void *restore, struct error *err);	/* who is made by whom, in which order */
int restore_open(void *restore, struct error *err);	/* descriptions and shared memory, in this process */
int restore_tree(void *restore, struct error *err);	/* processes and their memory */
void restore_kill(void *restore, bool failed, struct error *err);	/* undoes the tree unless resumed */
int restore_objects(void *restore, struct error *err);	/* descriptors to their owners */
int restore_tasks(void *restore, struct error *err);	/* threads, and the phases of kinds */
int restore_resume(void *restore, struct error *err);	/* registers; the point of no return */

/* --- what kinds use --- */

/* The description with @id, or NULL. */
struct new_file *restore_file(const struct restore *r, uint32_t id);
/* The process with (virtual) @pid, or NULL. */
struct new_process *restore_process(const struct restore *r, pid_t pid);
/* Puts @fown on f->fd (F_SETOWN_EX, F_SETSIG): for a kind's connect. */
int restore_fown(struct restore *r, int fd, const FownEntry *fown);
/* The flags that F_SETFL can set (O_APPEND, O_ASYNC, O_NONBLOCK, O_DIRECT, O_NOATIME), put on @fd. */
int restore_fd_flags(struct restore *r, int fd, uint32_t flags);
/*
 * Opens the REG entry @id (a path) in this process; flags as stored, or @flags if not -1.
 * The descriptor is the caller's. Implemented in user/kind/regfile.c.
 */
int restore_open_regfile(struct restore *r, uint32_t id, int flags, struct error *err);
/* The descriptor of @f in task @t of a process that owns it: its number, or -1. */
int restore_fd_of(const struct new_process *p, const struct new_file *f);

#endif
