// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "restore/restore.h"
#include "unixsk.h"

struct shared {
	int rc;
	int is_done;
	unsigned char data[];
};

static pid_t clone_as(pid_t pid)
{
	struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};

	if (pid > 0) {
		args.set_tid = (uintptr_t)&pid;
		args.set_tid_size = 1;
	}
	return syscall(SYS_clone3, &args, sizeof(args));
}

/* By system call: the C library's functions would look for threads. */
static int become(const struct identity *who)
{
	if (who->uid == (uid_t)-1)
		return 0;
	if (syscall(SYS_setgroups, who->n_groups, who->groups) ||
	    syscall(SYS_setresgid, who->gid, who->gid, who->gid) ||
	    syscall(SYS_setresuid, who->uid, who->uid, who->uid))
		return -errno;
	return 0;
}

int run_as(struct restore *r, const struct identity *who, int (*fn)(void *data), void *data,
	   size_t n)
{
	struct shared *shared = mmap(NULL, sizeof(*shared) + n, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int rc;

	if (shared == MAP_FAILED)
		return -errno;
	memcpy(shared->data, data, n);
	pid = clone_as(who->pid);
	if (pid < 0 && who->pid > 0) {
		log_debug(r->log, "process %d cannot be impersonated (%s): another number is used",
			  who->pid, strerror(errno));
		pid = clone_as(0);
	}
	if (!pid) {
		shared->rc = become(who);
		if (!shared->rc)
			shared->rc = fn(shared->data);
		shared->is_done = 1;
		_exit(0);
	}
	rc = pid < 0 ? -errno : 0;
	while (pid > 0 && waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	if (!rc)
		rc = shared->is_done ? shared->rc : -ECHILD;
	memcpy(data, shared->data, n);
	munmap(shared, sizeof(*shared) + n);
	return rc;
}
