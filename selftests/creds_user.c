// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole process of another user, without capabilities, that cannot be traced by its owner
 * (setuid makes it undumpable): it stays what it is.
 */
#include "subject.h"

#include <grp.h>
#include <sys/prctl.h>

int main(void)
{
	gid_t groups[3] = {4, 24, 1234}, now[8];
	int n;

	subject_need(setgroups(3, groups) == 0 && setgid(1001) == 0 && setuid(1001) == 0, "setuid: %m");
	subject_need(prctl(PR_GET_DUMPABLE) != 1, "it is dumpable");
	subject_ready();
	subject_wait_restored();
	subject_check(getuid() == 1001 && geteuid() == 1001 && getgid() == 1001, "uid %d, gid %d",
		      getuid(), getgid());
	n = getgroups(8, now);
	subject_check(n == 3 && memcmp(now, groups, sizeof(groups)) == 0, "it has %d groups", n);
	subject_check(setuid(0) < 0 && errno == EPERM, "it could become root");
	subject_check(prctl(PR_GET_DUMPABLE) != 1, "it became dumpable");
	return subject_end();
}
