/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_EVERY_KIND_TEST_H
#define CRBPF_SELFTESTS_EVERY_KIND_TEST_H

/* How a descriptor of each kind is made (-1: this machine cannot), and what it is for. */

#include "inotify_test.h"
#include "pidfd_test.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

struct kind {
	const char *name;
	int (*make)(const char *name);
	bool (*works)(int fd);
	bool is_own; /* to crbpf: CRIU fails with one in a queue, for nobody has its number */
};

static pid_t target;

/* --- each kind --- */

static int open_content(const char *name, int flags)
{
	int fd = open(name, flags, 0640);

	subject_need(fd < 0 || (write(fd, "content", 7) == 7 && lseek(fd, 3, SEEK_SET) == 3), "%s: %m",
		     name);
	return fd;
}

static bool reads(int fd, const char *want)
{
	char text[16] = "";
	ssize_t n = read(fd, text, sizeof(text) - 1);

	return n == (ssize_t)strlen(want) && strcmp(text, want) == 0;
}

static bool reads_on(int fd)
{
	return reads(fd, "tent");
}

static int make_file_(const char *name)
{
	return open_content(name, O_RDWR | O_CREAT | O_APPEND);
}

static int make_deleted(const char *name)
{
	int fd = open_content(name, O_RDWR | O_CREAT);

	unlink(name);
	return fd;
}

/* Its name is gone, another is there. */
static int make_linked(const char *name)
{
	char other[64];
	int fd = open_content(name, O_RDWR | O_CREAT);

	snprintf(other, sizeof(other), "%s.other", name);
	subject_need(link(name, other) == 0 && unlink(name) == 0, "%s: %m", name);
	return fd;
}

static int make_tmpfile(const char *name)
{
	return open_content(".", O_RDWR | O_TMPFILE);
}

static int make_place(const char *name)
{
	close(open(name, O_RDWR | O_CREAT, 0600));
	return open(name, O_PATH);
}

static int make_directory(const char *name)
{
	mkdir(name, 0750);
	return open(name, O_RDONLY | O_DIRECTORY);
}

static int make_symlink(const char *name)
{
	return symlink("nowhere", name) ? -1 : open(name, O_PATH | O_NOFOLLOW);
}

static bool leads_nowhere(int fd)
{
	char to[16] = "";

	return readlinkat(fd, "", to, sizeof(to) - 1) == 7 && !strcmp(to, "nowhere");
}

static int make_removed(const char *name)
{
	int fd = make_directory(name);

	rmdir(name);
	return fd;
}

static bool is_removed(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0 && openat(fd, "new", O_CREAT, 0600) < 0;
}

static int make_fifo(const char *name)
{
	int fd = mkfifo(name, 0640) == 0 ? open(name, O_RDWR) : -1;

	subject_need(fd < 0 || write(fd, "content", 7) == 7, "fifo: %m");
	return fd;
}

static bool reads_content(int fd)
{
	return reads(fd, "content");
}

/* One end is all that there is. */
static int make_pipe(int flags)
{
	int ends[2];

	subject_need(pipe2(ends, flags) == 0 && write(ends[1], "content", 7) == 7, "pipe: %m");
	close(ends[1]);
	return ends[0];
}

static int make_stream(const char *name)
{
	return make_pipe(0);
}

/* CRIU dumps none of packets. */
static int make_packets(const char *name)
{
	return make_pipe(subject_through_criu() ? 0 : O_DIRECT);
}

static bool reads_and_ends(int fd)
{
	return reads(fd, "content") && reads(fd, "");
}

static int make_zero(const char *name)
{
	return open("/dev/zero", O_RDWR);
}

static bool is_zero(int fd)
{
	char c = 1;

	return read(fd, &c, 1) == 1 && c == 0;
}

static int make_full(const char *name)
{
	return open("/dev/full", O_WRONLY);
}

static bool is_full(int fd)
{
	return write(fd, "x", 1) < 0 && errno == ENOSPC;
}

static int make_kmsg(const char *name)
{
	return open("/dev/kmsg", O_WRONLY);
}

static int make_random(const char *name)
{
	return open("/dev/urandom", O_RDONLY | O_NONBLOCK);
}

static bool is_random(int fd)
{
	char c[8];

	return read(fd, c, 8) == 8;
}

/* CRIU wants a namespace. */
static int make_tun(const char *name)
{
	return subject_through_criu() ? -1 : open("/dev/net/tun", O_RDWR | O_NONBLOCK);
}

