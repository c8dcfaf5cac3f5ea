// SPDX-License-Identifier: GPL-2.0-only
#include "fdutil.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpf/socket.h"
#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fown.pb-c.h"
#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "lib/log.h"
#include "restore/restore.h"
#include "snapshot.h"

/* What F_SETFL can change. */
#define SETTABLE_FLAGS (O_APPEND | O_ASYNC | O_NONBLOCK | O_DIRECT | O_NOATIME)

static const char *family_name(uint32_t family, char *buf, size_t n)
{
	static const struct {
		uint32_t family;
		const char *name;
	} names[] = {
		{AF_UNIX, "AF_UNIX"},
		{AF_INET, "AF_INET"},
		{AF_INET6, "AF_INET6"},
		{AF_NETLINK, "AF_NETLINK"},
		{AF_PACKET, "AF_PACKET"},
		{AF_ALG, "AF_ALG"},
		{AF_VSOCK, "AF_VSOCK"},
		{AF_XDP, "AF_XDP"},
		{AF_BLUETOOTH, "AF_BLUETOOTH"},
		{AF_CAN, "AF_CAN"},
		{AF_TIPC, "AF_TIPC"},
		{AF_RDS, "AF_RDS"},
		{AF_KEY, "AF_KEY"},
		{AF_PPPOX, "AF_PPPOX"},
		{AF_NFC, "AF_NFC"},
		{AF_SMC, "AF_SMC"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].family == family)
			return names[i].name;
	snprintf(buf, n, "family %u", family);
	return buf;
}

static const char *socket_describe(const struct file *f, char *buf, size_t n)
{
	const struct socket_detail *detail = f->detail;
	char family[16];

	if (f->rec->detail_type != DETAIL_SOCKET || !detail)
		snprintf(buf, n, "%s", *f->path ? f->path : "a socket");
	else
		snprintf(buf, n, "%s socket", family_name(detail->family, family, sizeof(family)));
	return buf;
}

const char *file_describe(const struct file *f, char *buf, size_t n)
{
	const struct file_record *rec = f->rec;
	unsigned int major = rec->rdev >> 20, minor = rec->rdev & 0xfffff;

	if (rec->s_magic == MAGIC_SOCKFS)
		return socket_describe(f, buf, n);
	if (rec->s_magic == MAGIC_MQUEUE)
		snprintf(buf, n, "POSIX message queue%s%s", f->carrier ? "" : " ",
			 f->carrier ? "" : f->path);
	else if (rec->s_magic == MAGIC_SECRETMEM)
		snprintf(buf, n, "secret memory (memfd_secret)");
	else if (S_ISCHR(rec->i_mode))
		snprintf(buf, n, "character device %u:%u %s", major, minor, f->path);
	else if (S_ISBLK(rec->i_mode))
		snprintf(buf, n, "block device %u:%u %s", major, minor, f->path);
	else if (rec->s_magic == MAGIC_ANON_INODE && rec->anon_name[0] &&
		 (f->carrier || !*f->path)) /* a scan knows no path of what is in flight */
		snprintf(buf, n, "anon_inode:[%.16s]", rec->anon_name);
	else if (*f->path)
		snprintf(buf, n, "%s", f->path);
	else
		snprintf(buf, n, "a file without a path (file system 0x%x)", rec->s_magic);
	return buf;
}

bool file_is_path(const struct file *f)
{
	return f->rec->f_flags & O_PATH;
}

bool file_is_nameless(const struct file *f)
{
	switch (f->rec->s_magic) {
	case MAGIC_PIPEFS:
	case MAGIC_SOCKFS:
	case MAGIC_ANON_INODE:
	case MAGIC_PIDFS:
	case MAGIC_NSFS:
	case MAGIC_MQUEUE:
	case MAGIC_SECRETMEM:
		return true;
	}
	return false;
}

bool file_is_anon(const struct file *f, const char *name)
{
	return f->rec->s_magic == MAGIC_ANON_INODE && !file_is_path(f) &&
	       !strncmp(f->rec->anon_name, name, sizeof(f->rec->anon_name));
}

uint32_t file_flags(const struct file *f)
{
	/* 0x4000000 is the kernel's own mark of files that send no notifications. */
	return f->rec->f_flags & ~(O_CLOEXEC | 0x4000000);
}

bool file_can_read(const struct file *f)
{
	return !file_is_path(f) && (f->rec->f_flags & O_ACCMODE) != O_WRONLY;
}

bool file_can_write(const struct file *f)
{
	return !file_is_path(f) && (f->rec->f_flags & O_ACCMODE) != O_RDONLY;
}

struct file *file_near(const struct snapshot *snap, const struct file *f, size_t *step)
{
	size_t at = f->id - 1, n = snap->n_files;

