// SPDX-License-Identifier: GPL-2.0-only
/*
 * FIFOs opened for reading, writing, both and by O_PATH, blocking and not; one that was deleted
 * with words in it; pipes of which only one end, or ends opened again through /proc, are left;
 * packets and a stream; ends that belong to another user and another process.
 */
#include "subject.h"

#include <sys/ioctl.h>

static int make(const char *name, int flags)
{
	int fd;

	subject_need(mkfifo(name, 0640) == 0 || errno == EEXIST, "%s: %m", name);
	fd = open(name, flags);
	subject_need(fd >= 0, "%s: %m", name);
	return fd;
}

static int again(int fd, int flags)
{
	char path[64];
	int copy;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	copy = open(path, flags);
	subject_need(copy >= 0, "%s: %m", path);
	return copy;
}

static void check_flags(const char *what, int fd, int want)
{
	int flags = fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_DIRECT | O_PATH);

	subject_check(flags == want, "%s: flags %o", what, flags);
}

static void check_read(const char *what, int fd, const char *want)
{
	char buf[32] = "";
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	subject_check(n == (ssize_t)strlen(want) && strcmp(buf, want) == 0, "%s: `%s': %m", what, buf);
}

/* Another user holds the writing end; it was made by us. */
static void hold(int fd, volatile int *ready)
{
	/* CRIU dumps no process of another user without CAP_SYS_RESOURCE. */
	subject_need(subject_through_criu() ||
			     (setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0),
		     "setresuid: %m");
	*ready = 1;
	subject_wait_restored();
	subject_check(write(fd, "from a stranger", 15) == 15, "write: %m");
	_exit(0);
}

int main(void)
{
	int both = make("fifo", O_RDWR), reader = make("fifo", O_RDONLY | O_NONBLOCK);
	int writer = make("fifo", O_WRONLY | O_APPEND), place = make("fifo", O_PATH);
	int deleted = make("gone", O_RDWR), gone_reader = make("gone", O_RDONLY), lone[2], owned[2];
	/* CRIU does not dump packets in pipes. */
	int lone_reader, packets[2], size = 0, direct = subject_through_criu() ? 0 : O_DIRECT;
	volatile int *ready = subject_shared(4096);
	struct stat st, st_place;
	pid_t child;

	subject_need(write(deleted, "left", 4) == 4 && unlink("gone") == 0 && close(deleted) == 0,
		     "gone: %m");
	subject_need(write(writer, "words", 5) == 5, "write: %m");
	subject_need(pipe(lone) == 0 && pipe2(packets, direct | O_NONBLOCK) == 0 && pipe(owned) == 0,
		     "pipe: %m");
	lone_reader = again(lone[0], O_RDONLY | O_NONBLOCK);
	close(lone[0]);
	subject_need(write(lone[1], "alone", 5) == 5 && fchown(lone[1], 65534, 65534) == 0 &&
			     fchmod(lone[1], 0606) == 0,
		     "a lone pipe: %m");
	subject_need(write(packets[1], "one", 3) == 3 && write(packets[1], "two", 3) == 3, "write: %m");
	child = subject_fork();
	if (child == 0) {
		close(owned[0]);
		hold(owned[1], ready);
	}
	close(owned[1]);
	subject_need(subject_await(*ready), "no child");
	subject_ready();
	subject_wait_restored();

	check_flags("both", both, O_RDWR);
	check_flags("reader", reader, O_RDONLY | O_NONBLOCK);
	check_flags("writer", writer, O_WRONLY | O_APPEND);
	check_flags("place", place, O_PATH);
	subject_check(fstat(place, &st_place) == 0 && fstat(both, &st) == 0 && st.st_ino == st_place.st_ino,
		      "the place is another");
	check_read("fifo", reader, "words");
	check_read("deleted", gone_reader, "left");
	subject_check(fstat(gone_reader, &st) == 0 && st.st_nlink == 0 && (st.st_mode & 07777) == 0640,
		      "deleted: %d links, mode %o", (int)st.st_nlink, st.st_mode);
	check_flags("lone reader", lone_reader, O_RDONLY | O_NONBLOCK);
	subject_check(ioctl(lone_reader, FIONREAD, &size) == 0 && size == 5, "%d bytes", size);
	check_read("lone reader", lone_reader, "alone");
	subject_check(fstat(lone[1], &st) == 0 && st.st_uid == 65534 && st.st_gid == 65534 &&
			      (st.st_mode & 0777) == 0606,
		      "lone pipe: uid %d gid %d mode %o", st.st_uid, st.st_gid, st.st_mode);
	check_flags("packets", packets[1], O_WRONLY | O_NONBLOCK | direct);
	check_read("a packet", packets[0], direct ? "one" : "onetwo");
	if (direct)
		check_read("a packet", packets[0], "two");
	check_read("owned", owned[0], "from a stranger");
	subject_check(subject_reap(child) == 0, "the child failed");
	return subject_end();
}
