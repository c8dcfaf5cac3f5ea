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
#include "image/image.h"
#include "lib/buf.h"
#include "lib/ids.h"
#include "stage.h"

typedef struct CoreEntry CoreEntry;
typedef struct FdinfoEntry FdinfoEntry;
typedef struct FileEntry FileEntry;
typedef struct FownEntry FownEntry;
typedef struct FsEntry FsEntry;
typedef struct InventoryEntry InventoryEntry;
typedef struct MemoryTagsEntry MemoryTagsEntry;
typedef struct MmEntry MmEntry;
typedef struct PagemapEntry PagemapEntry;
typedef struct PstreeEntry PstreeEntry;
typedef struct SeccompEntry SeccompEntry;
typedef struct TaskKobjIdsEntry TaskKobjIdsEntry;
typedef struct VmaEntry VmaEntry;

struct batch;
struct caps;
struct engine;
struct error;
struct injected;
struct kind;
struct log;
struct new_process;
struct old_vdso;
struct options;

/* tc->task_state of a leader's core. */
enum new_state { STATE_ALIVE = 1, STATE_DEAD, STATE_STOPPED };

/* An open file description to be. */
struct new_file {
	uint32_t id;
	const struct kind *kind;
	FileEntry *entry;
	int fd;      /* in this process once opened; -1 */
	int born_fd; /* fd when the tree was cloned: a copy stands there in every task; -1 */
	struct new_process *process; /* the first that has it, NULL if none: a mapped file, a cwd */
	uint32_t number;             /* its lowest number there */
	int given;                   /* of this process, for what belongs to others (external.h); -1 */
	uint32_t given_flags;        /* what it was opened with */
	bool is_settled;             /* restore_settle was called for it */
	bool is_async;               /* its owner is to set O_ASYNC */
	void *data;                  /* of the kind, from r->arena */
};

struct new_fd {
	uint32_t number;
	bool cloexec;
	struct new_file *file;
	FdinfoEntry *entry;
};

struct new_vma {
	VmaEntry *entry;
	const struct kind *kind;
	int fd;         /* what to map, in this process; -1 anonymous */
	int map_prot;   /* PROT_* while pages are filled */
	bool inherited; /* comes from the parent's memory with the clone */
	bool has_pages; /* some of its pages are in the pages image */
	int born_prot;  /* inherited: what the parent's has when it is cloned */
};

/* A run of pages and where their content stands. */
struct new_pages {
	uint64_t start;  /* address */
	uint64_t count;  /* pages */
	uint64_t offset; /* bytes into the pages file */
};

/* A thread. */
struct new_task {
	struct new_process *process;
	pid_t tid;
	CoreEntry *core;
	struct regs regs;          /* from the core, checked */
	struct injected *injected; /* NULL before it exists, and after it was handed over */
	bool is_released;          /* handed over: still traced and stopped until resume */
};

struct new_process {
	PstreeEntry *tree; /* NULL for a helper */
	pid_t pid, pgid,
		sid; /* as they are to be: pgid and sid of a shell job are this process's */
	struct new_process *parent; /* NULL: the root */
	bool is_zombie, is_helper;  /* a helper leads a session or group whose leader has died, and
				       exits again */
	TaskKobjIdsEntry *ids;
	MmEntry *mm;
	FsEntry *fs;
	struct new_task *tasks; /* leader first */
	size_t n_tasks;
	struct new_fd *fds; /* ascending; of its own table */
	size_t n_fds;
	bool has_fdinfo; /* there was an image of them; none is written for no descriptor */
	struct new_process
		*files_of; /* shares the descriptor table of this one; NULL: has its own */
	bool lends_files; /* others share its table */
	struct new_vma
		*vmas; /* ascending, without guards and what the kernel maps (vDSO, vsyscall) */
	size_t n_vmas;
	VmaEntry **guards; /* ranges of guard pages inside of vmas */
	size_t n_guards;
	struct vdso vdso;        /* where this kernel's vDSO belongs; sizes 0: nowhere */
	VmaEntry *vdso_entry, *vvar_entry; /* that and its data in the image */
	struct old_vdso *old_vdso; /* another kernel's, which it keeps: vdso.h; NULL */
	struct new_pages *pages; /* to be written: ascending, offsets too */
	size_t n_pages;
	MemoryTagsEntry **tags; /* of tagged memory, ascending */
	size_t n_tags;
	struct new_pages *drops; /* the parent has these pages, it has not: offset is of no use */
	size_t n_drops;
	int pages_fd; /* -1 if it has none */
	bool is_filled_from_here; /* its memory is large: fill.h */
	__s64 userfault; /* its descriptor, while it is filled; below 0: none */

	/* the plan */
	struct new_process
		*cloned_by; /* whose child it is born as: its parent, or a helper (CLONE_PARENT) */
	bool by_adoption;   /* cloned_by is a helper whose end makes it its parent's child */
	bool before_setsid; /* cloned before cloned_by calls setsid */
	bool as_sibling; /* cloned with CLONE_PARENT: cloned_by leads its session, and is no parent
			  */
	bool after_memory; /* cloned once the memory of cloned_by stands, to share its pages */
	pid_t born_sid;    /* its session until it calls setsid */
	struct new_process **births; /* whom it clones, in this order */
	size_t n_births;

