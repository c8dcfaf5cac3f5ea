/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_FDUTIL_H
#define CRBPF_FDUTIL_H

/*
 * What several kinds of descriptors share: what a description is in words, its
 * flags and its owner for signals. dump_fown (dump/dump.h), restore_fown and
 * restore_fd_flags (restore/restore.h) are implemented here too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct FownEntry FownEntry;

struct dump;
struct file;
struct judge;
struct new_file;
struct restore;
struct snapshot;

/* Magics of file systems that have no names: what lives there has no path. */
enum {
	MAGIC_PIPEFS = 0x50495045,
	MAGIC_SOCKFS = 0x534f434b,
	MAGIC_ANON_INODE = 0x09041934,
	MAGIC_PIDFS = 0x50494446,
	MAGIC_NSFS = 0x6e736673,
	MAGIC_MQUEUE = 0x19800202,
	MAGIC_SECRETMEM = 0x5345434d,
	MAGIC_PROC = 0x9fa0,
};

/*
 * What @f is, for people: "anon_inode:[io_uring]", "AF_NETLINK socket", "character
 * device 226:0 /dev/dri/card0". Returns @buf.
 */
const char *file_describe(const struct file *f, char *buf, size_t n);

/* Opened with O_PATH: a place, not an opened object. Only regfile claims such. */
bool file_is_path(const struct file *f);
/* On a file system whose files have no names: pipes, sockets, anonymous inodes … */
bool file_is_nameless(const struct file *f);
/* An anonymous inode of this name: "eventfd". */
bool file_is_anon(const struct file *f, const char *name);

/* Open flags as /proc/PID/fdinfo shows them, without O_CLOEXEC. */
uint32_t file_flags(const struct file *f);
/* Does @f allow reading (writing)? O_PATH: neither. */
bool file_can_read(const struct file *f);
bool file_can_write(const struct file *f);

/* Notes a warning if the signals of @f go to a process that the checkpoint does not hold. */
void judge_fown(struct judge *j, const struct file *f);

/*
 * Walks the files of a snapshot outwards from @f (its own position first), for
 * relatives stand beside each other: starting with *@step 0, returns the next one,
 * NULL at the end.
 */
struct file *file_near(const struct snapshot *snap, const struct file *f, size_t *step);

/* The id that the network namespace of the host has in every image: ids are numbered in a fixed
 * order. */
#define HOST_NET_NS_ID 2

/* A string from an image that may serve as an absolute path: begins with '/', fits PATH_MAX. */
bool is_absolute_path(const char *path);

/*
 * For a kind's check: fails unless the open flags of an image can be those of a
 * description (an access mode, no bit that only creates).
 */
int check_flags(struct restore *r, const struct new_file *f, uint32_t flags);

/*
 * For a kind's connect: owner of signals, then the flags. O_ASYNC is left to the first process
 * that has it (new_file.is_async).
 */
int connect_fown_flags(struct restore *r, struct new_file *f, const FownEntry *fown,
		       uint32_t flags);

#endif
