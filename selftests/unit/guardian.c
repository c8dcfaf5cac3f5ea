// SPDX-License-Identifier: GPL-2.0-only
/* What the guardian puts back when the process it watches is killed. */
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dump/guardian.h"
#include "harness.h"
#include "lib/err.h"

enum { BEFORE = 3, MEANWHILE = 7 };

static int offset_of(int fd)
{
	socklen_t n = sizeof(int);
	int value = -2;

	EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &value, &n), 0);
	return value;
}

static int move(int fd, int offset)
{
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset));
}

/* A child that moves the offset of @fd and is killed with its guardian armed, or not any more. */
static void die_with(int fd, bool armed)
{
	const struct guarded_option option = {fd, SOL_SOCKET, SO_PEEK_OFF, BEFORE};
	struct guardian *guardian;
	struct error err = {};
	int status;
	pid_t pid;

	EXPECT_EQ(move(fd, BEFORE), 0);
	pid = test_fork();
	if (!pid) {
		if (guardian_create(&guardian, &err))
			_exit(1);
		guardian_arm(guardian, &option);
		if (move(fd, MEANWHILE) || offset_of(fd) != MEANWHILE)
			_exit(1);
		if (!armed)
			guardian_disarm(guardian);
		kill(getpid(), SIGKILL);
	}
	EXPECT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, SIGKILL);
}

TEST(puts_back_what_a_killed_process_has_changed)
{
	int pair[2];

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	die_with(pair[0], true);
	for (int i = 0; i < 10000 && offset_of(pair[0]) != BEFORE; i++)
		usleep(1000);
	EXPECT_EQ(offset_of(pair[0]), BEFORE);
	close(pair[0]);
	close(pair[1]);
}

TEST(does_nothing_once_disarmed)
{
	int pair[2], watched[2];
	char byte;

	EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	EXPECT_EQ(pipe(watched), 0);
	die_with(pair[0], false);
	/* The guardian has a copy of the descriptor until it has ended. */
	close(watched[1]);
	EXPECT_EQ(read(watched[0], &byte, 1), 0);
	EXPECT_EQ(offset_of(pair[0]), MEANWHILE);
	close(watched[0]);
	close(pair[0]);
	close(pair[1]);
}

TEST(ends_when_told)
{
	struct guardian *guardian;
	struct error err = {};

	EXPECT_EQ(guardian_create(&guardian, &err), 0);
	guardian_destroy(guardian);
	EXPECT_EQ(waitpid(-1, NULL, WNOHANG | __WALL), -1);
	guardian_destroy(NULL);
}
