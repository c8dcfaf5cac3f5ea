// SPDX-License-Identifier: GPL-2.0-only
/*
 * Controlling terminals: two sessions, each with a job in the background that has no descriptor
 * of its terminal and one of /dev/tty; a session that nobody has the terminal of open but through
 * its master. Runs alone: others take the numbers of its terminals.
 */
#include "subject.h"

#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

enum { SESSIONS = 3 };

struct seen {
	volatile pid_t job;
	volatile int verdict;
};

static int open_master(char name[static 32])
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK), number, unlock = 0;

	subject_need(fd >= 0 && ioctl(fd, TIOCSPTLCK, &unlock) == 0 &&
			     ioctl(fd, TIOCGPTN, &number) == 0,
		     "ptmx: %m");
	snprintf(name, 32, "/dev/pts/%d", number);
	return fd;
}

/* In the background, where writing is allowed as long as TOSTOP is off. */
static void work(struct seen *seen, char letter, bool has_tty)
{
	int tty = has_tty ? open("/dev/tty", O_WRONLY | O_APPEND) : -1, fresh;
	struct stat st;

	setpgid(0, 0);
	subject_need(!has_tty || tty >= 0, "/dev/tty: %m");
	seen->job = getpid();
	subject_wait_restored();
	fresh = open("/dev/tty", O_RDWR);
	subject_check(fresh >= 0, "session %c: the job has no controlling terminal: %m", letter);
	if (has_tty)
		subject_check(fstat(tty, &st) == 0 && st.st_rdev == makedev(5, 0) &&
				      (fcntl(tty, F_GETFL) & (O_ACCMODE | O_APPEND)) ==
					      (O_WRONLY | O_APPEND) &&
				      write(tty, &letter, 1) == 1,
			      "session %c: what was /dev/tty is %u:%u", letter, major(st.st_rdev),
			      minor(st.st_rdev));
	else
		subject_check(write(fresh, &letter, 1) == 1, "session %c: %m", letter);
	subject_check(tcgetpgrp(fresh) == getsid(0), "session %c: foreground %d", letter,
		      tcgetpgrp(fresh));
	seen->verdict = 1;
	_exit(0);
}

static void lead(struct seen *seen, const char *name, char letter, bool has_tty)
{
	int slave;
	pid_t job;

	setsid();
	signal(SIGHUP, SIG_IGN);
	slave = open(name, O_RDWR);
	subject_need(slave >= 0, "%s: %m", name);
	job = subject_fork();
	if (job == 0) {
		close(slave);
		work(seen, letter, has_tty);
	}
	if (!has_tty)
		close(slave);
	subject_reap(job);
	_exit(0);
}

int main(void)
{
	struct seen *seen = subject_shared(4096);
	int masters[SESSIONS];
	char name[32], got[8];
	pid_t leaders[SESSIONS];

	for (int i = 0; i < SESSIONS; i++) {
		masters[i] = open_master(name);
		leaders[i] = subject_fork();
		if (leaders[i] == 0) {
			for (int j = 0; j <= i; j++)
				close(masters[j]);
			lead(&seen[i], name, (char)('A' + i), i < 2);
		}
		subject_need(subject_await(seen[i].job), "no job %d", i);
	}
	subject_ready();
	subject_wait_restored();
	for (int i = 0; i < SESSIONS; i++) {
		int n = -1;

		subject_check(subject_await(seen[i].verdict), "session %d: no verdict", i);
		subject_await((n = (int)read(masters[i], got, sizeof(got))) > 0);
		subject_check(n == 1 && got[0] == 'A' + i, "terminal %d: %d bytes, the first %c", i, n,
			      n > 0 ? got[0] : ' ');
		subject_check(subject_reap(leaders[i]) == 0, "session %d: its leader failed", i);
	}
	return subject_end();
}
