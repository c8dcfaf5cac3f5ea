// SPDX-License-Identifier: GPL-2.0-only
/*
 * flock, POSIX and OFD locks, each held so that another description or process notices; and a
 * lock shared with a child by fork. Needs --file-locks.
 */
#include "subject.h"

#include <sys/file.h>

static int make(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);

	subject_need(fd >= 0, "%s: %m", name);
	return fd;
}

static struct flock range(int type, off_t start, off_t len)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
}

/* The type of the lock that a new process meets there, F_UNLCK if none; its owner in @pid. */
static int met(const char *name, off_t start, int cmd, pid_t *pid)
{
	volatile pid_t *owner = subject_shared(4096);
	struct flock lock = range(F_WRLCK, start, 1);
	pid_t child = subject_fork();
	int status;

	if (child == 0) {
		if (fcntl(open(name, O_RDWR), cmd, &lock) < 0)
			_exit(99);
		*owner = lock.l_pid;
		_exit(lock.l_type);
	}
	status = subject_reap(child);
	*pid = *owner;
	return WEXITSTATUS(status);
}

int main(void)
{
	int flock_fd, shared_fd, posix_fd, ofd_fd;
	struct flock lock;
	pid_t pid, owner;

	subject_options("--file-locks");
	flock_fd = make("flock");
	shared_fd = make("shared");
	posix_fd = make("posix");
	ofd_fd = make("ofd");
	subject_need(flock(flock_fd, LOCK_EX) == 0 && flock(shared_fd, LOCK_SH) == 0, "flock: %m");
	lock = range(F_WRLCK, 10, 20);
	subject_need(fcntl(posix_fd, F_SETLK, &lock) == 0, "F_SETLK: %m");
	lock = range(F_RDLCK, 100, 0);
	subject_need(fcntl(posix_fd, F_SETLK, &lock) == 0, "F_SETLK: %m");
	lock = range(F_WRLCK, 5, 5);
	subject_need(fcntl(ofd_fd, F_OFD_SETLK, &lock) == 0, "F_OFD_SETLK: %m");
	/* It shares the description, and with it the flock. */
	pid = subject_fork();
	if (pid == 0) {
		subject_wait_restored();
		_exit(flock(flock_fd, LOCK_EX | LOCK_NB) < 0);
	}
	subject_ready();
	subject_wait_restored();

	subject_check(flock(open("flock", O_RDWR), LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK,
		      "the exclusive flock is lost");
	subject_check(flock(open("shared", O_RDWR), LOCK_EX | LOCK_NB) < 0, "the shared flock is lost");
	subject_check(flock(open("shared", O_RDWR), LOCK_SH | LOCK_NB) == 0, "it became exclusive");
	subject_check(met("posix", 15, F_GETLK, &owner) == F_WRLCK && owner == getpid(),
		      "the POSIX write lock is lost");
	subject_check(met("posix", 1 << 30, F_GETLK, &owner) == F_RDLCK, "the POSIX read lock is lost");
	subject_check(met("posix", 50, F_GETLK, &owner) == F_UNLCK, "there is a lock between them");
	subject_check(met("ofd", 7, F_OFD_GETLK, &owner) == F_WRLCK, "the OFD lock is lost");
	subject_check(subject_reap(pid) == 0, "the child does not share the flock");
	return subject_end();
}
