// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "check/groups.h"
#include "lib/cleanup.h"

/* Does fdinfo of @fd have a line that begins with @word? */
static bool fdinfo_has(int fd, const char *word)
{
	char path[64], line[256];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, word, strlen(word)))
			return true;
	return false;
}

static void fdinfo_lock(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd = memfd_create("crbpf", MFD_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		answer_failed(a, errno, 0, "flock");
	else if (fdinfo_has(fd, "lock:"))
		answer_yes(a, "%s", "");
	else
		answer_no(a, "fdinfo has no line `lock:`");
}

static void mnt_id(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd = open("/", O_PATH | O_CLOEXEC);

	if (fdinfo_has(fd, "mnt_id:"))
		answer_yes(a, "%s", "");
	else
		answer_no(a, "fdinfo has no line `mnt_id:`");
}

static void openat2(const struct check *c, const struct probe *p, struct answer *a)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };

	answer_call(a, syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how)), 0, "openat2");
}

static void file_handle(const struct check *c, const struct probe *p, struct answer *a)
{
	union {
		struct file_handle head;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} handle = { .head.handle_bytes = MAX_HANDLE_SZ };
	int mount_id, at, fd;

	if (scratch_enter(CLONE_NEWNS, a))
		return;
	at = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = open("/tmp/file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 || name_to_handle_at(fd, "", &handle.head, &mount_id, AT_EMPTY_PATH))
		answer_failed(a, errno, 0, "name_to_handle_at");
	else
		answer_call(a, open_by_handle_at(at, &handle.head, O_RDONLY | O_CLOEXEC),
			    CAP_BIT(CAP_DAC_READ_SEARCH), "open_by_handle_at");
}

/* The ring of an AIO context moves; is the context the same at its new address? */
static void aio_remap(const struct check *c, const struct probe *p, struct answer *a)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	aio_context_t context = 0;
	struct io_event event;
	struct timespec none = { 0 };
	void *to, *at;

	if (syscall(SYS_io_setup, 1, &context)) {
		answer_failed(a, errno, 0, "io_setup");
		return;
	}
	to = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	at = mremap((void *)(uintptr_t)context, page, page, MREMAP_FIXED | MREMAP_MAYMOVE, to);
	if (at == MAP_FAILED)
		answer_failed(a, errno, 0, "its ring cannot be moved");
	else
		answer_call(a,
			    syscall(SYS_io_getevents, (aio_context_t)(uintptr_t)at, 0, 1, &event,
				    &none),
			    0, "it is lost when its ring moves");
}

/* A mount of autofs tells the inode of the pipe to its daemon. */
static void autofs(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_fclose_ FILE *f = NULL;
	char options[96], line[512];
	int fds[2];

	if (scratch_enter(CLONE_NEWNS, a))
		return;
	if (pipe(fds) || mkdir("/tmp/autofs", 0700)) {
		answer_failed(a, errno, 0, "autofs");
		return;
	}
	snprintf(options, sizeof(options), "fd=%d,pgrp=%d,minproto=5,maxproto=5,direct", fds[1],
		 getpgrp());
	if (mount("crbpf", "/tmp/autofs", "autofs", 0, options)) {
		answer_failed(a, errno, CAP_BIT(CAP_SYS_ADMIN), "it cannot be mounted");
		return;
	}
	answer_no(a, "its mounts do not tell the inode of their pipe");
	f = fopen("/proc/self/mountinfo", "re");
	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "/tmp/autofs") && strstr(line, "pipe_ino="))
			answer_yes(a, "%s", "");
}

static int make_overlay(void)
{
	static const char options[] = "lowerdir=/tmp/low,upperdir=/tmp/up,workdir=/tmp/work";
	int fd;

	if (mkdir("/tmp/low", 0755) || mkdir("/tmp/up", 0755) || mkdir("/tmp/work", 0755) ||
	    mkdir("/tmp/over", 0755))
		return -1;
	fd = open("/tmp/low/file", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, sysconf(_SC_PAGESIZE)))
		return -1;
	return mount("crbpf", "/tmp/over", "overlay", 0, options);
}

/* Do maps show a file of an overlay as stat does, or the one below it? */
static void overlay_maps(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_fclose_ FILE *f = NULL;
	unsigned int major, minor;
	unsigned long start, inode;
	struct stat st;
	char line[512];
	void *at;
	int fd;

	if (scratch_enter(CLONE_NEWNS, a))
		return;
	if (make_overlay()) {
		answer_failed(a, errno, CAP_BIT(CAP_SYS_ADMIN), "overlayfs");
		return;
	}
	fd = open("/tmp/over/file", O_RDONLY | O_CLOEXEC);
	at = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_PRIVATE, fd, 0);
	f = fopen("/proc/self/maps", "re");
	if (fd < 0 || fstat(fd, &st) || at == MAP_FAILED || !f) {
		answer_failed(a, errno, 0, "overlayfs");
		return;
	}
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%*x %*s %*x %x:%x %lu", &start, &major, &minor, &inode) == 4 &&
		    start == (unsigned long)at) {
			if (makedev(major, minor) == st.st_dev && inode == st.st_ino)
				answer_yes(a, "%s", "");
			else
				answer_no(a, "maps show the file below");
		}
}

static const struct probe probes[] = {
	{ "file_handle", NULL, "files can be found by handle", NEED_FOR,
	  "removed files that have other names", REMEDY_KERNEL, "CONFIG_FHANDLE", NULL, NULL,
	  file_handle },
	{ "fdinfo_lock", "fdinfo_lock", "fdinfo tells locks", NEED_EXTRA, NULL, REMEDY_KERNEL,
	  "CONFIG_FILE_LOCKING", NULL, NULL, fdinfo_lock },
	{ "mnt_id", "mnt_id", "fdinfo tells mounts", NEED_EXTRA, NULL, REMEDY_KERNEL, NULL, NULL,
	  NULL, mnt_id },
	{ "openat2", "openat2", "openat2", NEED_EXTRA, NULL, REMEDY_KERNEL, NULL, "5.6", NULL,
	  openat2 },
	{ "aio_remap", "aio_remap", "rings of AIO can be moved", NEED_EXTRA, NULL, REMEDY_KERNEL,
	  "CONFIG_AIO", NULL, NULL, aio_remap },
	{ "autofs", "autofs", "autofs tells its pipe", NEED_EXTRA, NULL, REMEDY_MODULE,
	  "CONFIG_AUTOFS_FS", NULL, NULL, autofs },
	{ "overlayfs_maps", "overlayfs_maps", "maps show files of overlays", NEED_EXTRA, NULL,
	  REMEDY_MODULE, "CONFIG_OVERLAY_FS", "6.12", NULL, overlay_maps },
};

PROBE_GROUP(probes_files, "files", "Files", probes, false);
