// SPDX-License-Identifier: GPL-2.0-only
#include "collect/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A domain that forbids next to nothing. */
static int confine(void)
{
	const struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK,
	};
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (ruleset < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
}

/* In the child: says when it is ready, and waits for the end of @alive. Never returns. */
static void stand(bool is_confined, int ready, int alive)
{
	char byte = 0;

	if ((is_confined && confine()) || write(ready, &byte, 1) != 1)
		_exit(1);
	close(ready); /* its end says that no other byte will come */
	while (read(alive, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static int fork_both(struct landlock_children *children, const int ready[2], const int alive[2])
{
	pid_t *pids[] = {&children->plain, &children->confined};

	for (int i = 0; i < 2; i++) {
		*pids[i] = fork();
		if (*pids[i] < 0)
			return -errno;
		if (!*pids[i]) {
			close(alive[1]);
			close(ready[0]);
			stand(pids[i] == &children->confined, ready[1], alive[0]);
		}
	}
	return 0;
}

static int await_both(int ready)
{
	char bytes[2];

	for (size_t n = 0; n < sizeof(bytes);) {
		ssize_t got = read(ready, bytes, sizeof(bytes) - n);

		if (got > 0)
			n += (size_t)got;
		else if (!got || errno != EINTR)
			return got ? -errno : -EIO; /* one could not be confined */
	}
	return 0;
}

int landlock_children_start(struct landlock_children *children)
{
	int ready[2], alive[2], ret;

	*children = (struct landlock_children){.alive = -1};
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) < 0)
		return -errno;
	if (pipe2(ready, O_CLOEXEC))
		return -errno;
	if (pipe2(alive, O_CLOEXEC)) {
		ret = -errno;
		close(ready[0]);
		close(ready[1]);
		return ret;
	}
	children->alive = alive[1];
	ret = fork_both(children, ready, alive);
	close(ready[1]);
	if (!ret)
		ret = await_both(ready[0]);
	close(ready[0]);
	close(alive[0]);
	if (ret)
		landlock_children_end(children);
	return ret;
}

void landlock_children_end(struct landlock_children *children)
{
	const pid_t pids[] = {children->plain, children->confined};

	if (children->alive >= 0)
		close(children->alive);
	for (int i = 0; i < 2; i++)
		if (pids[i] > 0 && !kill(pids[i], SIGKILL))
			while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
				;
}
