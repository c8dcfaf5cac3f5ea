// SPDX-License-Identifier: GPL-2.0-only
/*
 * What else a pty has: packet mode with events that its master has not read; exclusive, locked;
 * output stopped by a key or a call; a slave that was closed again or never opened; descriptors
 * that hung up while the pty lives on. Run by cases/terminals.py, with a devpts of its own.
 */
#include "subject.h"

#include <asm/termbits.h>
#include <sys/ioctl.h>

static const int on = 1, off;

static int open_master(void)
{
	int fd = open("pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);

	subject_need(fd >= 0 && ioctl(fd, TIOCSPTLCK, &off) == 0, "ptmx: %m");
	return fd;
}

static int open_slave(int master)
{
	int fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK);

	subject_need(fd >= 0, "its slave: %m");
	return fd;
}

static void set(int fd, tcflag_t iflag, tcflag_t lflag)
{
	struct termios t;

	subject_need(ioctl(fd, TCGETS, &t) == 0, "TCGETS: %m");
	t.c_iflag = iflag;
	t.c_lflag = lflag;
	t.c_oflag = 0;
	subject_need(ioctl(fd, TCSETS, &t) == 0, "TCSETS: %m");
}

static void check_read(const char *what, int fd, const char *want, int n)
{
	char got[64] = "";
	int have = -1;

	subject_await((have = (int)read(fd, got, sizeof(got))) >= 0 || errno != EAGAIN);
	subject_check(have == n && memcmp(got, want, n) == 0, "%s: %d bytes, the first %02x", what,
		      have, got[0]);
}

static void check_flag(const char *what, int fd, unsigned long request, int want)
{
	int now = -1;

	subject_check(ioctl(fd, request, &now) == 0 && now == want, "%s: %d", what, now);
}

static void check_nothing(const char *what, int fd, int want)
{
	char byte;
	ssize_t n = read(fd, &byte, 1);

	subject_check(n < 0 && errno == want, "%s: read gives %zd, %m", what, n);
}

int main(void)
{
	int events = open_master(), events_slave = open_slave(events);
	int calm = open_master(), calm_slave = open_slave(calm);
	int single = open_master(), single_slave = open_slave(single);
	int key = open_master(), key_slave = open_slave(key);
	int call = open_master(), call_slave = open_slave(call);
	int closed = open_master(), fresh = open_master(), half = open_master();
	int half_old = open_slave(half), half_new, number = -1;
	char events_now[2] = {TIOCPKT_FLUSHREAD | TIOCPKT_NOSTOP, 0}, path[32];

	set(events, IXON, 0);
	subject_need(ioctl(events, TIOCPKT, &on) == 0, "TIOCPKT: %m");
	set(events, 0, 0);
	subject_need(ioctl(events_slave, TCFLSH, TCIFLUSH) == 0, "TCFLSH: %m");
	subject_need(write(events, "in", 2) == 2 && write(events_slave, "out", 3) == 3, "write: %m");
	set(calm, IXON, ICANON);
	subject_need(ioctl(calm, TIOCPKT, &on) == 0 && write(calm, "line\n", 5) == 5, "write: %m");
	subject_need(ioctl(single, TIOCEXCL) == 0 && ioctl(single_slave, TIOCEXCL) == 0 &&
			     ioctl(single, TIOCSPTLCK, &on) == 0, "TIOCEXCL: %m");
	set(key, IXON, 0);
	subject_need(write(key, "\023", 1) == 1, "write: %m");
	subject_need(subject_await(write(key_slave, "x", 1) < 0 && errno == EAGAIN), "not stopped");
	subject_need(ioctl(call_slave, TCXONC, TCOOFF) == 0, "TCXONC: %m");
	close(open_slave(closed));
	subject_need(ioctl(half_old, TIOCVHANGUP) == 0, "TIOCVHANGUP: %m");
	half_new = open_slave(half);
	subject_need(ioctl(half, TIOCGPTN, &number) == 0, "TIOCGPTN: %m");
	subject_ready();
	subject_wait_restored();

	check_read("events", events, events_now, 1);
	check_read("behind them", events, "\0out", 4);
	check_read("its slave", events_slave, "in", 2);
	check_nothing("no event", calm, EAGAIN);
	check_flag("packet mode", calm, TIOCGPKT, 1);
	check_read("its slave", calm_slave, "line\n", 5);
	check_flag("exclusive", single_slave, TIOCGEXCL, 1);
	check_flag("an exclusive master", single, TIOCGEXCL, 1);
	check_flag("locked", single, TIOCGPTLCK, 1);
	check_flag("not exclusive", call_slave, TIOCGEXCL, 0);
	while (read(key, path, sizeof(path)) > 0)
		;
	subject_check(write(key_slave, "y", 1) < 0 && errno == EAGAIN, "the key stops it no more");
	subject_check(write(key, "\021", 1) == 1 && subject_await(write(key_slave, "z", 1) == 1),
		      "the key does not start it: %m");
	subject_check(write(call_slave, "y", 1) < 0 && errno == EAGAIN, "the call stops it no more");
	subject_check(ioctl(call_slave, TCXONC, TCOON) == 0 && write(call_slave, "z", 1) == 1,
		      "the call does not start it: %m");
	check_nothing("a slave that was closed", closed, EIO);
	check_nothing("a slave that was never open", fresh, EAGAIN);
	subject_check(read(half_old, path, 1) == 0, "it has not hung up");
	snprintf(path, sizeof(path), "pts/%d", number);
	subject_check(access(path, F_OK) == 0, "no %s", path);
	subject_check(write(half_new, "new", 3) == 3, "write: %m");
	check_read("past a hangup", half, "new", 3);
	return subject_end();
}
