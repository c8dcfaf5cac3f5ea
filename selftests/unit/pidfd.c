// SPDX-License-Identifier: GPL-2.0-only
/* Processes made to be dead: those that restored pidfds point at. */
#include <sys/resource.h>
#include <sys/wait.h>

#include "harness.h"
#include "pidfd.h"

/* Waits until it has ended; it can be waited for again. */
static siginfo_t end_of(pid_t pid)
{
	siginfo_t info = {0};

	EXPECT_GT(pid, 0);
	EXPECT_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL), 0);
	EXPECT_EQ(info.si_pid, pid);
	return info;
}

TEST(exits)
{
	pid_t pid = pidfd_spawn_dead(42 << 8);
	siginfo_t info = end_of(pid);

	EXPECT_EQ(info.si_code, CLD_EXITED);
	EXPECT_EQ(info.si_status, 42);
	pidfd_reap(pid);
	EXPECT_EQ(waitpid(pid, NULL, __WALL), -1);
}

/* Also not where cores go into a pipe, which a limit of 0 does not stop. */
TEST(is_killed_without_a_core)
{
	struct rlimit limit;
	pid_t pid;

	EXPECT_EQ(getrlimit(RLIMIT_CORE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	EXPECT_EQ(setrlimit(RLIMIT_CORE, &limit), 0);
	pid = pidfd_spawn_dead(SIGSEGV | 0x80);
	siginfo_t info = end_of(pid);
	EXPECT_EQ(info.si_code, CLD_KILLED);
	EXPECT_EQ(info.si_status, SIGSEGV);
	pidfd_reap(pid);
}