	/* f, f + 1, f - 1, f + 2, f - 2 …, leaving out what lies beyond either end. */
	while (*step < 2 * n) {
		size_t s = (*step)++, away = (s + 1) / 2;

		if (s % 2 == 0 && away <= at)
			return snap->files[at - away];
		if (s % 2 == 1 && at + away < n)
			return snap->files[at + away];
	}
	return NULL;
}

void judge_fown(struct judge *j, const struct file *f)
{
	const struct record_pid *pid = &f->rec->fown_pid;

	if (!pid->host || f->rec->fown_pid_type > F_OWNER_PID)
		return;
	for (size_t i = 0; i < j->snap->n_tasks; i++)
		if (j->snap->tasks[i].tid == pid->host)
			return;
	judge_file(j, f, f->kind ? f->kind->name : "file", NULL,
		   "its signals (F_SETOWN) go to process %d, which is not part of the tree",
		   pid->host);
	judge_soften(j);
}

FownEntry *dump_fown(struct dump *d, const struct file *f)
{
	FownEntry *fown = dump_message(d, &fown_entry__descriptor);

	if (!fown)
		return NULL;
	fown->uid = f->rec->fown_uid;
	fown->euid = f->rec->fown_euid;
	fown->signum = f->rec->fown_signum;
	fown->pid_type = f->rec->fown_pid_type;
	fown->pid = f->rec->fown_pid.virt;
	return fown;
}

/* F_SETOWN_EX keeps the user ids of the caller, to be checked when a signal is sent. */
static int setown_as(int fd, const struct f_owner_ex *owner, uint32_t uid, uint32_t euid)
{
	uid_t ruid, cur, suid;
	bool other;
	int rc = 0;

	/* By system call: the C library would change every thread of this process. */
	syscall(SYS_getresuid, &ruid, &cur, &suid);
	other = (uid != ruid || euid != cur) && cur == 0;
	if (other && syscall(SYS_setresuid, uid, euid, 0))
		return -errno;
	if (fcntl(fd, F_SETOWN_EX, owner))
		rc = -errno;
	if (other && syscall(SYS_setresuid, ruid, cur, suid) && !rc)
		rc = -errno;
	return rc;
}

int restore_fown(struct restore *r, int fd, const FownEntry *fown)
{
	struct f_owner_ex owner = {.type = fown->pid_type, .pid = fown->pid};
	int rc;

	if (fown->signum && fcntl(fd, F_SETSIG, fown->signum))
		return fail(r->err, errno, "cannot choose signal %u for it", fown->signum);
	if (!fown->pid)
		return 0;
	rc = setown_as(fd, &owner, fown->uid, fown->euid);
	if (rc == -ESRCH) {
		log_warn(r->log,
			 "process %u, to whom signals of a descriptor go, does not exist: ignoring",
			 fown->pid);
		return 0;
	}
	if (rc)
		return fail(r->err, rc, "cannot make process %u the owner of its signals",
			    fown->pid);
	return 0;
}

int restore_fd_flags(struct restore *r, int fd, uint32_t flags)
{
	int now = fcntl(fd, F_GETFL), want;

	if (now < 0)
		return fail(r->err, errno, "cannot read its flags");
	want = (now & ~SETTABLE_FLAGS) | (flags & SETTABLE_FLAGS);
	if (now == want)
		return 0;
	if (fcntl(fd, F_SETFL, want))
		return fail(r->err, errno, "cannot set its flags to %#x", want);
	now = fcntl(fd, F_GETFL);
	if ((now ^ want) & SETTABLE_FLAGS)
		return fail(r->err, 0, "its flags are %#x instead of %#x", now, want);
	return 0;
}

bool is_absolute_path(const char *path)
{
	return path && path[0] == '/' && strlen(path) < PATH_MAX;
}

int check_flags(struct restore *r, const struct new_file *f, uint32_t flags)
{
	if ((flags & O_ACCMODE) == O_ACCMODE && !(flags & O_PATH))
		return fail(r->err, 0, "open flags %#x are impossible", flags);
	return 0;
}

int connect_fown_flags(struct restore *r, struct new_file *f, const FownEntry *fown, uint32_t flags)
{
	int rc = fown ? restore_fown(r, f->fd, fown) : 0;

	/*
	 * Its signals tell the number of the descriptor: so its owner sets it. Of a regular file
	 * it is a mere flag of its opening.
	 */
	f->is_async = f->process && flags & O_ASYNC && f->entry->type != FD_TYPES__REG;
	return rc ? rc : restore_fd_flags(r, f->fd, f->is_async ? flags & ~(uint32_t)O_ASYNC : flags);
}
