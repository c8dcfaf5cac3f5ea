/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_IMAGE_H
#define CRBPF_IMAGE_H

/*
 * Image files in CRIU's format: framing, magics, names; what is inside belongs to
 * the kinds. A directory is written as a whole or not at all: files made by
 * image_create are removed again by image_dir_discard.
 *
 *	ordinary image	head magic, type magic, entries
 *	entry		u32 size, protobuf message, bytes that the message counts
 */

#include <linux/types.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct image_dir;
struct image;

/* One per kind of image. Names, magics and messages are CRIU's (names.c). */
enum image_type {
	IMAGE_INVENTORY,
	IMAGE_PSTREE,
	IMAGE_CORE,
	IMAGE_IDS,
	IMAGE_MM,
	IMAGE_FS,
	IMAGE_FDINFO,
	IMAGE_FILES,
	IMAGE_PAGEMAP,
	IMAGE_PAGEMAP_SHMEM,
	IMAGE_PAGES, /* raw */
	IMAGE_PIPES_DATA,
	IMAGE_FIFO_DATA,
	IMAGE_SK_QUEUES,
	IMAGE_TCP_STREAM,
	IMAGE_REMAP_FPATH,
	IMAGE_GHOST_FILE,
	IMAGE_MEMFD,
	IMAGE_TTY_INFO,
	IMAGE_TTY_DATA,
	IMAGE_FILELOCKS,
	IMAGE_SECCOMP,
	IMAGE_CGROUP,
	IMAGE_APPARMOR,
	IMAGE_BPFMAP_DATA,
	IMAGE_CPUINFO,
	IMAGE_UTSNS,
	IMAGE_IPCNS_VAR,
	IMAGE_IPCNS_SHM,
	IMAGE_IPCNS_MSG,
	IMAGE_IPCNS_SEM,
	IMAGE_MOUNTPOINTS,
	IMAGE_NETDEV,
	IMAGE_NETNS,
	IMAGE_USERNS,
	IMAGE_PIDNS,
	IMAGE_TIMENS,
	IMAGE_AUTOFS,
	IMAGE_BINFMT_MISC,
	IMAGE_STATS_DUMP,
	IMAGE_STATS_RESTORE,
	IMAGE_IRMAP_CACHE,

	/* raw: other programs' bytes, named by namespace, device or mount */
	IMAGE_IFADDR,
	IMAGE_ROUTE,
	IMAGE_ROUTE6,
	IMAGE_RULE,
	IMAGE_IPTABLES,
	IMAGE_IP6TABLES,
	IMAGE_NFTABLES,
	IMAGE_NETNS_CT,
	IMAGE_NETNS_EXP,
	IMAGE_TMPFS_DEV,
	IMAGE_TMPFS,

	/* written by old releases only; their content now lies in files, core and mm */
	IMAGE_REG_FILES,
	IMAGE_EXT_FILES,
	IMAGE_NS_FILES,
	IMAGE_EVENTFD,
	IMAGE_EVENTPOLL,
	IMAGE_EVENTPOLL_TFD,
	IMAGE_SIGNALFD,
	IMAGE_TIMERFD,
	IMAGE_INOTIFY,
	IMAGE_INOTIFY_WD,
	IMAGE_FANOTIFY,
	IMAGE_FANOTIFY_MARK,
	IMAGE_PIPES,
	IMAGE_FIFO,
	IMAGE_UNIXSK,
	IMAGE_INETSK,
	IMAGE_PACKETSK,
	IMAGE_NETLINKSK,
	IMAGE_TTY,
	IMAGE_TUNFILE,
	IMAGE_PIDFD,
	IMAGE_BPFMAP_FILE,
	IMAGE_VMAS,
	IMAGE_SIGACTS,
	IMAGE_CREDS,
	IMAGE_ITIMERS,
	IMAGE_POSIX_TIMERS,
	IMAGE_RLIMIT,
	IMAGE_SIGNAL_S,
	IMAGE_SIGNAL_P,
	IMAGE_BINFMT_MISC_DEV,
	IMAGE_PAGES_SHMEM,

	/* ours */
	IMAGE_MEMORY_TAGS,

	IMAGE_TYPES
};

/*
 * What is known of a type of image. `crbpf show` prints any image from this table
 * alone; to add a type, add a row in names.c.
 */
struct image_info {
	const char *format; /* file name; %llu or %llx where a number belongs */
	const char *name;   /* CRIU's name of the magic; NULL: raw */
	__u32 head_magic;   /* 0: none (inventory, raw) */
	__u32 magic;        /* 0: raw */
	const ProtobufCMessageDescriptor *first; /* of the first entry, if it differs */
	const ProtobufCMessageDescriptor *entry;
	/* Bytes that follow entry @msg; -1: the rest of the file. NULL: none. */
	long long (*extra)(const ProtobufCMessage *msg);
	/*
	 * Entries of another kind that follow entry @msg, each with bytes of its own: their
	 * descriptor (NULL: none), how many (-1: to the end of the file), and the bytes.
	 */
	const ProtobufCMessageDescriptor *nested;
	long long (*n_nested)(const ProtobufCMessage *msg);
	long long (*nested_extra)(const ProtobufCMessage *msg);
};
const struct image_info *image_info(enum image_type type);

#define IMAGE_NAME_MAX 64
/* The name of a file of @type; @number is ignored if such a name has none. */
void image_name(char name[static IMAGE_NAME_MAX], enum image_type type, unsigned long long number);
/* The type and number of file @name. Returns false if it is no image that we know. */
bool image_parse_name(const char *name, enum image_type *ret_type, unsigned long long *ret_number);

