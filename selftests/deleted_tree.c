// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is deleted and still open, beyond plain files: a directory with the one above it, a
 * working directory, two names of one file, a symbolic link, a FIFO with content, a
 * temporary file that may still be given a name, a file of several holes, times.
 */
#include "subject.h"

#include <dirent.h>
#include <sys/time.h>

#define STEP (1 << 20)

static int make(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0640);

	subject_need(fd >= 0, "%s: %m", name);
	return fd;
}

static void check_path(const char *who, const char *proc, const char *end)
{
	char path[PATH_MAX] = "";
	size_t n;

	subject_check(readlink(proc, path, sizeof(path) - 1) > 0, "%s: %m", who);
	n = strlen(path);
	subject_check(n > strlen(end) && strcmp(path + n - strlen(end), end) == 0, "%s: %s", who, path);
}

static void check_fd_path(const char *who, int fd, const char *end)
{
	char proc[64];

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	check_path(who, proc, end);
}

int main(void)
{
	int dir, one, two, sym, fifo, tmp, holes, home = open(".", O_RDONLY | O_DIRECTORY);
	struct timeval old[2] = {{1000000000, 0}, {1100000000, 0}};
	struct stat st, st2;
	char buf[32] = "";
	pid_t child;

	mkdir("up", 0700);
	mkdir("up/down", 0750);
	dir = open("up/down", O_RDONLY | O_DIRECTORY);
	subject_need(dir >= 0 && chdir("up/down") == 0, "up/down: %m");
	subject_need(rmdir("../../up/down") == 0 && unlinkat(home, "up", AT_REMOVEDIR) == 0, "rmdir: %m");

	fchdir(home);
	one = make("one");
	subject_need(write(one, "shared", 6) == 6 && link("one", "two") == 0, "link: %m");
	two = open("two", O_RDONLY);
	unlink("one");
	unlink("two");
	symlink("nowhere", "symlink");
	sym = open("symlink", O_PATH | O_NOFOLLOW);
	unlink("symlink");
	mkfifo("fifo", 0600);
	fifo = open("fifo", O_RDWR | O_NONBLOCK);
	subject_need(write(fifo, "in the fifo", 11) == 11, "fifo: %m");
	unlink("fifo");
	tmp = open(".", O_TMPFILE | O_RDWR, 0600);
	/* overlayfs has none before 6.3 */
	subject_need((tmp < 0 && errno == EOPNOTSUPP) || write(tmp, "keep me", 7) == 7, "O_TMPFILE: %m");
	holes = make("holes");
	for (int i = 1; i < 4; i++)
		subject_need(pwrite(holes, "data", 4, (off_t)i * STEP) == 4, "holes: %m");
	subject_need(ftruncate(holes, 10 * STEP) == 0 && futimes(holes, old) == 0, "holes: %m");
	unlink("holes");
	child = subject_fork();
	if (child == 0) {
		fchdir(dir);
		subject_wait_restored();
		check_path("cwd", "/proc/self/cwd", "/up/down (deleted)");
		_exit(0);
	}
	usleep(20000);
	subject_ready();
	subject_wait_restored();

	check_fd_path("directory", dir, "/up/down (deleted)");
	subject_check(fstat(dir, &st) == 0 && st.st_mode == (S_IFDIR | 0750) && st.st_nlink == 0,
		      "directory: mode %o, %d links", st.st_mode, (int)st.st_nlink);
	subject_check(access("up", F_OK) < 0, "up is back");
	check_fd_path("one", one, "/one (deleted)");
	check_fd_path("two", two, "/two (deleted)");
	subject_check(fstat(one, &st) == 0 && fstat(two, &st2) == 0 && st.st_ino == st2.st_ino,
		      "one and two have become two files");
	subject_check(pread(two, buf, 31, 0) == 6 && strcmp(buf, "shared") == 0, "two: '%s'", buf);
	memset(buf, 0, sizeof(buf));
	subject_check(readlinkat(sym, "", buf, 31) == 7 && strcmp(buf, "nowhere") == 0, "symlink: '%s'", buf);
	memset(buf, 0, sizeof(buf));
	subject_check(read(fifo, buf, 31) == 11 && strcmp(buf, "in the fifo") == 0, "fifo: '%s'", buf);
	check_fd_path("fifo", fifo, "/fifo (deleted)");
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", tmp);
	subject_check(tmp < 0 || linkat(AT_FDCWD, buf, AT_FDCWD, "kept", AT_SYMLINK_FOLLOW) == 0,
		      "the temporary file can be given no name: %m");
	subject_check(fstat(holes, &st) == 0 && st.st_size == 10 * STEP && st.st_blocks * 512 < STEP,
		      "holes: %lld bytes, %lld blocks", (long long)st.st_size, (long long)st.st_blocks);
	subject_check(st.st_mtime == 1100000000 && st.st_atime == 1000000000, "holes: other times");
	for (int i = 1; i < 4; i++)
		subject_check(pread(holes, buf, 5, (off_t)i * STEP) == 5 && memcmp(buf, "data\0", 5) == 0,
			      "holes: other content at %d", i);
	subject_check(subject_reap(child) == 0, "the child failed");
	return subject_end();
}
