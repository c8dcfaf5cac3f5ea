// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices without state: null, zero, full, random, urandom, the writing side of kmsg, fuse before it
 * serves anything, one by O_PATH, a node of one's own, and mappings of /dev/zero.
 */
#include "subject.h"

#include <sys/sysmacros.h>
#include <sys/utsname.h>

/* Of Linux 7.3 it has a state from its opening on, and nobody tells which: an obstacle. */
static int open_fuse(void)
{
	struct utsname name;

	if (subject_through_criu() || uname(&name) || atoi(name.release) >= 7)
		return -1;
	return open("/dev/fuse", O_RDWR | O_NONBLOCK);
}

int main(void)
{
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int full = open("/dev/full", O_WRONLY | O_APPEND), urandom = open("/dev/urandom", O_RDONLY);
	int random = open("/dev/random", O_RDONLY | O_NONBLOCK), kmsg = open("/dev/kmsg", O_WRONLY);
	int place = open("/dev/full", O_PATH), own = -1;
	int fuse = open_fuse();
	unsigned char *p, buf[16] = {};
	struct stat st;
	int sum = 0;

	subject_need(null >= 0 && zero >= 0 && full >= 0 && urandom >= 0, "open: %m");
	if (mknod("own", S_IFCHR | 0666, makedev(1, 5)) == 0)
		own = open("own", O_RDWR);
	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
	subject_need(p != MAP_FAILED, "mmap /dev/zero: %m");
	p[4096] = 9;
	subject_ready();
	subject_wait_restored();

	subject_check(write(null, buf, 16) == 16 && read(null, buf, 16) == 0, "null: %m");
	memset(buf, 1, sizeof(buf));
	subject_check(read(zero, buf, 16) == 16 && buf[0] == 0 && buf[15] == 0, "zero: %m");
	subject_check(write(full, buf, 16) < 0 && errno == ENOSPC, "full: %m");
	subject_check(read(urandom, buf, 16) == 16, "urandom: %m");
	for (int i = 0; i < 16; i++)
		sum += buf[i];
	subject_check(sum > 0, "urandom: nothing but zeroes");
	subject_check(read(random, buf, 16) == 16 && (fcntl(random, F_GETFL) & O_NONBLOCK), "random: %m");
	subject_check(kmsg < 0 || (fstat(kmsg, &st) == 0 && st.st_rdev == makedev(1, 11)), "kmsg: %m");
	subject_check(fuse < 0 || (fstat(fuse, &st) == 0 && st.st_rdev == makedev(10, 229) &&
				   read(fuse, buf, 16) < 0 && errno == EPERM),
		      "fuse: %m");
	subject_check(fstat(place, &st) == 0 && st.st_rdev == makedev(1, 7) &&
			      (fcntl(place, F_GETFL) & O_PATH),
		      "by O_PATH: %m");
	subject_check(own < 0 || (read(own, buf, 16) == 16 && buf[3] == 0), "a node of our own: %m");
	subject_check(p[4096] == 9 && p[0] == 0, "the mapping changed");
	p[0] = 1;
	subject_check(fcntl(zero, F_GETFD) == FD_CLOEXEC, "close-on-exec is lost");
	subject_check(fcntl(full, F_GETFL) & O_APPEND, "O_APPEND is lost");
	return subject_end();
}
