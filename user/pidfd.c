// SPDX-License-Identifier: GPL-2.0-only
#include "pidfd.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fdutil.h"
#include "lib/buf.h"
#include "lib/bootid.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "options.h"
#include "pidfd.pb-c.h"

/* Of <linux/pidfd.h> as of 6.15; the ioctl is there since 6.13. */
struct exit_info {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ids[8];
	int32_t exit_code;
};
_Static_assert(sizeof(struct exit_info) == 64, "PIDFD_INFO_SIZE_VER0");
#define GET_INFO  _IOWR(0xFF, 11, struct exit_info)
#define INFO_EXIT (1ull << 3)

bool pidfd_is_allowed(const struct options *opt, pid_t pid)
{
	char word[32];

	snprintf(word, sizeof(word), "pidfd[%d]", pid);
	for (size_t i = 0; i < opt->external.n; i++)
		if (!strcmp(opt->external.word[i], word))
			return true;
	return false;
}

bool pidfd_exit_code(int fd, uint32_t *ret)
{
	struct exit_info info = {.mask = INFO_EXIT};

	if (ioctl(fd, GET_INFO, &info) || !(info.mask & INFO_EXIT))
		return false;
	*ret = (uint32_t)info.exit_code;
	return true;
}

/* --- who it is --- */

static int read_boot_id(char id[static BOOT_ID_SIZE], struct error *err)
{
	int ret = boot_id(id);

	return ret ? fail(err, ret, "cannot read the boot id") : 0;
}

/* Field 22: in clock ticks since boot. The name in field 2 may hold anything. */
static int read_start_time(pid_t pid, unsigned long long *ret, struct error *err)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[32], text[1024];
	const char *end;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
	text[n] = 0;
	end = strrchr(text, ')');
	if (!end || sscanf(end,
			   ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			   "%*s %*s %llu",
			   ret) != 1)
		return fail(err, 0, "cannot read when process %d was started", pid);
	return 0;
}

/* The number of its inode, where each process has one of its own. */
static bool read_inode(int fd, uint64_t *ret)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) || (uint32_t)fs.f_type != MAGIC_PIDFS || fstat(fd, &st))
		return false;
	*ret = st.st_ino;
	return true;
}

int pidfd_identify(pid_t pid, int fd, PidfdOutsideEntry *entry, struct arena *arena,
		   struct error *err)
{
	unsigned long long start;
	char boot[BOOT_ID_SIZE];
	int ret = read_boot_id(boot, err) ?: read_start_time(pid, &start, err);

	if (ret)
		return ret;
	/* Still there: so the number was its own when that was read. EPERM says it too. */
	if (syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) && errno == ESRCH)
		return fail(err, 0, "process %d, at which it points, has ended meanwhile", pid);
	entry->boot_id = arena_strdup(arena, boot);
	if (!entry->boot_id)
		return fail(err, ENOMEM, "cannot describe it");
	entry->start_time = start;
	entry->has_ino = read_inode(fd, &entry->ino);
	return 0;
}

int pidfd_compare(pid_t pid, int fd, const PidfdOutsideEntry *entry, struct error *err)
{
	unsigned long long start = 0;
	uint64_t ino = 0;
	char boot[BOOT_ID_SIZE];
	bool has_ino;
	int ret = read_boot_id(boot, err);

	if (ret)
		return ret;
	if (strcmp(boot, entry->boot_id))
		return fail(err, 0,
			    "process %d, at which it pointed, was of another machine, or before "
			    "this one was started",
			    pid);
	has_ino = read_inode(fd, &ino) && entry->has_ino;
	if (!has_ino) {
		ret = read_start_time(pid, &start, err);
		if (ret)
			return ret;
	}
	if (has_ino ? ino != entry->ino : start != entry->start_time)
		return fail(err, 0, "process %d is not the one any more at which it pointed", pid);
	return 0;
}

/* --- the dead --- */

static void end_by(uint32_t status)
{
	const struct rlimit none = {0, 0};
	int sig = status & 0x7f;
	sigset_t set;

	if (!sig)
		_exit((int)(status >> 8 & 0xff));
	/* A limit of 0 does not keep a core from who gets it by a pipe (core(5)). */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(sig, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	kill(getpid(), sig);
	_exit(128 + sig);
}

pid_t pidfd_spawn_dead(uint32_t status)
{
	/* No signal at its end, and so no way for it to be reaped unseen. */
	struct clone_args args = {0};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (!pid)
		end_by(status);
	return pid < 0 ? -errno : pid;
}

void pidfd_reap(pid_t pid)
{
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}
