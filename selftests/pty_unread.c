// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits to be read in ptys, at both ends: more than a line discipline has room for; lines,
 * with an unfinished one, ends of file, other ends of lines and quoted newlines; settings come
 * back with it. Run by cases/terminals.py, with a devpts of its own.
 */
#include "subject.h"

#include <asm/termbits.h>
#include <sys/ioctl.h>

#define MUCH 9000

static int open_pty(int *slave)
{
	int fd = open("pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK), unlock = 0;

	subject_need(fd >= 0 && ioctl(fd, TIOCSPTLCK, &unlock) == 0, "ptmx: %m");
	*slave = ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK);
	subject_need(*slave >= 0, "its slave: %m");
	return fd;
}

static struct termios2 set(int fd, tcflag_t iflag, tcflag_t oflag, tcflag_t lflag)
{
	struct termios2 t;

	subject_need(ioctl(fd, TCGETS2, &t) == 0, "TCGETS2: %m");
	t.c_iflag = iflag;
	t.c_oflag = oflag;
	t.c_lflag = lflag;
	t.c_cflag = (t.c_cflag & ~CBAUD) | BOTHER;
	t.c_ospeed = t.c_ispeed = 12345;
	t.c_cc[VEOL] = ';';
	t.c_cc[VEOF] = 'E';
	subject_need(ioctl(fd, TCSETS2, &t) == 0, "TCSETS2: %m");
	return t;
}

static void write_all(int fd, const void *data, size_t n)
{
	ssize_t done = 0;

	subject_await((done = write(fd, data, n)) > 0 || errno != EAGAIN);
	subject_need(done == (ssize_t)n, "write of %zu: %zd %m", n, done);
}

static int waiting(int fd)
{
	int n = -1;

	return ioctl(fd, FIONREAD, &n) ? -1 : n;
}

/* Reads up to @n bytes that come in time. */
static size_t drain(int fd, char *buf, size_t n)
{
	size_t at = 0;
	ssize_t got = 0;

	while (at < n && subject_await((got = read(fd, buf + at, n - at)) >= 0) && got > 0)
		at += got;
	return at;
}

static char pattern(size_t i)
{
	return (char)(i % 251);
}

static void fill(int fd, size_t n)
{
	char bytes[MUCH];

	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(i);
	for (size_t i = 0; i < n; i += 1000)
		write_all(fd, bytes + i, 1000);
}

static void check_filled(const char *what, int fd)
{
	static char bytes[MUCH];
	size_t n = drain(fd, bytes, MUCH), same = 0;

	while (same < n && bytes[same] == pattern(same))
		same++;
	subject_check(n == MUCH && same == n, "%s: %zu bytes of %d, the first %zu as written", what, n,
		      MUCH, same);
}

static void check_read(const char *what, int fd, const char *want, size_t n)
{
	char got[64] = "";
	ssize_t have = -1;

	subject_await((have = read(fd, got, sizeof(got))) >= 0);
	subject_check(have == (ssize_t)n && memcmp(got, want, n) == 0, "%s: %zd bytes `%.40s'", what,
		      have, got);
}

static void check_settings(const char *what, int fd, const struct termios2 *had)
{
	struct termios2 now;

	subject_check(ioctl(fd, TCGETS2, &now) == 0 && memcmp(&now, had, sizeof(now)) == 0,
		      "%s: other settings: %x %x %x %x speed %u", what, now.c_iflag, now.c_oflag,
		      now.c_cflag, now.c_lflag, now.c_ospeed);
}

int main(void)
{
	static const char typed[] = "one\ntwo;\026\nthree\nE\026Eunfin";
	int raw_slave, raw = open_pty(&raw_slave), line_slave, line = open_pty(&line_slave);
	int full_slave, full = open_pty(&full_slave), switched_slave;
	int switched = open_pty(&switched_slave);
	struct termios2 raw_had, line_had;

	raw_had = set(raw, IXON | ICRNL, OPOST | ONLCR, 0);
	/* Sent while the settings let everything through, so that what comes back must be as read. */
	set(raw, 0, 0, 0);
	fill(raw, MUCH);
	fill(raw_slave, MUCH);
	subject_need(subject_await(waiting(raw) == 4095 && waiting(raw_slave) == 4095),
		     "%d and %d bytes are there", waiting(raw), waiting(raw_slave));
	subject_need(ioctl(raw, TCSETS2, &raw_had) == 0, "TCSETS2: %m");
	line_had = set(line, ICRNL, OPOST | ONLCR, ICANON | IEXTEN | ISIG);
	write_all(line, typed, sizeof(typed) - 1);
	subject_need(subject_await(waiting(line_slave) == 15), "%d bytes in lines",
		     waiting(line_slave));
	set(full, 0, 0, ICANON);
	for (int i = 0; i < 1024; i++)
		write_all(full, "abc\n", 4);
	set(switched, 0, 0, 0);
	write_all(switched, "bytes", 5);
	subject_need(subject_await(waiting(switched_slave) == 5), "%d bytes typed",
		     waiting(switched_slave));
	set(switched, 0, 0, ICANON);
	subject_ready();
	subject_wait_restored();

	check_settings("raw", raw, &raw_had);
	set(raw, 0, 0, 0);
	check_filled("at the slave", raw_slave);
	check_filled("at the master", raw);
	check_settings("lines", line_slave, &line_had);
	check_read("first line", line_slave, "one\n", 4);
	check_read("its own end of line", line_slave, "two;", 4);
	check_read("quoted newline", line_slave, "\nthree\n", 7);
	check_read("end of file", line_slave, "", 0);
	write_all(line, "ished\n", 6);
	check_read("unfinished line", line_slave, "Eunfinished\n", 12);
	for (int i = 0; i < 1024; i++)
		check_read("many lines", full_slave, "abc\n", 4);
	check_read("bytes that became a line", switched_slave, "bytes", 5);
	return subject_end();
}
