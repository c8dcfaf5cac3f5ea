// SPDX-License-Identifier: GPL-2.0-only
/*
 * A large deleted file: its size sets no limit, and what is sparse stays sparse, also between its
 * pieces of data; an O_TMPFILE that gets a name after the restore.
 */
#include "subject.h"

#define PIECE  (33LL << 20)
#define FAR    (20LL << 30)
#define BLOCKS (3 * PIECE / 512)

static char pattern(off_t at)
{
	return (char)(at >> 12 ^ at >> 20);
}

static void fill(int fd, off_t from)
{
	char buf[65536];

	for (off_t at = from; at < from + PIECE; at += (off_t)sizeof(buf)) {
		for (size_t i = 0; i < sizeof(buf); i++)
			buf[i] = pattern(at + (off_t)i);
		subject_need(pwrite(fd, buf, sizeof(buf), at) == sizeof(buf), "pwrite: %m");
	}
}

static void check(int fd, off_t from)
{
	char buf[65536];

	for (off_t at = from; at < from + PIECE; at += (off_t)sizeof(buf)) {
		size_t same = 0;

		if (pread(fd, buf, sizeof(buf), at) == sizeof(buf))
			while (same < sizeof(buf) && buf[same] == pattern(at + (off_t)same))
				same++;
		if (same == sizeof(buf))
			continue;
		subject_check(false, "byte %lld is another", (long long)at + (long long)same);
		return;
	}
}

int main(void)
{
	int fd = open("large", O_RDWR | O_CREAT, 0600), nameless = open(".", O_RDWR | O_TMPFILE, 0600);
	char proc[64], buf[8] = "";
	struct stat st;

	subject_need(fd >= 0 && unlink("large") == 0, "large: %m");
	fill(fd, 0);
	fill(fd, FAR);
	if (ftruncate(fd, 2 * FAR) < 0 || fstat(fd, &st) < 0 || st.st_blocks > BLOCKS)
		subject_skip("needs sparse files: %s", strerror(errno));
	if (nameless >= 0)
		subject_need(write(nameless, "later", 5) == 5, "write: %m");
	subject_ready();
	subject_wait_restored();

	subject_check(fstat(fd, &st) == 0 && st.st_size == 2 * FAR && st.st_nlink == 0,
		      "size %lld, %d links", (long long)st.st_size, (int)st.st_nlink);
	subject_check(st.st_blocks <= BLOCKS, "%lld blocks", (long long)st.st_blocks);
	check(fd, 0);
	check(fd, FAR);
	subject_check(pread(fd, buf, 1, FAR / 2) == 1 && !buf[0], "its hole is filled");
	if (nameless >= 0) {
		snprintf(proc, sizeof(proc), "/proc/self/fd/%d", nameless);
		subject_check(linkat(AT_FDCWD, proc, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0,
			      "a name for O_TMPFILE: %m");
		subject_check(pread(open("named", O_RDONLY), buf, 7, 0) == 5 && !strcmp(buf, "later"),
			      "named: `%s'", buf);
	}
	return subject_end();
}
