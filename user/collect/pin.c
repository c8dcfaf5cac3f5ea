// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pinned cache: /sys/fs/bpf/crbpf/HASH holds the programs and maps of one build that make
 * records, and HASH-glance those of a glance, for root alone. Such a directory is locked (flock) by
 * the one process that uses the ring.
 */

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bpf-hash.h"
#include "collect/collector.h"
#include "collect/programs.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"

#define BPF_FS_MAGIC 0xcafe4a11
#define BPFFS        "/sys/fs/bpf"
#define CACHE        BPFFS "/crbpf"
#define CACHE_BUILD  CACHE "/" CRBPF_BPF_HASH /* bpffs allows no dots: no version */

#define ANY_SET (COLLECT_ALL | COLLECT_GLANCE)

/* What is pinned, of which set, and where struct programs keeps it. */
static const struct {
	const char *name;
	unsigned int flags;
	size_t offset;
} pins[] = {
	{"task", COLLECT_ALL, offsetof(struct programs, program[PROGRAM_TASK])},
	{"file", COLLECT_ALL, offsetof(struct programs, program[PROGRAM_FILE])},
	{"vma", COLLECT_ALL, offsetof(struct programs, program[PROGRAM_VMA])},
	{"glance", COLLECT_GLANCE, offsetof(struct programs, program[PROGRAM_GLANCE])},
	{"records", ANY_SET, offsetof(struct programs, ring)},
	{"wanted", ANY_SET, offsetof(struct programs, wanted)},
	{"control", ANY_SET, offsetof(struct programs, control_map)},
};
#define N_PINS (sizeof(pins) / sizeof(*pins))

static const char *set_directory(unsigned int collect_flags)
{
	return collect_flags & COLLECT_GLANCE ? CACHE_BUILD "-glance" : CACHE_BUILD;
}

static int *pin_fd(struct programs *p, size_t i)
{
	return (int *)((char *)p + pins[i].offset);
}

static int pin_path(char *path, size_t size, const char *dir, size_t i)
{
	return snprintf(path, size, "%s/%s", dir, pins[i].name) < (int)size ? 0 : -ENAMETOOLONG;
}

/* Opens a directory of the cache, if nobody but us can have put anything there. */
static int open_trusted(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || fstatfs(fd, &fs))
		return -errno;
	if (fs.f_type != BPF_FS_MAGIC || st.st_uid != geteuid() || st.st_mode & 077)
		return -EPERM;
	return take_fd(fd);
}

int programs_take(struct programs *p, unsigned int collect_flags)
{
	const char *dir = set_directory(collect_flags);
	_cleanup_close_ int parent = open_trusted(CACHE);
	_cleanup_close_ int lock = parent < 0 ? parent : open_trusted(dir);
	char path[256];

	if (lock < 0)
		return lock;
	if (flock(lock, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	for (size_t i = 0; i < N_PINS; i++) {
		int r = pin_path(path, sizeof(path), dir, i);

		if (r)
			return r;
		if (!(pins[i].flags & collect_flags))
			continue;
		*pin_fd(p, i) = bpf_obj_get(path);
		if (*pin_fd(p, i) < 0)
			return -errno;
	}
	p->lock = take_fd(lock);
	return programs_map(p);
}

/* Removes a directory and the pins in it, unless somebody uses them. Another build may have others. */
static int remove_build(int parent, const char *name)
{
	struct dirent *entry;
	int r = 0, fd;
	DIR *dir;

	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (flock(fd, LOCK_EX | LOCK_NB))
		r = -errno;
	while (!r && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && unlinkat(fd, entry->d_name, 0) && errno != ENOENT)
			r = -errno;
	if (!r && unlinkat(parent, name, AT_REMOVEDIR))
		r = -errno;
	closedir(dir);
	return r;
}

/* Removes what other builds (@keep: not this one's sets) pinned. Returns the first error. */
static int remove_builds(const char *keep)
{
	struct dirent *entry;
	int first = 0, r, fd;
	DIR *dir;

	fd = open_trusted(CACHE);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close(fd);
		return r;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || (keep && !strncmp(entry->d_name, keep, strlen(keep))))
			continue;
		r = remove_build(dirfd(dir), entry->d_name);
		if (r && !first)
			first = r;
	}
	closedir(dir);
	return first;
}

int collector_unpin(struct error *err)
{
	int r = remove_builds(NULL);

	if (r == -EWOULDBLOCK)
		return fail(err, EBUSY, "cannot remove the pinned programs");
	if (r)
		return fail(err, r, "cannot remove the pinned programs");
	return rmdir(CACHE) && errno != ENOENT ? fail(err, errno, "cannot remove %s", CACHE) : 0;
}

/* The directory that systemd mounts at every boot; elsewhere nobody may have. */
static int need_bpffs(void)
{
	struct statfs fs;

	if (statfs(BPFFS, &fs))
		return -errno;
	if (fs.f_type == BPF_FS_MAGIC)
		return 0;
	return mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") ? -errno
											: 0;
}

/* Pins all in a new directory, which gets its name when it is complete. */
static int pin_all(struct programs *p, const char *fresh, const char *dir)
{
	char path[256];
	int r;

	if (mkdir(fresh, 0700))
		return -errno;
	for (size_t i = 0; i < N_PINS; i++) {
		r = pin_path(path, sizeof(path), fresh, i);
		if (r)
			return r;
		if (*pin_fd(p, i) >= 0 && bpf_obj_pin(*pin_fd(p, i), path))
			return -errno;
	}
	p->lock = open_trusted(fresh);
	if (p->lock < 0)
		return p->lock;
	if (flock(p->lock, LOCK_EX | LOCK_NB))
		return -errno;
	/* RENAME_NOREPLACE in effect: a directory that holds pins cannot be replaced */
	return rename(fresh, dir) ? -errno : 0;
}

int programs_pin(struct programs *p, unsigned int collect_flags, struct log *log)
{
	const char *dir = set_directory(collect_flags);
	_cleanup_close_ int parent = -1;
	char fresh[sizeof(CACHE) + 32];
	int r = need_bpffs();

	if (!r && mkdir(CACHE, 0700) && errno != EEXIST)
		r = -errno;
	if (!r) {
		parent = open_trusted(CACHE);
		r = parent < 0 ? parent : 0;
	}
	if (r) {
		log_debug(log, "cannot keep the BPF programs in %s: %s, ignoring", CACHE,
			  strerror(-r));
		return r;
	}
	(void)remove_builds(CRBPF_BPF_HASH);
	/* nobody could take it, so what is there is not complete, or somebody has its lock */
	(void)remove_build(parent, strrchr(dir, '/') + 1);
	snprintf(fresh, sizeof(fresh), "%s/new-%d", CACHE, getpid());
	r = pin_all(p, fresh, dir);
	if (!r)
		return 0;
	log_debug(log, "cannot pin the BPF programs: %s, ignoring", strerror(-r));
	if (p->lock >= 0)
		close(p->lock);
	p->lock = -1;
	(void)remove_build(parent, strrchr(fresh, '/') + 1);
	return r;
}