static bool has_no_interface(int fd)
{
	char c;

	return read(fd, &c, 1) < 0 && errno == EBADFD;
}

static int make_eventfd(const char *name)
{
	return eventfd(7, EFD_NONBLOCK);
}

static bool counts_seven(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, 8) == 8 && n == 7 && read(fd, &n, 8) < 0;
}

static int make_timer(const char *name)
{
	struct itimerspec far = {.it_value.tv_sec = 100000};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	subject_need(fd < 0 || timerfd_settime(fd, 0, &far, NULL) == 0, "timerfd: %m");
	return fd;
}

static bool has_time_left(int fd)
{
	struct itimerspec left;

	return timerfd_gettime(fd, &left) == 0 && left.it_value.tv_sec > 90000;
}

static int make_signalfd(const char *name)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK);
}

static bool takes_signals(int fd)
{
	struct signalfd_siginfo info = {};

	kill(getpid(), SIGUSR2);
	return read(fd, &info, sizeof(info)) == sizeof(info) && info.ssi_signo == SIGUSR2;
}

static int make_pidfd(const char *name)
{
	return pidfd_open_(target, 0);
}

static bool points_at_target(int fd)
{
	return pidfd_target(fd) == target;
}

static int make_reaped_(const char *name)
{
	return make_reaped(3, 0, 0, NULL);
}

static bool points_at_nobody(int fd)
{
	return pidfd_target(fd) == -1 && pidfd_events(fd) & POLLIN;
}

static int make_inotify(const char *name)
{
	int fd = inotify_init1(IN_NONBLOCK);

	mkdir(name, 0700);
	watch_path(fd, name, IN_CREATE);
	return fd;
}

/* Made in the one place that it watches: fdinfo has no name. */
static bool has_a_watch(int fd)
{
	return inotify_rm_watch(fd, 1) == 0;
}

static int make_fanotify(const char *name)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_REPORT_FID, O_RDONLY);

	mkdir(name, 0700);
	if (fd >= 0 && fanotify_mark(fd, FAN_MARK_ADD, FAN_CREATE, AT_FDCWD, name) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool is_silent(int fd)
{
	char room[512];

	return read(fd, room, sizeof(room)) < 0 && errno == EAGAIN;
}

static int make_epoll(const char *name)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 5};
	int fd = epoll_create1(0), ready = open("ready.fifo", O_RDWR);

	/* What it watches stays open: CRIU knows it by its number. */
	subject_need(fd < 0 || ready < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, ready, &ev) == 0, "epoll: %m");
	return fd;
}

static bool tells_of_five(int fd)
{
	struct epoll_event ev = {};

	return epoll_wait(fd, &ev, 1, 0) == 1 && ev.data.u64 == 5;
}

static int make_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_ALLOW_SEALING);

	subject_need(fd < 0 || (write(fd, "content", 7) == 7 && lseek(fd, 3, SEEK_SET) == 3 &&
				fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0),
		     "memfd: %m");
	return fd;
}

static bool is_sealed(int fd)
{
	return reads_on(fd) && fcntl(fd, F_GET_SEALS) == F_SEAL_SHRINK;
}

static int make_terminal(const char *name)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY), size[2] = {11 | 22 << 16, 0};

	subject_need(fd < 0 || (unlockpt(fd) == 0 && ioctl(fd, TIOCSWINSZ, size) == 0), "pty: %m");
	return fd;
}

static bool has_its_size(int fd)
{
	unsigned short size[4] = {};

	return ioctl(fd, TIOCGWINSZ, size) == 0 && size[0] == 11 && size[1] == 22;
}

/* What this call is told of flags the file keeps, unlike by open(2), which is how CRIU does it. */
static int open_slave(int master, int flags, bool by_path)
{
	return by_path || subject_through_criu()
		       ? open(ptsname(master), O_RDWR | O_NOCTTY | flags)
		       : ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | flags);
}

/* What was typed waits in it; its other end is open under a high number. */
static int make_slave(const char *name)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), kept, fd;

	if (master < 0)
		return -1;
	subject_need(unlockpt(master) == 0 && write(master, "typed\n", 6) == 6, "pty: %m");
	fd = open_slave(master, 0, strstr(name, "sent"));
	kept = fcntl(master, F_DUPFD, 800);
	subject_need(fd >= 0 && kept >= 0, "pty: %m");
	close(master);
	return fd;
}

