// SPDX-License-Identifier: GPL-2.0-only
/*
 * Working directory, root directory and umask: of the process, of a child elsewhere, of one in
 * a directory that was removed, of one behind chroot.
 */
#include "subject.h"

static char *where(char *buf, size_t n)
{
	return getcwd(buf, n) ? buf : "(unreachable)";
}

static void check_place(const char *who, const char *want, mode_t mask)
{
	char now[PATH_MAX];
	mode_t had = umask(0);

	umask(had);
	subject_check(strcmp(where(now, sizeof(now)), want) == 0, "%s: in %s, was in %s", who, now, want);
	subject_check(had == mask, "%s: umask %o, was %o", who, had, mask);
}

static pid_t child(int *flag, int n, void (*run)(void))
{
	pid_t pid = subject_fork();

	if (pid == 0) {
		flag[n] = 1;
		run();
		_exit(0);
	}
	return pid;
}

static void elsewhere(void)
{
	subject_need(chdir("/usr") == 0, "chdir: %m");
	umask(077);
	subject_wait_restored();
	check_place("child", "/usr", 077);
}

static void confined(void)
{
	char path[PATH_MAX];
	struct stat st, here;

	snprintf(path, sizeof(path), "%s/jail", subject_dir);
	subject_need(chroot(path) == 0 && chdir("/inside") == 0, "chroot: %m");
	/* The conversation is out of reach: a file in the jail ends the wait. */
	while (access("/go", F_OK))
		subject_sleep(5);
	umask(022);
	if (stat("/", &st) || stat("..", &here) || st.st_ino != here.st_ino || access("/mark", F_OK) ||
	    strcmp(where(path, sizeof(path)), "/inside"))
		_exit(7);
}

int main(void)
{
	int *flag = subject_shared(4096);
	char here[PATH_MAX], path[PATH_MAX];
	pid_t a, b = -1;

	subject_need(mkdir("jail", 0755) == 0 && mkdir("jail/inside", 0755) == 0, "mkdir: %m");
	close(open("jail/mark", O_CREAT | O_WRONLY, 0644));
	umask(027);
	where(here, sizeof(here));
	a = child(flag, 0, elsewhere);
	if (geteuid() == 0)
		b = child(flag, 1, confined);
	subject_need(subject_await(flag[0] && (b < 0 || flag[1])), "no children");
	subject_sleep(20);
	subject_ready();
	subject_wait_restored();
	check_place("parent", here, 027);
	subject_check(subject_reap(a) == 0, "the child failed");
	snprintf(path, sizeof(path), "%s/jail/go", subject_dir);
	close(open(path, O_CREAT | O_WRONLY, 0644));
	if (b > 0)
		subject_check(subject_reap(b) == 0, "the child behind chroot is elsewhere");
	return subject_end();
}