	/* the tree as it grows */
	struct vdso vdso_now; /* where its vDSO is */
	bool is_dead;         /* a helper or zombie that has exited */
};

struct restore_stats {
	long long start_ns, fork_ns, end_ns;
	uint64_t pages_compared, pages_shared, pages_restored;
	struct stage_times stages;
};

struct restore {
	const struct options *opt;
	struct log *log;
	struct error *err;

	struct image_dir *dir;
	InventoryEntry *inventory;
	SeccompEntry *seccomp;          /* read on first use: user/kind/seccomp.c */
	struct caps *own_caps;          /* of this process; read on first use: user/kind/creds.c */
	struct new_process **processes; /* parents before children, the root first; helpers last */
	size_t n_processes;
	size_t n_threads;        /* of all processes, helpers too */
	struct ids pid_index;    /* pid to position + 1 in processes: restore_process */
	struct new_file **files; /* by id: restore_file */
	size_t n_files;
	struct ids file_index;       /* file id to position + 1 */
	struct ids kind_data;        /* for kinds: (their own keys) to positions in r->objects */
	struct arena arena;          /* tables and plans */
	ProtobufCMessage **messages; /* all that was unpacked, freed at the end */
	size_t n_messages;
	uint64_t page_size;
	uint64_t lowest_address;   /* below it nothing may be mapped */
	uint64_t task_size;        /* nor from here on */
	bool has_keys;             /* protection keys exist; known if somebody uses them */
	pid_t home_sid, home_pgid; /* session and group of this process: a shell job joins them */

	int pidfd;               /* of this process, at that number in every task too; -1 */
	int *lent;               /* descriptors of this process that tasks borrow; owned */
	size_t n_lent;
	uint64_t engine_address; /* free in every task and here */
	struct engine *engine;
	struct vdso vdso; /* of this process, which the tree begins with */
	struct restore_stats stats;
	bool resumed; /* past the point of no return */
};

/* The whole of it. Returns 0 or -errno with @err set; with neither --restore-detached it returns
 * when the root has ended. */
int restore_run(const struct options *opt, struct log *log, struct error *err);

/* --- the stages, one file each --- */
int restore_load(void *restore, struct error *err);     /* images to messages */
int restore_validate(void *restore, struct error *err); /* nothing in them is trusted */
int restore_plan(void *restore, struct error *err);     /* who is made by whom, in which order */
int restore_open(void *restore,
		 struct error *err); /* descriptions and shared memory, in this process */
/* Undoes what opening did outside of this process, if the restore failed. */
void restore_abandon(void *restore, bool failed, struct error *err);
int restore_tree(void *restore, struct error *err); /* processes and their memory */
void restore_kill(void *restore, bool failed,
		  struct error *err);                  /* undoes the tree unless resumed */
int restore_threads(void *restore, struct error *err); /* all threads but the leaders */
int restore_objects(void *restore, struct error *err); /* descriptors to their owners */
int restore_tasks(void *restore, struct error *err);   /* the phases of kinds */
int restore_resume(void *restore, struct error *err);  /* registers; the point of no return */

/* --- what stages share --- */

/* Hands @msg to the restore, which frees it at the end, also if this fails. Returns 0 or -ENOMEM.
 */
int restore_keep(struct restore *r, void *msg);
/* Opens @image, reads its only entry and keeps it; missing is an error. */
int restore_message(struct restore *r, enum image_type type, unsigned long long number,
		    void *ret_msg, struct error *err);

/* --- what kinds use --- */

/*
 * Reads a pagemap and checks it: runs ascending, not overlapping, inside of the
 * pages file; offsets ascend without gaps. *@ret_pages is from r->arena,
 * *@ret_fd the pages file, the caller's (-1 if no page is in it). For a pagemap of
 * shared memory the addresses are offsets in it. A missing pagemap is an error.
 */
int restore_pagemap(struct restore *r, enum image_type type, unsigned long long number,
		    struct new_pages **ret_pages, size_t *ret_n, int *ret_fd, struct error *err);

/*
 * Calls the kind's settle, unless that was done: for the settle of another file which needs this
 * one as it is going to be. Returns 0 or -errno.
 */
int restore_settle(struct restore *r, struct new_file *f);
/* The description with @id, or NULL. */
struct new_file *restore_file(const struct restore *r, uint32_t id);
/* The process with (virtual) @pid, or NULL. */
struct new_process *restore_process(const struct restore *r, pid_t pid);
/* Is there a thread with (virtual) @tid, leader or not? Helpers of the plan are none. */
bool restore_has_thread(const struct restore *r, pid_t tid);
/* Puts @fown on f->fd (F_SETOWN_EX, F_SETSIG): for a kind's connect. */
int restore_fown(struct restore *r, int fd, const FownEntry *fown);
/* The flags that F_SETFL can set (O_APPEND, O_ASYNC, O_NONBLOCK, O_DIRECT, O_NOATIME), put on @fd.
 */
int restore_fd_flags(struct restore *r, int fd, uint32_t flags);
/*
 * Opens the REG entry @id (a path) in this process; flags as stored, or @flags if not -1.
 * The descriptor is the caller's. Implemented in user/kind/regfile.c.
 */
int restore_open_regfile(struct restore *r, uint32_t id, int flags, struct error *err);
/* The number of @f in process @p (its table may be another's), or -1. */
int restore_fd_of(const struct new_process *p, const struct new_file *f);

#endif
