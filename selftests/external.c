// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors of what belongs to others, who give another at restore. Run by cases/external.py,
 * with a word for each: a letter, and the number of a descriptor.
 *   w300  is written to: "before", and when restored "after", "dup", by a child "child", and by
 *         one that shares the table of descriptors "shared"
 *   W300  the same, and has no flags that criu would not put back
 *   r300  is read from, when restored: "given"
 *   q300  is written to, but waits in the queue of a Unix socket meanwhile
 *   t300  is a terminal, and becomes that of the session: raw, and written to
 */
#include "subject.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

#define MAX   8
#define STACK (64 << 10)

static struct item {
	char how;
	int fd, dup;
	int flags;
	int pair[2]; /* in whose queue it waits */
} items[MAX];

static void put(int fd, const char *text)
{
	subject_check(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write of %s: %m", text);
}

static void send_fd(struct item *item)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	subject_need(!socketpair(AF_UNIX, SOCK_DGRAM, 0, item->pair), "socketpair: %m");
	*cmsg = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(cmsg), &item->fd, sizeof(int));
	subject_need(sendmsg(item->pair[0], &msg, 0) == 1, "sendmsg: %m");
	close(item->fd);
	close(item->dup);
}

static void receive_fd(struct item *item)
{
	char control[CMSG_SPACE(sizeof(int))] = {0}, byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			     .msg_controllen = sizeof(control)};

	subject_need(recvmsg(item->pair[1], &msg, 0) == 1 && CMSG_FIRSTHDR(&msg), "recvmsg: %m");
	memcpy(&item->fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	item->dup = fcntl(item->fd, F_DUPFD, 0);
}

static void set_up(struct item *item)
{
	struct termios termios;

	item->dup = fcntl(item->fd, F_DUPFD, item->fd + 1);
	subject_need(item->dup > 0, "descriptor %d: %m", item->fd);
	if (item->how == 't') {
		subject_need(!ioctl(item->fd, TIOCSCTTY, 0), "TIOCSCTTY: %m");
		subject_need(!tcgetattr(item->fd, &termios), "tcgetattr: %m");
		cfmakeraw(&termios);
		subject_need(!tcsetattr(item->fd, TCSANOW, &termios), "tcsetattr: %m");
	}
	if (item->how != 'r')
		put(item->fd, "before");
	if (item->how != 'W')
		fcntl(item->fd, F_SETFL, fcntl(item->fd, F_GETFL) | O_NONBLOCK);
	item->flags = fcntl(item->fd, F_GETFL) & (O_NONBLOCK | O_APPEND);
	if (item->how == 'q')
		send_fd(item);
}

static void check_terminal(const struct item *item)
{
	struct termios termios;
	int tty;

	subject_check(tcgetsid(item->fd) == getsid(0), "the terminal is of session %d, not %d: %m",
		      tcgetsid(item->fd), getsid(0));
	subject_check(tcgetpgrp(item->fd) == getpgrp(), "in its foreground is group %d: %m",
		      tcgetpgrp(item->fd));
	subject_check(!tcgetattr(item->fd, &termios) && !(termios.c_lflag & (ICANON | ECHO)),
		      "the terminal is not raw any more");
	tty = open("/dev/tty", O_RDWR);
	subject_check(tty >= 0, "/dev/tty: %m");
	close(tty);
}

static void check_item(struct item *item)
{
	char text[100] = "";

	if (item->how == 'q')
		receive_fd(item);
	subject_check((fcntl(item->fd, F_GETFL) & (O_NONBLOCK | O_APPEND)) == item->flags,
		      "flags of %d: %#x", item->fd, fcntl(item->fd, F_GETFL));
	/* What one sets, the other has: they are one description. */
	fcntl(item->fd, F_SETFL, fcntl(item->fd, F_GETFL) ^ O_NONBLOCK);
	subject_check(fcntl(item->dup, F_GETFL) == fcntl(item->fd, F_GETFL),
		      "%d is another description than %d", item->dup, item->fd);
	fcntl(item->fd, F_SETFL, fcntl(item->fd, F_GETFL) & ~O_NONBLOCK);
	if (item->how == 't')
		check_terminal(item);
	if (item->how == 'r') {
		subject_check(read(item->fd, text, sizeof(text) - 1) > 0 && !strcmp(text, "given"),
			      "read: %s %m", text);
		return;
	}
	put(item->fd, "after");
	put(item->dup, "dup");
}

/* Shares the descriptors since before the checkpoint. */
static pid_t start_child(int n, int *ret_go)
{
	int go[2];
	pid_t pid;
	char byte;

	subject_need(!pipe(go), "pipe: %m");
	pid = fork();
	subject_need(pid >= 0, "fork: %m");
	*ret_go = go[1];
	if (pid) {
		close(go[0]);
		return pid;
	}
	close(go[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(go[0], &byte, 1) != 1)
		_exit(1);
	for (int i = 0; i < n; i++)
		if (strchr("wW", items[i].how) && write(items[i].fd, "child", 5) != 5)
			_exit(2);
	_exit(0);
}

/* Has the same table (CLONE_FILES): descriptors made since the restore are its own, too. */
static int share_table(void *shared)
{
	volatile int *copies = shared; /* 0: not yet */

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < MAX && items[i].how; i++) {
		while (!copies[i])
			subject_sleep(1);
		if (strchr("wW", items[i].how) && write(copies[i], "shared", 6) != 6)
			_exit(2);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	static char stack[STACK] __attribute__((aligned(16)));
	int go, status, n = argc - 1;
	int *copies = subject_shared(4096);
	pid_t child, sharer;

	for (int i = 0; i < n; i++) {
		items[i] = (struct item){.how = argv[i + 1][0], .fd = atoi(argv[i + 1] + 1)};
		set_up(&items[i]);
	}
	child = start_child(n, &go);
	sharer = clone(share_table, stack + STACK, CLONE_FILES | SIGCHLD, copies);
	subject_need(sharer > 0, "clone: %m");
	subject_ready();
	subject_wait_restored();
	for (int i = 0; i < n; i++)
		check_item(&items[i]);
	subject_check(write(go, "", 1) == 1, "write: %m");
	subject_check(waitpid(child, &status, 0) == child && !status, "the child: %x", status);
	for (int i = 0; i < n; i++)
		__atomic_store_n(&copies[i], fcntl(items[i].fd, F_DUPFD, 400), __ATOMIC_RELEASE);
	subject_check(waitpid(sharer, &status, 0) == sharer && !status, "who shares the table: %x",
		      status);
	return subject_end();
}
