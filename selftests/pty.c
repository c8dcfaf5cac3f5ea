// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pty with both sides in the tree: its number, settings, size, owner and mode; the session
 * and the foreground group that it controls; and descriptors of a terminal that has hung up.
 * Runs alone, since another test's terminal may take the number meanwhile.
 */
#include "subject.h"

#include <sys/ioctl.h>
#include <termios.h>

static int open_master(char name[static 32])
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK), number, unlock = 0;

	subject_need(fd >= 0 && ioctl(fd, TIOCSPTLCK, &unlock) == 0 && ioctl(fd, TIOCGPTN, &number) == 0,
		     "ptmx: %m");
	snprintf(name, 32, "/dev/pts/%d", number);
	return fd;
}

/* The child leads a session on the terminal, with a group of its own in the foreground. */
static void live_on(const char *name, volatile pid_t *group)
{
	int slave, tty;
	pid_t seen = 0, member;
	char line[16] = "";

	setsid();
	slave = open(name, O_RDWR);
	subject_need(slave >= 0, "%s: %m", name);
	member = subject_fork();
	if (member == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(member, member);
	signal(SIGTTOU, SIG_IGN);
	subject_need(tcsetpgrp(slave, member) == 0, "tcsetpgrp: %m");
	tty = open("/dev/tty", O_RDWR);
	subject_need(tty >= 0, "/dev/tty: %m");
	*group = member;
	subject_wait_restored();

	subject_check(ioctl(slave, TIOCGSID, &seen) == 0 && seen == getpid(), "session %d: %m", seen);
	subject_check(tcgetpgrp(slave) == member, "foreground group %d, was %d", tcgetpgrp(slave), member);
	subject_check(tcgetpgrp(tty) == member, "/dev/tty leads to another terminal");
	close(tty);
	tty = open("/dev/tty", O_RDWR);
	subject_check(tty >= 0, "no controlling terminal: %m");
	subject_check(write(slave, "from slave", 10) == 10, "write: %m");
	tcsetpgrp(slave, getpid());
	subject_check(read(slave, line, 15) == 6 && strcmp(line, "typed\n") == 0, "read '%s'", line);
	kill(member, SIGKILL);
	_exit(subject_reap(member) != SIGKILL);
}

int main(void)
{
	char name[32], gone[32], buf[32] = "";
	int master = open_master(name), other = open_master(gone), hung, n = 0;
	volatile pid_t *group = subject_shared(4096);
	struct winsize size = {33, 99, 5, 7}, now;
	struct termios termios, after;
	struct stat st, st_after;
	pid_t child;

	hung = open(gone, O_RDWR | O_NOCTTY);
	close(other);
	subject_need(hung >= 0 && read(hung, buf, 1) <= 0, "%s: has not hung up", gone);
	tcgetattr(master, &termios);
	termios.c_lflag &= ~ECHO;
	termios.c_iflag |= IUTF8;
	termios.c_cc[VINTR] = 'Q' & 31;
	subject_need(tcsetattr(master, TCSANOW, &termios) == 0, "tcsetattr: %m");
	ioctl(master, TIOCSWINSZ, &size);
	subject_need(chmod(name, 0622) == 0 && stat(name, &st) == 0, "%s: %m", name);
	child = subject_fork();
	if (child == 0) {
		close(master);
		live_on(name, group);
	}
	subject_await(*group);
	subject_ready();
	subject_wait_restored();

	subject_check(tcgetattr(master, &after) == 0 && after.c_lflag == termios.c_lflag &&
			      after.c_iflag == termios.c_iflag && after.c_cflag == termios.c_cflag &&
			      after.c_oflag == termios.c_oflag &&
			      memcmp(after.c_cc, termios.c_cc, 19) == 0,
		      "other settings: %x %x %x %x", after.c_iflag, after.c_oflag, after.c_cflag,
		      after.c_lflag);
	subject_check(ioctl(master, TIOCGWINSZ, &now) == 0 && memcmp(&now, &size, sizeof(now)) == 0,
		      "its size is %d x %d", now.ws_row, now.ws_col);
	subject_check(stat(name, &st_after) == 0 && st_after.st_mode == st.st_mode &&
			      st_after.st_rdev == st.st_rdev && st_after.st_uid == st.st_uid &&
			      st_after.st_gid == st.st_gid,
		      "%s: mode %o", name, st_after.st_mode);
	subject_check(fcntl(master, F_GETFL) & O_NONBLOCK, "O_NONBLOCK is lost");
	subject_check(write(master, "typed\n", 6) == 6, "write: %m");
	subject_await((n = read(master, buf, 31)) > 0);
	subject_check(n == 10 && strcmp(buf, "from slave") == 0, "the master read '%s'", buf);
	subject_check(subject_reap(child) == 0, "the child failed");
	subject_check(read(hung, buf, 1) <= 0 && tcgetattr(hung, &after) < 0, "it has not hung up");
	return subject_end();
}