static bool was_typed_at(int fd)
{
	return reads(fd, "typed\n");
}

/* Its other end is closed for good. */
static int make_hung_up(const char *name)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), fd;

	if (master < 0)
		return -1;
	subject_need(unlockpt(master) == 0, "pty: %m");
	fd = open_slave(master, O_CLOEXEC, strstr(name, "sent"));
	close(master);
	return fd;
}

static bool has_hung_up(int fd)
{
	char c;

	return read(fd, &c, 1) == 0 && write(fd, "x", 1) < 0 && errno == EIO;
}

static int make_listener(const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	subject_need(bind(fd, (void *)&sun, sizeof(sun)) == 0 && listen(fd, 3) == 0, "%s: %m", name);
	return fd;
}

static bool listens(int fd)
{
	struct sockaddr_un sun = {};
	socklen_t n = sizeof(sun);
	int client = socket(AF_UNIX, SOCK_STREAM, 0), conn;

	if (getsockname(fd, (void *)&sun, &n) || connect(client, (void *)&sun, n))
		return false;
	conn = accept(fd, NULL, NULL);
	return conn >= 0 && write(client, "content", 7) == 7 && reads(conn, "content");
}

/* Its other end is open under a high number. */
static int make_connection(const char *name)
{
	int ends[2], kept;

	subject_need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) == 0 &&
			     write(ends[1], "content", 7) == 7,
		     "socketpair: %m");
	kept = fcntl(ends[1], F_DUPFD, 800);
	subject_need(kept >= 0, "socketpair: %m");
	close(ends[1]);
	return ends[0];
}

static bool reads_and_waits(int fd)
{
	char c;

	return reads(fd, "content") && read(fd, &c, 1) < 0 && errno == EAGAIN;
}

static int make_datagram(const char *name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", name);
	subject_need(bind(fd, (void *)&sun, sizeof(sun)) == 0 &&
			     sendto(fd, "content", 7, 0, (void *)&sun, sizeof(sun)) == 7,
		     "%s: %m", name);
	return fd;
}

/* CRIU wants SO_PASSCRED of it, which kernels since 6.16 have for Unix sockets only. */
static int make_tcp(const char *name)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = subject_through_criu() ? -1 : socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	subject_need(fd < 0 || (bind(fd, (void *)&in, sizeof(in)) == 0 && listen(fd, 3) == 0),
		     "tcp: %m");
	return fd;
}

static bool accepts(int fd)
{
	struct sockaddr_in in = {};
	socklen_t n = sizeof(in);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool ok = getsockname(fd, (void *)&in, &n) == 0 && connect(client, (void *)&in, n) == 0 &&
		  poll(&p, 1, 10000) == 1;

	close(client);
	return ok;
}

static const struct kind kinds[] = {
	{"regular", make_file_, reads_on},
	{"deleted", make_deleted, reads_on},
	{"linked", make_linked, reads_on},
	{"tmpfile", make_tmpfile, reads_on},
	{"place", make_place, NULL},
	{"directory", make_directory, NULL},
	{"symlink", make_symlink, leads_nowhere},
	{"removed", make_removed, is_removed},
	{"fifo", make_fifo, reads_content},
	{"pipe", make_stream, reads_and_ends},
	{"packets", make_packets, reads_and_ends},
	{"zero", make_zero, is_zero},
	{"full", make_full, is_full},
	{"kmsg", make_kmsg, NULL},
	{"random", make_random, is_random},
	{"tun", make_tun, has_no_interface},
	{"eventfd", make_eventfd, counts_seven},
	{"timerfd", make_timer, has_time_left, true},
	{"signalfd", make_signalfd, takes_signals},
	{"pidfd", make_pidfd, points_at_target},
	{"reaped", make_reaped_, points_at_nobody},
	{"inotify", make_inotify, has_a_watch, true},
	{"fanotify", make_fanotify, is_silent, true},
	{"epoll", make_epoll, tells_of_five, true},
	{"memfd", make_memfd, is_sealed},
	{"terminal", make_terminal, has_its_size, true},
	{"slave", make_slave, was_typed_at, true},
	{"hung up", make_hung_up, has_hung_up, true},
	{"listener", make_listener, listens, true},
	{"connection", make_connection, reads_and_waits, true},
	{"datagram", make_datagram, reads_content, true},
	{"tcp", make_tcp, accepts},
};

#endif
