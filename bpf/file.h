/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_BPF_FILE_H
#define CRBPF_BPF_FILE_H

/*
 * For the programs alone: iter/task_file and what it calls.
 *
 * To add a detail: write bpf/KIND.h with struct KIND_detail (no padding, a multiple
 * of 8 bytes, at most DETAIL_ROOM), append DETAIL_KIND to enum detail_type, and write
 * bpf/KIND.bpf.c with `int KIND_detail(void)`: 0 if the file in file_now.record is none of
 * its kind, else clear and fill detail_room() and return detail_done(). The Makefile finds it.
 */

#include "common.h"

#define DETAIL_ROOM 768

#define O_PATH   010000000

#define S_IFMT   00170000
#define S_IFSOCK 0140000
#define S_IFREG  0100000
#define S_IFDIR  0040000
#define S_IFCHR  0020000
#define S_IFIFO  0010000

struct file_scratch {
	struct file_record record;
	char tail[DETAIL_ROOM + RECORD_PATH + 8];
};
extern struct file_scratch file_now;

#define detail_room(type)                                                                          \
	({                                                                                         \
		_Static_assert(sizeof(type) <= DETAIL_ROOM && sizeof(type) % 8 == 0, "detail");    \
		(type *)file_now.tail;                                                             \
	})

static __always_inline int detail_done(__u32 type, __u32 size)
{
	file_now.record.detail_type = type;
	file_now.record.detail_size = size;
	return 1;
}

static __always_inline bool is_file_type(__u32 type)
{
	return (file_now.record.i_mode & S_IFMT) == type;
}

/* Is it an anonymous inode of this name, given without brackets? (There is no memcmp in BPF.) */
#define is_anon(name)                                                                              \
	({                                                                                         \
		const union {                                                                      \
			char text[16];                                                             \
			__u64 words[2];                                                            \
		} want_ = {name};                                                                  \
		const __u64 *have_ = (const __u64 *)file_now.record.anon_name;                     \
		have_[0] == want_.words[0] && have_[1] == want_.words[1];                          \
	})

/* Mount id of a struct vfsmount. */
static __always_inline __u32 mount_id(struct vfsmount *at)
{
	struct mount *mount = (void *)at - bpf_core_field_offset(struct mount, mnt);

	return at ? BPF_CORE_READ(mount, mnt_id) : 0;
}

#define is_in_use(list)                                                                            \
	({                                                                                         \
		struct list_head *head_ = list;                                                    \
		(__u64)BPF_CORE_READ(head_, next) != (__u64)head_;                                 \
	})

/* Has anybody a lock or lease on it? Once there was one, the lists stay. */
static __always_inline bool inode_has_locks(struct inode *inode)
{
	struct file_lock_context *locks;

	if (!bpf_core_field_exists(inode->i_flctx))
		return false;
	locks = BPF_CORE_READ(inode, i_flctx);
	return locks && (is_in_use(__builtin_preserve_access_index(&locks->flc_posix)) ||
			 is_in_use(__builtin_preserve_access_index(&locks->flc_flock)) ||
			 is_in_use(__builtin_preserve_access_index(&locks->flc_lease)));
}

/* Parts: return 1 if the ring is full, else 0 with the count in the record. */
int file_locks(void);
int file_epoll(void);
int file_queue(void);
int file_flights(void);
int file_tty_queue(void);
int file_watches(void);
int file_names(void); /* of a file in flight: where it lies */

/* What the record says of view.file. */
int file_name(void);
int file_owner(void);
int file_kind(void);

/* The struct tty_struct of the file in view, 0 if it is no terminal. */
__u64 tty_of_file(void);
__u32 tty_driver_kind(__u64 tty);

#endif
