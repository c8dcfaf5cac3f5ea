// SPDX-License-Identifier: GPL-2.0-only
/* What the collector says of terminals is what tcgetattr, ioctl and stat say. */

#include "collected.h"

#include <pty.h>
#include <sys/ioctl.h>

#include "bpf/tty.h"

static struct collected collect_self(void)
{
	return collect(getpid(), COLLECT_FILES | COLLECT_TASKS | COLLECT_RUNNING);
}

static void lead_terminal(void *arg)
{
	const char *name = arg;

	setsid();
	open(name, O_RDWR); /* becomes the controlling terminal */
}

TEST(terminals)
{
	struct winsize size = {33, 77, 5, 6};
	const struct process_record *p;
	const struct tty_detail *m, *s;
	int master, slave, fresh;
	struct collected c, d;
	struct termios t;
	struct stat st;
	pid_t child;

	EXPECT_EQ(openpty(&master, &slave, NULL, NULL, &size), 0);
	fresh = posix_openpt(O_RDWR | O_NOCTTY); /* nobody called unlockpt */
	EXPECT_GE(fresh, 0);
	tcgetattr(slave, &t);
	t.c_lflag &= ~(ICANON | ECHO);
	t.c_cc[VINTR] = 5;
	tcsetattr(slave, TCSANOW, &t);
	EXPECT_EQ(write(master, "typed", 5), 5);
	child = child_that(lead_terminal, ttyname(slave));
	usleep(10000);
	c = collect_self();
	m = detail_of(file_of(&c, master), DETAIL_TTY);
	s = detail_of(file_of(&c, slave), DETAIL_TTY);
	fstat(slave, &st);
	EXPECT_EQ(m->driver_type, 4);
	EXPECT_EQ(m->driver_subtype, 1);
	EXPECT_EQ(s->driver_subtype, 2);
	EXPECT_EQ(m->link, s->tty);
	EXPECT_EQ(s->link, m->tty);
	EXPECT_EQ(s->index, minor(st.st_rdev));
	EXPECT_EQ(s->pty_dev, kernel_dev(st.st_dev));
	EXPECT_EQ(m->pty_dev, kernel_dev(st.st_dev));
	EXPECT_EQ(s->rows, 33);
	EXPECT_EQ(s->columns, 77);
	EXPECT_EQ(s->xpixels, 5);
	EXPECT_EQ(s->ypixels, 6);
	EXPECT_EQ(s->c_lflag, t.c_lflag);
	EXPECT_EQ(s->c_iflag, t.c_iflag);
	EXPECT_EQ(s->c_oflag, t.c_oflag);
	EXPECT_EQ(s->c_cflag & ~CIBAUD, t.c_cflag & ~CIBAUD); /* glibc 2.42 adds the speed */
	EXPECT_MEMEQ(s->c_cc, t.c_cc, TTY_DETAIL_CC);
	EXPECT_EQ(s->queued, 5);
	EXPECT_EQ(s->session.host, child);
	EXPECT_EQ(s->pgrp.host, child);
	EXPECT_EQ(s->count, 3); /* the master counts as one */
	EXPECT_EQ(m->link_count, 3);
	EXPECT_EQ(s->is_locked, 0);
	EXPECT_EQ(s->is_hung_up, 0);
	EXPECT_EQ(((struct tty_detail *)detail_of(file_of(&c, fresh), DETAIL_TTY))->is_locked, 1);
	d = collect(child, COLLECT_TASKS | COLLECT_RUNNING);
	p = process_of(&d);
	EXPECT_EQ(p->tty, s->tty);
	EXPECT_EQ(p->tty_index, minor(st.st_rdev));
	EXPECT_EQ(p->tty_driver, 4 << 16 | 2);
	EXPECT_EQ(p->ctty_pgrp.host, child);
	EXPECT_EQ(p->sid.host, child);
	end_child(child);
}

TEST(a_closed_master_hangs_its_slave_up)
{
	const struct tty_detail *s;
	int master, slave, one = 1;
	struct collected c;

	EXPECT_EQ(openpty(&master, &slave, NULL, NULL, NULL), 0);
	EXPECT_EQ(ioctl(master, TIOCPKT, &one), 0);
	EXPECT_EQ(ioctl(slave, TIOCEXCL), 0);
	EXPECT_EQ(ioctl(master, TIOCSPTLCK, &one), 0);
	c = collect_self();
	EXPECT_EQ(((struct tty_detail *)detail_of(file_of(&c, master), DETAIL_TTY))->packet, 1);
	s = detail_of(file_of(&c, slave), DETAIL_TTY);
	EXPECT_EQ(s->is_exclusive, 1);
	EXPECT_EQ(s->is_locked, 1);
	close(master);
	c = collect_self();
	s = detail_of(file_of(&c, slave), DETAIL_TTY);
	EXPECT_EQ(s->is_hung_up, 1);
}
