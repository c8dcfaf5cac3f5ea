/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_REGFILE_H
#define CRBPF_REGFILE_H

/*
 * REG entries of files.img: paths with what proves that the same file stands
 * there. Descriptors have them, and so do mappings, executables, directories of
 * tasks, and the names of FIFOs and terminals. dump_regfile (dump/dump.h) and
 * restore_open_regfile (restore/restore.h) are the doors for those.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fileref.h"

typedef struct FileEntry FileEntry;
typedef struct FownEntry FownEntry;

struct dump;
struct file;
struct new_file;
struct remap;
struct restore;

/* --- dump --- */

struct regfile_source {
	struct fileref ref;
	uint32_t mnt_id;
	uint32_t mode; /* st_mode */
	uint64_t size; /* st_size */
	uint32_t flags;
	uint64_t pos;
	int fd;              /* of this process, for the content of a deleted file; -1 */
	bool wants_build_id; /* it is mapped, or executed */
	bool is_present;     /* its path is known to lead to it */
	bool is_label;       /* its kind makes the object anew: the path need not lead to it */
};

/*
 * Fills the REG message of @entry, whose id is set. A deleted file becomes a ghost
 * or gets a temporary link: those images are written. @fown NULL: nobody owns it.
 */
int regfile_describe(struct dump *d, FileEntry *entry, const struct regfile_source *src,
		     FownEntry *fown);

/*
 * Writes a REG entry with the path, flags and owner of descriptor @f, for kinds that need its
 * name, or (@is_label) only show it. Its id, or 0 with the error set.
 */
uint32_t regfile_name(struct dump *d, struct file *f, bool is_label);

/* Removes the temporary links that the dump made. */
void regfile_discard(struct dump *d);

/* --- restore --- */

/* Where REG entry @f really stands, from remap-fpath.img (read once). NULL with the error set. */
struct remap *regfile_remap(struct restore *r, struct new_file *f);

/*
 * Opens what @f names with @flags (O_CLOEXEC is added), after checking that it is
 * what was dumped. Ghosts become f->fd of all that stand for them; *@ret_fd is then
 * a second descriptor of it. The descriptor is the caller's.
 */
int regfile_open(struct restore *r, struct new_file *f, uint32_t flags, int *ret_fd);

/*
 * The temporary links of the dump have served, for descriptors and mappings: they are removed. A
 * second restore finds them gone, and the files by their handles.
 */
void regfile_remove_links(const struct restore *r);

#endif
