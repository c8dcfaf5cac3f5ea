/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_EXTERNAL_H
#define CRBPF_EXTERNAL_H

/*
 * What belongs to others and stays with them: the user names it to dump (--external), and gives
 * restore a descriptor that stands for it (--inherit-fd). Names are CRIU's, but for pipe[INODE],
 * which CRIU takes unasked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file;
struct new_file;
struct options;
struct restore;

#define EXTERNAL_NAME 48 /* bytes that such a name takes at most, its end included */

/* Is @word what --external takes: pidfd[PID], file[MNT:INODE] … */
bool external_is_word(const char *word);
/* Is @word what --inherit-fd takes: fd[NUMBER]:NAME? Sets *@ret_fd. */
bool inherit_is_word(const char *word, int *ret_fd);

/* --- scan, dump --- */

/* "file[1c:2f0]": its mount and its inode, by which it may be named whatever its kind is. */
void external_file_name(const struct file *f, char name[static EXTERNAL_NAME]);
/* "tty[8805:18]": its device and that of the file system where its node lies. */
void external_tty_name(const struct file *f, char name[static EXTERNAL_NAME]);

/* Was it named? Upper case is lower case here. */
bool external_has(const struct options *opt, const char *name);
/* Was @f, which has a place in a file system, named by that? */
bool external_has_file(const struct options *opt, const struct file *f);
bool external_has_tty(const struct options *opt, const struct file *f);
/* Of a pipe ("pipe") or a socket ("unix"), by the number that /proc shows. */
bool external_has_inode(const struct options *opt, const char *type, uint64_t ino);

/* --- restore --- */

/* Finds what is given for each file that a process has: new_file.given. */
void external_assign(struct restore *r);
/* Takes those for which something is given: sets their fd. Returns 0 or -errno. */
int external_open(struct restore *r);
/* The error of one for which nothing is given, as @name. Returns below 0. */
int external_missing(struct restore *r, const char *name);

#endif
