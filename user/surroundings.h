/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SURROUNDINGS_H
#define CRBPF_SURROUNDINGS_H

/*
 * What the machine answers alike for every task and file of a pass, asked once: a
 * machine of 5,000 processes maps some hundred files 100,000 times. Good for one
 * pass, no longer: files are renamed and mounts change.
 */

#include <stdbool.h>
#include <stddef.h>

#include "fileref.h"
#include "lib/buf.h"
#include "lib/ids.h"

#define LABEL_ROOM   4096 /* of a security label: stacked AppArmor profiles are long */
/* Labels that a task may ask for, in /proc/PID/attr: of what it executes next, of files it makes … */
#define LABEL_WISHES "exec", "fscreate", "keycreate", "sockcreate"
#define CGROUPS_ROOM 8192 /* of /proc/PID/cgroup */

struct surroundings_path;
struct surroundings {
	struct arena arena;		/* holds the paths */
	struct ids index;		/* hash of a path and its inode to position + 1 in paths */
	struct surroundings_path *paths;	/* those that lead to their file */
	size_t n_paths;
	char label[LABEL_ROOM];		/* of this process; "" if no security module gives labels */
	bool has_label;			/* it was asked for */
	const char *groups;		/* /proc/self/cgroup; NULL until it is asked for */
	struct ids own_groups;		/* css_set of tasks that are in the same: identities */
};

/* As fileref_state; that a path leads to its file is remembered. */
enum fileref_state surroundings_state(struct surroundings *s, const struct fileref *ref);
/* Is it remembered that this path leads to this file? ref->proc need not be set. */
bool surroundings_is_present(const struct surroundings *s, const struct fileref *ref);
/* The security label of this process; "" if no module gives labels. */
const char *surroundings_label(struct surroundings *s);
/* The control groups of this process, as /proc/self/cgroup has them; "" if that cannot be read. */
const char *surroundings_groups(struct surroundings *s);
/* Is this css_set known to stand for them? It is, once it was noted. */
bool surroundings_has_own_groups(const struct surroundings *s, uint64_t css_set);
void surroundings_note_groups(struct surroundings *s, uint64_t css_set);
void surroundings_deinit(struct surroundings *s);

/* What is in a small file, as far as there is room; "" if it cannot be read. */
void read_text(const char *path, char *buf, size_t n);

/* The security label at @path (/proc/PID/attr/current), without what ends it; "" if there is none. */
void read_label(const char *path, char *buf, size_t n);

/*
 * Does this label confine nothing? AppArmor's word for it ("unconfined_http (enforce)" is a profile),
 * and the types of those whom Fedora's SELinux policy leaves alone.
 */
bool label_is_none(const char *label);

#endif
