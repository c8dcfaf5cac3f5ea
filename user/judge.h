/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_JUDGE_H
#define CRBPF_JUDGE_H

/*
 * The verdict: may this snapshot be checkpointed? Every task, mapping and
 * descriptor is claimed by exactly one kind, which then lists what of it cannot
 * be carried. What nobody claims is an obstacle: nothing is lost in silence. The
 * same code serves scan and dump, so their verdicts agree.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"

struct error;
struct file;
struct log;
struct options;
struct process;
struct snapshot;
struct surroundings;
struct task;
struct vma;

enum verdict {
	VERDICT_WARNING,	/* carried, with a change that the program could notice */
	VERDICT_OBSTACLE,
};

struct obstacle {
	enum verdict verdict;
	const struct process *process;
	const struct task *task;	/* NULL: the whole process */
	const struct file *file;	/* NULL: not a descriptor */
	const struct vma *vma;		/* NULL: not a mapping */
	uint32_t fd;			/* the number under which @process has @file */
	const char *kind;		/* name of a kind, or what it is: "io_uring" */
	const char *text;		/* what it is and why it cannot be carried */
	const char *hint;		/* what the user can do; NULL if nothing */
};

struct judge {
	const struct options *options;
	struct snapshot *snap;
	struct log *log;
	struct surroundings *around;	/* of the pass; given by the caller */
	struct arena arena;		/* holds the texts */
	struct obstacle *list;
	size_t n;
	size_t n_obstacles;		/* those that are not warnings */
	bool no_memory;			/* an obstacle could not be noted: the verdict is void */
	bool is_unsure;			/* of a tree that runs, another look may say otherwise */
};

/*
 * Notes an obstacle. Exactly one of the places is given; text and hint follow as
 * formats: judge_file(j, file, "io_uring", "close it before the dump", "an io_uring
 * instance cannot be carried"). The text says what it is and why.
 */
void judge_file(struct judge *j, const struct file *file, const char *kind, const char *hint,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void judge_vma(struct judge *j, const struct process *process, const struct vma *vma,
	       const char *kind, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));
void judge_task(struct judge *j, const struct task *task, const char *kind, const char *hint,
		const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void judge_process(struct judge *j, const struct process *process, const char *kind,
		   const char *hint, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Forgets what was noted for @is_moot. */
void judge_drop(struct judge *j, bool (*is_moot)(const struct obstacle *o));
/* Makes the obstacle noted last a warning. */
void judge_soften(struct judge *j);

/* Claims and judges everything in the snapshot. Returns 0 or -errno (the verdict is in j->list). */
int judge_run(struct judge *j, struct error *err);
void judge_deinit(struct judge *j);

/*
 * Is this one clean, without even a warning, and so is all that is like it (is_plain of its kind)?
 * @f, @v and its process @p need no snapshot.
 */
bool judge_plain_file(const struct options *options, struct surroundings *around, struct file *f);
bool judge_plain_vma(const struct options *options, struct surroundings *around,
		     const struct process *p, struct vma *v);

/*
 * One line for people: "task 4242 (ibus-daemon): fd 7: anon_inode:[pidfd]: points at
 * a process outside the tree". The caller frees it. NULL if memory ran out.
 */
char *obstacle_line(const struct obstacle *obstacle);

#endif
