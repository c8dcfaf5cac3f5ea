/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_PIDFD_TEST_H
#define CRBPF_SELFTESTS_PIDFD_TEST_H

/* What the subjects with pidfds share. */

#include "subject.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#ifndef PIDFD_NONBLOCK
#define PIDFD_NONBLOCK O_NONBLOCK
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define PIDFS_MAGIC_ 0x50494446

static inline int pidfd_open_(pid_t pid, unsigned int flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static inline int pidfd_signal_(int fd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

/* "Pid:" of its fdinfo: -1 if the task was reaped, 0 if it cannot be told. */
static inline int pidfd_target(int fd)
{
	char path[64], line[256];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid;
}

/* Of <linux/pidfd.h> as of 6.15. */
struct pidfd_exit_info {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
};
#define PIDFD_GET_INFO_  _IOWR(0xFF, 11, struct pidfd_exit_info)
#define PIDFD_INFO_EXIT_ (1ull << 3)

/* How the reaped task ended; -1 if this kernel does not tell. */
static inline int pidfd_exit_status(int fd)
{
	struct pidfd_exit_info info = {.mask = PIDFD_INFO_EXIT_};

	return ioctl(fd, PIDFD_GET_INFO_, &info) == 0 && info.mask & PIDFD_INFO_EXIT_ ?
		       info.exit_code :
		       -1;
}

/*
 * A pidfd of a child that has ended, by @code or by signal @sig, and was reaped. *@again: another
 * one of it.
 */
static inline int make_reaped(int code, int sig, int flags, int *again)
{
	pid_t pid = subject_fork();
	int fd;

	if (!pid) {
		if (sig)
			raise(sig);
		_exit(code);
	}
	fd = pidfd_open_(pid, flags);
	if (fd < 0 && errno == ENOSYS)
		subject_skip("pidfd_open: %s", strerror(errno));
	if (fd < 0 && errno == EINVAL && flags & PIDFD_THREAD)
		subject_skip("pidfds of threads: %s", strerror(errno));
	subject_need(fd >= 0, "pidfd_open: %m");
	if (again)
		*again = pidfd_open_(pid, 0);
	subject_reap(pid);
	return fd;
}

static inline int pidfd_events(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

/* Is each process an inode of its own (6.9)? */
static inline bool is_pidfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == PIDFS_MAGIC_;
}

static inline ino_t inode_of(int fd)
{
	struct stat st = {};

	fstat(fd, &st);
	return st.st_ino;
}

static inline void watch(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = {.events = events, .data.u64 = data};

	subject_need(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl: %m");
}

/* The data of the one event that is there; 0 if there is none, or more than one. */
static inline uint64_t watched(int ep, int ms)
{
	struct epoll_event event[4] = {};

	return epoll_wait(ep, event, 4, ms) == 1 ? event[0].data.u64 : 0;
}

#endif