/* Opens a directory of images. Creates nothing. */
int image_dir_open(struct image_dir **ret, const char *path, struct error *err);
/* The directory's descriptor (borrowed). */
int image_dir_fd(const struct image_dir *dir);
/*
 * From now on files of finished images are written by image_dir_release, as long as they are
 * small: nobody waits for them meanwhile.
 */
void image_dir_hold(struct image_dir *dir);
/* Writes what was held back, and ends it. Returns 0 or -errno. */
int image_dir_release(struct image_dir *dir, struct error *err);
/* Does it hold a finished checkpoint (an inventory)? */
bool image_dir_is_complete(struct image_dir *dir);
/*
 * Removes the images of an earlier checkpoint, its inventory first, so that nothing
 * of it is taken for a part of the next one. Other files stay.
 */
int image_dir_clear(struct image_dir *dir, struct error *err);
/*
 * Writes IMAGE_SUMS_NAME, a file of our own: the size and hash (XXH64) of every file
 * made here, as they now read. To be called when all are finished, off the frozen
 * path, before image_dir_sync. Who changes an image afterwards seals again or
 * removes that file.
 */
#define IMAGE_SUMS_NAME "crbpf.sums"
int image_dir_seal(struct image_dir *dir, struct error *err);
/*
 * The sum of a piece of a pages file, @n bytes that stand at @offset, both multiples of
 * 4096: the sum of a whole file is that of its pieces (modulo 2^64), in whatever
 * order they are written.
 */
uint64_t image_pages_sum(const void *data, size_t n, uint64_t offset);
/* Spares image_dir_seal the reading of pages-@number: its sum and size. 0 or -ENOMEM. */
int image_dir_note_sum(struct image_dir *dir, unsigned long long number, uint64_t sum,
		       uint64_t size);
/* Told of each file @name that is not as it was; @what begins with a verb. */
typedef void (*image_sums_problem)(void *context, const char *name, const char *what);
/*
 * Compares the files with what image_dir_seal wrote. Returns 0 although some differ;
 * -ENOENT (no error set) if there are no sums, as in CRIU's images; else -errno.
 */
int image_dir_check_sums(struct image_dir *dir, image_sums_problem problem, void *context,
			 struct error *err);
/* Flushes every file made here, and the directory, to the disk. */
int image_dir_sync(struct image_dir *dir, struct error *err);
/* Removes every file made here, the last one first. What is open then gets none. */
void image_dir_discard(struct image_dir *dir);
void image_dir_close(struct image_dir *dir);

/*
 * --- writing: buffered; a full disk is an error of add or finish, never silent. Images
 * of one directory may be written by several threads, one image by one at a time.
 */

/*
 * The file appears with its first entry, mode 0600, always a new inode; an old file of
 * that name is removed at once, also if no entry follows.
 */
int image_create(struct image_dir *dir, enum image_type type, unsigned long long number,
		 struct image **ret, struct error *err);
/* Appends one message with its size before it. */
int image_add(struct image *image, const ProtobufCMessage *msg, struct error *err);
/* Appends bytes that belong to the entry before. */
int image_add_bytes(struct image *image, const void *data, size_t n, struct error *err);
/*
 * Writes what is buffered and closes; frees @image in every case. Fails if an add
 * failed. A NULL @image is fine.
 */
int image_finish(struct image *image, struct error *err);
/* One message, one file. */
int image_write(struct image_dir *dir, enum image_type type, unsigned long long number,
		const ProtobufCMessage *msg, struct error *err);
/* A raw image for the caller to write (and read back): returns its descriptor, the caller's. */
int image_create_raw(struct image_dir *dir, enum image_type type, unsigned long long number,
		     struct error *err);

/* --- reading: nothing is trusted; sizes are checked against the file --- */

/*
 * *@ret is NULL, and 0 returned, if there is no such file: an empty image. Files with
 * and without CRIU's head magic (format 2 and 1) are read.
 */
int image_open(struct image_dir *dir, enum image_type type, unsigned long long number,
	       struct image **ret, struct error *err);
/* A file of any name, whose type its magic tells (the first of those that share one). */
int image_open_file(const char *path, struct image **ret, struct error *err);
/* Closes and frees. NULL is fine. */
void image_close(struct image *image);
enum image_type image_type(const struct image *image);
/* The file's name without its directory (borrowed). */
const char *image_file_name(const struct image *image);

/*
 * Unpacks the next entry as @desc (NULL: the type's own). Returns 1; 0 at the end;
 * -errno with the file's name and offset in @err. Every required field is there, no
 * string or sub-message in it is NULL, nesting is bounded; enums may have any value.
 * *@ret is the caller's (protobuf_c_message_free_unpacked).
 */
int image_next(struct image *image, const ProtobufCMessageDescriptor *desc, ProtobufCMessage **ret,
	       struct error *err);
/* Reads exactly @n bytes that belong to the entry before. */
int image_next_bytes(struct image *image, void *data, size_t n, struct error *err);
/* Passes over @n such bytes. */
int image_skip(struct image *image, unsigned long long n, struct error *err);
/* Passes over all that follows entry @msg by the type's rules: bytes, nested entries. */
int image_skip_extra(struct image *image, const ProtobufCMessage *msg, struct error *err);
/* Bytes left in the file. */
unsigned long long image_left(const struct image *image);
/*
 * Descriptor of the file with its position after the entry before (borrowed). What is
 * read from it counts here only when image_skip says so.
 */
int image_fd(struct image *image);
/* One message, one file; a missing or empty file is an error. */
int image_read(struct image_dir *dir, enum image_type type, unsigned long long number,
	       ProtobufCMessage **ret, struct error *err);
/*
 * A raw image opened for reading: returns its descriptor, the caller's; -ENOENT (no
 * error set) if it is missing.
 */
int image_open_raw(struct image_dir *dir, enum image_type type, unsigned long long number,
		   struct error *err);

#endif
