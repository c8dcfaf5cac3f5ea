// SPDX-License-Identifier: GPL-2.0-only
/*
 * fanotify: marks of inodes, a mount and a file system, masks that are ignored, flags of the group
 * and of what it opens; shared with a child. That all marks are the same is read from fdinfo.
 */
#include "subject.h"

#include <sys/fanotify.h>

/* Marks and flags as the kernel shows them, a line each, sorted; inode numbers are the same. */
static void read_info(int fd, char text[4096])
{
	char path[64], lines[16][200];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && n < 16 && fgets(lines[n], sizeof(lines[n]), f))
		n += !strncmp(lines[n], "fanotify", 8) || !strncmp(lines[n], "flags", 5);
	if (f)
		fclose(f);
	qsort(lines, n, sizeof(lines[0]), (int (*)(const void *, const void *))strcmp);
	text[0] = 0;
	for (int i = 0; i < n; i++)
		strcat(text, lines[i]);
}

static void mark(int fd, unsigned int flags, uint64_t mask, const char *path)
{
	subject_need(fanotify_mark(fd, FAN_MARK_ADD | flags, mask, AT_FDCWD, path) == 0,
		     "fanotify_mark %s %x: %m", path, flags);
}

static void touch(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	subject_need(fd >= 0, "open %s: %m", path);
	close(fd);
}

/* The next event has @mask, and is on the file at @path. */
static void expect(int fd, uint64_t mask, const char *path)
{
	struct fanotify_event_metadata e = {.fd = -1};
	struct stat is = {}, want = {};
	ssize_t n = read(fd, &e, sizeof(e));

	stat(path, &want);
	subject_check(n == sizeof(e) && e.mask == mask && fstat(e.fd, &is) == 0 &&
			      is.st_ino == want.st_ino,
		      "%s: %zd bytes, mask %llx", path, n, (unsigned long long)e.mask);
	subject_check((fcntl(e.fd, F_GETFL) & O_ACCMODE) == O_RDWR, "%s: not open for writing", path);
	close(e.fd);
}

static void expect_none(int fd)
{
	struct fanotify_event_metadata e;

	subject_check(read(fd, &e, sizeof(e)) < 0 && errno == EAGAIN, "there is an event");
}

int main(void)
{
	unsigned int flags = FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_CLOEXEC | FAN_UNLIMITED_MARKS;
	int fd = fanotify_init(flags, O_RDWR | O_LARGEFILE), names;
	char before[2][4096], after[4096];
	pid_t pid;

	if (fd < 0)
		subject_skip("fanotify_init: %s", strerror(errno));
	names = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_REPORT_FID, O_RDONLY);
	mkdir("dir", 0700);
	touch("dir/one");
	touch("dir/ignored");
	touch("file");
	mark(fd, 0, FAN_CLOSE_WRITE | FAN_EVENT_ON_CHILD, "dir");
	mark(fd, FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY, FAN_CLOSE_WRITE, "dir/ignored");
	mark(fd, 0, FAN_OPEN, "file");
	mark(fd, FAN_MARK_MOUNT, FAN_OPEN_EXEC, "/dev/shm");
	mark(fd, FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC, "/dev/shm");
	/* Not every file system has handles for that. */
	if (names >= 0 && fanotify_mark(names, FAN_MARK_ADD, FAN_DELETE_SELF | FAN_MOVE_SELF | FAN_ONDIR,
					AT_FDCWD, "dir") < 0) {
		close(names);
		names = -1;
	}
	read_info(fd, before[0]);
	read_info(names, before[1]);
	subject_need(strstr(before[0], "fanotify mnt_id") && strstr(before[0], "fanotify sdev"),
		     "marks are %s", before[0]);
	pid = subject_fork();
	if (!pid) {
		subject_wait_restored();
		_exit(fanotify_mark(fd, FAN_MARK_REMOVE, FAN_OPEN, AT_FDCWD, "file") != 0);
	}
	subject_ready();
	subject_wait_restored();

	subject_check(subject_reap(pid) == 0, "the child does not have the same one");
	mark(fd, 0, FAN_OPEN, "file");
	read_info(fd, after);
	subject_check(!strcmp(after, before[0]), "marks are %s, not %s", after, before[0]);
	read_info(names, after);
	subject_check(!strcmp(after, before[1]), "names: marks are %s, not %s", after, before[1]);
	expect_none(fd);
	touch("dir/ignored");
	touch("dir/one");
	expect(fd, FAN_CLOSE_WRITE, "dir/one");
	close(open("file", O_RDONLY));
	expect(fd, FAN_OPEN, "file");
	expect_none(fd);
	return subject_end();
}
