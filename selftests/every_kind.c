// SPDX-License-Identifier: GPL-2.0-only
/*
 * One descriptor of every kind, three times over: queued in a Unix socket while nobody has it open;
 * duplicated; and had by a child that was forked and by one that shares the table. Each keeps its
 * mode, position, flags and path, and still does what it is for; the description is one as before.
 * Runs alone: its terminals have numbers that others might take.
 */
#include "every_kind_test.h"

#include <sched.h>

#define KCMP_FILE  0
#define KCMP_FILES 2
#define STACK      (64 << 10)
#define KINDS      (int)(sizeof(kinds) / sizeof(kinds[0]))

/* What anybody can ask of any descriptor. */
struct look {
	mode_t mode;
	dev_t rdev;
	nlink_t links;
	off_t size, at;
	int flags;
	char path[128];
};

static struct look look_at(int fd)
{
	struct look l = {};
	struct stat st = {};
	char link[64];

	subject_check(fstat(fd, &st) == 0, "fstat of %d: %m", fd);
	l.mode = st.st_mode;
	l.rdev = st.st_rdev;
	l.links = st.st_nlink;
	l.size = S_ISREG(st.st_mode) ? st.st_size : 0;
	l.at = lseek(fd, 0, SEEK_CUR);
	l.flags = fcntl(fd, F_GETFL);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, l.path, sizeof(l.path) - 1) > 0 && l.path[0] != '/')
		l.path[0] = 0;
	/* What O_TMPFILE makes is called by its inode's number. */
	l.path[strcspn(l.path, "#")] = 0;
	return l;
}

static void compare(const char *how, const char *name, int fd, const struct look *was)
{
	struct look l = look_at(fd);

	subject_check(l.mode == was->mode && l.rdev == was->rdev && l.links == was->links,
		      "%s %s: mode %o, %lu links", how, name, l.mode, (unsigned long)l.links);
	subject_check(l.size == was->size && l.at == was->at && l.flags == was->flags,
		      "%s %s: %lld bytes, at %lld, flags %o; not %lld, %lld, %o", how, name,
		      (long long)l.size, (long long)l.at, l.flags, (long long)was->size,
		      (long long)was->at, was->flags);
	subject_check(strcmp(l.path, was->path) == 0, "%s %s: `%s', not `%s'", how, name, l.path,
		      was->path);
}

static void send_one(int to, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {(char[]){"x"}, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};

	*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(int));
	subject_need(sendmsg(to, &msg, MSG_DONTWAIT) == 1, "sendmsg: %m");
	close(fd);
}

static int receive_one(int from)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0}, text;
	struct iovec iov = {&text, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(from, &msg, MSG_DONTWAIT) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

static bool is_same(int type, pid_t a, pid_t b, int fd_a, int fd_b)
{
	return syscall(SYS_kcmp, a, b, type, fd_a, fd_b) == 0;
}

static int stay(void *unused)
{
	for (;;)
		pause();
	return 0;
}

static pid_t share_table(void)
{
	static char stack[STACK] __attribute__((aligned(16)));
	pid_t pid = clone(stay, stack + STACK, CLONE_FILES | SIGCHLD, NULL);

	subject_need(pid > 0, "clone: %m");
	return pid;
}

static int make(int i, const char *how)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.%s", kinds[i].name, how);
	return kinds[i].make(name);
}

/* Numbers of their own, far from those of what they watch. */
static int keep(int fd, int number)
{
	int kept = fd < 0 ? -1 : fcntl(fd, F_DUPFD, number);

	if (fd >= 0)
		close(fd);
	return kept;
}

int main(void)
{
	struct look sent_look[KINDS], open_look[KINDS];
	int fds[KINDS], copies[KINDS], pair[2];
	bool is_sent[KINDS], can_compare;
	pid_t forked, sharing;

	subject_options("--link-remap");
	can_compare = is_same(KCMP_FILE, getpid(), getpid(), 0, 0) || errno != ENOSYS;
	subject_need(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0, "socketpair: %m");
	(void)!setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){1 << 20}, sizeof(int));
	subject_need(mkfifo("ready.fifo", 0600) == 0, "mkfifo: %m");
	subject_need(write(open("ready.fifo", O_RDWR), "x", 1) == 1, "fifo: %m");
	target = subject_fork();
	if (!target)
		stay(NULL);
	for (int i = 0; i < KINDS; i++) {
		int fd = kinds[i].is_own && subject_through_criu() ? -1 : make(i, "sent");

		is_sent[i] = fd >= 0;
		if (fd >= 0) {
			sent_look[i] = look_at(fd);
			send_one(pair[0], fd);
		}
		fds[i] = keep(make(i, "open"), 200 + 10 * i);
		copies[i] = fds[i] < 0 ? -1 : dup(fds[i]);
		if (fds[i] >= 0)
			open_look[i] = look_at(fds[i]);
	}
	forked = subject_fork();
	if (!forked)
		stay(NULL);
	sharing = share_table();
	subject_ready();
	subject_wait_restored();

	for (int i = 0; i < KINDS; i++) {
		int fd = is_sent[i] ? receive_one(pair[1]) : -1;

		if (is_sent[i] && fd < 0)
			subject_check(false, "sent %s: it did not arrive", kinds[i].name);
		if (fd >= 0) {
			compare("sent", kinds[i].name, fd, &sent_look[i]);
			subject_check(!kinds[i].works || kinds[i].works(fd), "sent %s: does not work: %m",
				      kinds[i].name);
		}
		if (fds[i] < 0)
			continue;
		compare("open", kinds[i].name, fds[i], &open_look[i]);
		subject_check(!can_compare || (is_same(KCMP_FILE, getpid(), getpid(), fds[i], copies[i]) &&
					       is_same(KCMP_FILE, getpid(), forked, fds[i], fds[i])),
			      "open %s: it is shared no more", kinds[i].name);
		subject_check(!kinds[i].works || kinds[i].works(copies[i]), "open %s: does not work: %m",
			      kinds[i].name);
	}
	subject_check(!can_compare || is_same(KCMP_FILES, getpid(), sharing, 0, 0), "it has another table");
	for (int i = 0; i < 3; i++) {
		pid_t pid = (pid_t[]){target, forked, sharing}[i];

		kill(pid, SIGKILL);
		subject_check(subject_reap(pid) == SIGKILL, "child %d did not stay", pid);
	}
	return subject_end();
}
