// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regular files and directories: path, position, open flags, O_PATH, O_APPEND, close-on-exec,
 * owner of signals; and a current directory and umask.
 */
#include "subject.h"

struct file {
	const char *name;
	int flags;
	off_t pos;
	int fd, fd_flags, status_flags, owner, sig;
	struct stat st;
};

static struct file files[] = {
	{.name = "read", .flags = O_RDONLY, .pos = 3},
	{.name = "write", .flags = O_WRONLY, .pos = 100},
	{.name = "both", .flags = O_RDWR | O_CLOEXEC, .pos = 5LL << 32},
	{.name = "append", .flags = O_RDWR | O_APPEND, .pos = 2},
	{.name = "nonblock", .flags = O_RDWR | O_NONBLOCK | O_NOATIME, .pos = 0},
	{.name = "path", .flags = O_PATH | O_CLOEXEC, .pos = 0},
	{.name = "sync", .flags = O_RDWR | O_DSYNC, .pos = 1},
	{.name = "directory", .flags = O_RDONLY | O_DIRECTORY, .pos = 0},
	{.name = "directory/with \t odd\nname\xff", .flags = O_RDONLY, .pos = 4},
	{.name = "symlink", .flags = O_PATH | O_NOFOLLOW, .pos = 0},
};
#define N (int)(sizeof(files) / sizeof(files[0]))

static void look(struct file *f)
{
	f->fd_flags = fcntl(f->fd, F_GETFD);
	f->status_flags = fcntl(f->fd, F_GETFL);
	f->owner = f->flags & O_PATH ? 0 : fcntl(f->fd, F_GETOWN);
	f->sig = f->flags & O_PATH ? 0 : fcntl(f->fd, F_GETSIG);
	f->pos = f->flags & O_PATH ? 0 : lseek(f->fd, 0, SEEK_CUR);
	fstat(f->fd, &f->st);
}

static void check(const struct file *f)
{
	struct file now = *f;

	look(&now);
	subject_check(now.fd_flags == f->fd_flags, "%s: descriptor flags %x, were %x", f->name,
		      now.fd_flags, f->fd_flags);
	subject_check(now.status_flags == f->status_flags, "%s: flags 0%o, were 0%o", f->name,
		      now.status_flags, f->status_flags);
	subject_check(now.owner == f->owner && now.sig == f->sig, "%s: owner %d, signal %d", f->name,
		      now.owner, now.sig);
	subject_check(now.pos == f->pos, "%s: position %lld, was %lld", f->name, (long long)now.pos,
		      (long long)f->pos);
	subject_check(now.st.st_ino == f->st.st_ino && now.st.st_dev == f->st.st_dev,
		      "%s: another file", f->name);
}

static void make(struct file *f)
{
	int fd;

	if (f->flags & O_DIRECTORY)
		subject_need(mkdir(f->name, 0755) == 0, "mkdir: %m");
	else if (f->flags & O_NOFOLLOW)
		subject_need(symlink("read", f->name) == 0, "symlink: %m");
	else {
		fd = open(f->name, O_WRONLY | O_CREAT, 0644);
		subject_need(fd >= 0 && write(fd, "content", 7) == 7, "%s: %m", f->name);
		close(fd);
	}
	f->fd = open(f->name, f->flags);
	subject_need(f->fd >= 0, "open %s: %m", f->name);
	if (!(f->flags & O_PATH))
		lseek(f->fd, f->pos, SEEK_SET);
}

int main(void)
{
	char cwd[PATH_MAX] = "", c[8] = {};

	for (int i = 0; i < N; i++)
		make(&files[i]);
	/* A descriptor with a high number, and one for signals. */
	subject_need(dup2(files[0].fd, 1000) == 1000, "dup2: %m");
	fcntl(files[2].fd, F_SETOWN, -getpgid(0));
	fcntl(files[2].fd, F_SETSIG, SIGUSR1);
	for (int i = 0; i < N; i++)
		look(&files[i]);
	subject_need(chdir("directory") == 0, "chdir: %m");
	umask(027);
	subject_ready();
	subject_wait_restored();

	for (int i = 0; i < N; i++)
		check(&files[i]);
	subject_check(read(1000, c, 4) == 4 && memcmp(c, "tent", 4) == 0, "read '%s'", c);
	subject_check(lseek(files[0].fd, 0, SEEK_CUR) == 7, "the duplicate has its own position");
	subject_check(write(files[3].fd, "!", 1) == 1 && pread(files[3].fd, c, 1, 7) == 1 && c[0] == '!',
		      "O_APPEND does not append");
	subject_check(fcntl(3 + N + 1, F_GETFD) < 0, "there is one more descriptor");
	subject_check(getcwd(cwd, sizeof(cwd)) && strcmp(strrchr(cwd, '/'), "/directory") == 0,
		      "current directory is %s", cwd);
	subject_check(umask(0) == 027, "umask changed");
	return subject_end();
}
