// SPDX-License-Identifier: GPL-2.0-only
/* Places to try things in, all of which end with the process of the probe. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check/check.h"
#include "lib/cleanup.h"

static int write_file(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) > 0 ? 0 : -1;
}

/* Root of a user namespace of one's own may do what is tried here, within it. */
static int enter_as_user(int flags)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(flags | CLONE_NEWUSER))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_file("/proc/self/uid_map", map))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	(void)write_file("/proc/self/setgroups", "deny");
	return write_file("/proc/self/gid_map", map);
}

static int raise_loopback(void)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	return fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
}

static int make_room(void)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mount("crbpf", "/tmp", "tmpfs", 0, NULL);
}

int scratch_enter(int flags, struct answer *a)
{
	int ret = unshare(flags);

	if (ret && errno == EPERM)
		ret = enter_as_user(flags);
	if (!ret && flags & CLONE_NEWNET)
		ret = raise_loopback();
	if (!ret && flags & CLONE_NEWNS)
		ret = make_room();
	if (!ret)
		return 0;
	if (errno == EPERM || errno == ENOSPC || errno == EACCES)
		answer_unknown(a, "cannot tell without a scratch namespace: %s", strerror(errno));
	else
		answer_failed(a, errno, 0, "cannot make a scratch namespace");
	return -1;
}

static void live(int (*prepare)(void), int tell)
{
	int code = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (prepare && prepare())
		code = errno;
	if (write(tell, &code, sizeof(code)) != sizeof(code) || code)
		_exit(1);
	for (;;)
		pause();
}

int scratch_child_prepared(int (*prepare)(void), struct answer *a)
{
	int fds[2], code = ECHILD, pid;

	if (pipe2(fds, O_CLOEXEC)) {
		answer_unknown(a, "cannot make a pipe: %s", strerror(errno));
		return -1;
	}
	pid = fork();
	if (!pid)
		live(prepare, fds[1]);
	close(fds[1]);
	if (pid > 0 && read(fds[0], &code, sizeof(code)) >= 0 && !code) {
		close(fds[0]);
		return pid;
	}
	close(fds[0]);
	if (pid > 0) {
		scratch_end(pid);
		answer_no(a, "%s", strerror(code));
	} else {
		answer_unknown(a, "cannot make a process: %s", strerror(errno));
	}
	return -1;
}

int scratch_child(struct answer *a)
{
	return scratch_child_prepared(NULL, a);
}

void scratch_end(int pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

int scratch_seize(int pid, unsigned long options, struct answer *a)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)options) ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL)) {
		answer_failed(a, errno, CAP_BIT(CAP_SYS_PTRACE), "cannot trace a child");
		return -1;
	}
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) {
		answer_no(a, "a traced child does not stop");
		return -1;
	}
	return 0;
}
