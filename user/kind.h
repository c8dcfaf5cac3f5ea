/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_KIND_H
#define CRBPF_KIND_H

/*
 * The operations table of kinds: one file of user/kind/ per kind of kernel object,
 * holding both directions. The stages of dump and restore walk this table and
 * never name a kind.
 *
 * To add a kind of descriptor, say foofd:
 *  1. bpf/foofd.bpf.c with `int foofd_detail(void)`, and bpf/foofd.h with the record
 *     that it fills, if the kernel can tell more than struct file_record holds
 *  2. images/foofd.proto, and one optional field in file_entry
 *  3. user/kind/foofd.c, ending in `const struct kind kind_foofd = {…};`
 *  4. selftests/foofd.c
 * The Makefile finds them all; no existing file is edited but file_entry's.
 *
 * A kind may concern descriptors (file), mappings (vma), tasks (task), or several
 * of them: memfd is a descriptor and a mapping. NULL members mean "nothing to do".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct CoreEntry CoreEntry;
typedef struct FileEntry FileEntry;
typedef struct VmaEntry VmaEntry;

struct batch;
struct dump;
struct error;
struct file;
struct judge;
struct new_file;
struct new_process;
struct new_task;
struct new_vma;
struct process;
struct restore;
struct snapshot;
struct task;
struct vma;

/* Descriptors: what an open file description is. */
struct file_ops {
	int type;		/* FD_TYPES__* of its FileEntry */
	/* Is this one mine? Must not overlap with another kind's claim: judge asserts it. */
	bool (*claims)(const struct file *f);
	/* Notes what cannot be carried (judge_file). Tasks may be running. */
	void (*judge)(struct judge *j, struct file *f);
	/*
	 * Is its verdict that of every descriptor which is opened alike, by the same path, and
	 * has no owner, lock or detail, in whatever tree? A scan then needs to see one of
	 * them. Those that have a detail are asked in a glance (bpf/glance.bpf.c), whose key must
	 * hold all that the judge sees in it; is_contained of their record is set if all that they
	 * are joined to is open in the same table. NULL: no.
	 */
	bool (*is_plain)(const struct file *f);
	/*
	 * Writes what is special to it now, as "name value" pairs parted by spaces:
	 * "count 3 semaphore". Tasks may be running. NULL: nothing beyond path and position.
	 */
	void (*state)(const struct file *f, const struct snapshot *snap, FILE *out);
	/*
	 * Tasks frozen. Fills @entry: its type and id are set, the message of the kind is
	 * allocated from d->arena. Content goes to further images (dump_image).
	 */
	int (*describe)(struct dump *d, struct file *f, FileEntry *entry);

	/*
	 * What CRIU calls it: a descriptor may be given under that name in its place
	 * (external.h), and *@ret_flags the open flags that it wants. Before any check. "": none.
	 * NULL: it cannot be given.
	 */
	void (*name)(struct restore *r, const struct new_file *f, char *buf, size_t n,
		     uint32_t *ret_flags);
	/*
	 * Once, before any check: gives files that no table holds but that live all the
	 * same (in flight in a queue) a process, so that they are opened too.
	 */
	int (*adopt)(struct restore *r);
	/*
	 * Checks what the image says before any process exists: ids, paths, ranges. Also of
	 * entries that no process has (f->process is NULL): others may lead to them.
	 */
	int (*check)(struct restore *r, struct new_file *f);
	/*
	 * Opens it in this process, into f->fd, with O_CLOEXEC; content, position, flags
	 * and all that needs no task of the tree. Kinds that share objects (both ends of
	 * a pipe) open all of them with the first.
	 */
	int (*open)(struct restore *r, struct new_file *f);
	/* The restore failed: takes back what open made outside of this process, names of sockets. */
	void (*abandon)(struct new_file *f);
	/*
	 * The tree exists, no task runs: what needs the others (epoll targets, owners of
	 * signals) or a task of the tree, once per description. f->fd is still open here.
	 */
	int (*connect)(struct restore *r, struct new_file *f);
	/* Every description is connected: what holds references to others (messages in flight). */
	int (*fill)(struct restore *r, struct new_file *f);
	/*
	 * Once per description, after the descriptors stand at their numbers in @t, the
	 * first process that has it: calls that only an owner can make go into @batch.
	 */
	int (*install)(struct restore *r, struct new_file *f, struct new_task *t,
		       struct batch *batch);
	/* The last thing before resume: what time runs away from (timers). */
	int (*arm)(struct restore *r, struct new_file *f);
	/* All are armed: what keeps in mind whether others are ready (epoll). */
	int (*settle)(struct restore *r, struct new_file *f);
};

