// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of inotify that nobody has read: all of them are there, in order, with watch, mask, name
 * and (for the two sides of a move) cookies that are equal; those of watches that have ended, too.
 */
#include "inotify_test.h"

#define N_MAX 64

struct seen {
	int wd;
	uint32_t mask, cookie;
	char name[256];
};

static void use(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char c;

	subject_need(fd >= 0 && write(fd, "x", 1) == 1 && pread(fd, &c, 1, 0) == 1, "%s: %m", path);
	close(fd);
}

static void list_directory(const char *path)
{
	char room[4096];
	int fd = open(path, O_RDONLY | O_DIRECTORY);

	syscall(SYS_getdents64, fd, room, sizeof(room));
	close(fd);
}

/* The same on both files: one is looked at now, the other one after the restore. */
static void cause(int fd)
{
	char name[256] = "long";

	memset(name + 4, 'n', 251);
	mkdir("a", 0700);
	mkdir("b", 0700);
	use("file");
	watch_path(fd, "a", IN_ALL_EVENTS);
	watch_path(fd, "b", IN_ALL_EVENTS);
	watch_path(fd, "file", IN_ALL_EVENTS);
	use("a/one");
	use("a/with blank");
	mkdir("a/dir", 0700);
	rename("a/one", "b/two");		/* seen on both sides */
	rename("a/with blank", "a/renamed");	/* within one */
	rename("b/two", "outside");		/* seen on one side */
	rename("a/dir", "b/dir");
	rename("outside", "b/inside");
	use("file");
	chmod("file", 0644);
	chmod("b", 0755);
	list_directory("b");
	rename("file", "moved");
	chdir("a");
	use(name);
	chdir("..");
	inotify_rm_watch(fd, watch_path(fd, "moved", IN_ALL_EVENTS));
	rmdir("b/dir");
	unlink("b/inside");
	rmdir("b");
	/* A watch that lives on, and has the name of one that does not. */
	mkdir("b", 0700);
	watch_path(fd, "b", IN_CREATE | IN_DELETE);
	mkdir("b/last", 0700);
	unlink("moved");
	use("a/z");
}

static size_t read_all(int fd, struct seen *seen)
{
	_Alignas(struct inotify_event) char room[65536];
	ssize_t size = read(fd, room, sizeof(room));
	size_t n = 0;

	for (ssize_t at = 0; at < size && n < N_MAX; n++) {
		struct inotify_event *e = (void *)(room + at);

		seen[n] = (struct seen){.wd = e->wd, .mask = e->mask, .cookie = e->cookie};
		snprintf(seen[n].name, sizeof(seen[n].name), "%s", e->len ? e->name : "");
		at += sizeof(*e) + e->len;
	}
	return n;
}

/* Equal cookies where they were equal: the numbers are the kernel's. */
static bool same_ties(const struct seen *a, const struct seen *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			if ((a[i].cookie == a[k].cookie) != (b[i].cookie == b[k].cookie))
				return false;
	return true;
}

static void remove_all(void)
{
	if (system("rm -rf a b file moved outside") != 0)
		subject_say("failures", "rm failed");
}

int main(void)
{
	static struct seen want[N_MAX], got[N_MAX];
	int model = inotify_init1(IN_NONBLOCK), fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), bytes;
	size_t n, m;

	if (fd < 0)
		subject_skip("inotify_init1: %s", strerror(errno));
	cause(model);
	n = read_all(model, want);
	remove_all();
	cause(fd);
	subject_need(n > 30 && n < N_MAX, "%zu events", n);
	close(model);
	ioctl(fd, FIONREAD, &bytes);
	subject_ready();
	subject_wait_restored();

	subject_check(ioctl(fd, FIONREAD, &n) == 0 && (int)n == bytes, "%d bytes, not %d", (int)n,
		      bytes);
	m = read_all(fd, got);
	for (n = 0; n < N_MAX && want[n].mask; n++)
		;
	subject_check(m == n, "%zu events, not %zu", m, n);
	for (size_t i = 0; i < n && i < m; i++)
		subject_check(got[i].wd == want[i].wd && got[i].mask == want[i].mask &&
				      !strcmp(got[i].name, want[i].name),
			      "event %zu: %d %x %s, not %d %x %s", i, got[i].wd, got[i].mask,
			      got[i].name, want[i].wd, want[i].mask, want[i].name);
	subject_check(same_ties(got, want, n), "cookies tie other events");
	/* No event comes from the watches that stood in for others; the real ones are there. */
	subject_check(read_all(fd, got) == 0, "there are more events");
	mkdir("b/new", 0700);
	subject_check(read_all(fd, got) == 1 && got[0].mask == (IN_CREATE | IN_ISDIR) &&
			      !strcmp(got[0].name, "new") && got[0].wd == 4,
		      "watch %d, mask %x, name %s", got[0].wd, got[0].mask, got[0].name);
	return subject_end();
}