/* Mappings. */
struct vma_ops {
	bool (*claims)(const struct vma *v);
	void (*judge)(struct judge *j, const struct process *p, struct vma *v);
	/* As of file_ops: of every mapping with the same flags, file, path and offset. */
	bool (*is_plain)(const struct vma *v);
	/* Which pages of it belong into the process's pages image. */
	enum vma_pages {
		VMA_PAGES_NONE,		/* none: content comes back by itself, or is the object's */
		VMA_PAGES_PRIVATE,	/* those that the process owns: anonymous or copied on write */
		VMA_PAGES_ALL,		/* all: the vDSO */
	} pages;
	/*
	 * Fills status, shmid, flags … of @entry; start, end, prot, vm_flags are set, fd is
	 * -1. Returns 0, 1 if the mapping has no entry of its own, or -errno.
	 */
	int (*describe)(struct dump *d, const struct process *p, struct vma *v, VmaEntry *entry);

	/* Does this entry of an image belong to me? */
	bool (*owns)(const VmaEntry *entry);
	int (*check)(struct restore *r, struct new_process *p, struct new_vma *v);
	/*
	 * Before the tree: objects that mappings share (memfd, shared memory) are made
	 * and filled in this process; descriptors to map from are opened. Sets v->fd
	 * (owned by the restore, may serve many mappings) or leaves -1.
	 */
	int (*open)(struct restore *r, struct new_process *p, struct new_vma *v);
	/*
	 * Adds the calls that map it at its place in @t. @fd is v->fd's number in the task
	 * (-1 without). Pages are filled and the final protection is set by the caller:
	 * map with v->map_prot.
	 */
	int (*map)(struct restore *r, struct new_task *t, const struct new_vma *v, int fd,
		   struct batch *batch);
};

/* When a task's state is put back. Every task is through one phase before the next begins. */
enum task_phase {
	PHASE_PROCESS,	/* leaders: what a process shares */
	PHASE_THREAD,	/* every thread, still with all privileges */
	PHASE_CREDS,	/* every thread: who it is; privileges are gone afterwards */
	PHASE_LAST,	/* every thread: what a change of credentials resets, what forbids the rest */
	PHASE_TIMERS,	/* leaders: what time runs away from */
	TASK_PHASES
};

/* Tasks: what every thread or process has. All kinds with task_ops see every task. */
struct task_ops {
	/* Once per thread; the leader (task == process->tasks) stands for the process too. */
	void (*judge)(struct judge *j, const struct task *t);
	/*
	 * Tasks frozen, registers read. Adds its part to @core, whose thread_core exists,
	 * and tc for leaders; a zombie has tc alone. Messages are allocated from d->arena.
	 */
	int (*describe)(struct dump *d, struct task *t, CoreEntry *core);

	/* Before any process exists: sizes, ranges, things this kernel cannot give. */
	int (*check)(struct restore *r, struct new_task *t);
	/* Adds the calls of one phase. Leaders only in PHASE_PROCESS and PHASE_TIMERS. */
	int (*restore[TASK_PHASES])(struct restore *r, struct new_task *t, struct batch *batch);
	/*
	 * Through ptrace, after all batches, engine gone, registers not yet set: signal
	 * masks, and the like. Must not make the task run.
	 */
	int (*seal)(struct restore *r, struct new_task *t);
};

struct kind {
	const char *name;	/* in messages, and the name of its file */
	const struct file_ops *file;
	const struct vma_ops *vma;
	const struct task_ops *task;
};

/* All kinds, NULL at the end; by name. */
extern const struct kind *const kinds[];
/* A glance asks this one alone (scan/glance.c). */
extern const struct kind kind_cgroup;

/* The kind of descriptors with FileEntry type @type, or NULL. */
const struct kind *kind_of_type(int type);
/* The one kind that claims @f (@v); NULL if none does, or more than one (*ret_other is set then). */
const struct kind *kind_of_file(const struct file *f, const struct kind **ret_other);
const struct kind *kind_of_vma(const struct vma *v, const struct kind **ret_other);
/* The one kind that owns this entry of an image, or NULL. */
const struct kind *kind_of_vma_entry(const VmaEntry *entry);

#endif
