// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files without a name: content, size, holes, owner, mode and position stay; they are still
 * deleted afterwards; two descriptions of one file stay one file; also mapped ones, those
 * whose name was taken by another, and O_TMPFILE.
 */
#include "subject.h"

#define BIG (5 << 20)

static int make(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0640);

	subject_need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: %m", name);
	return fd;
}

static void check(int fd, const char *who, const char *text, int links)
{
	char buf[64] = "";
	struct stat st;

	subject_check(pread(fd, buf, sizeof(buf) - 1, 0) >= 0 && strncmp(buf, text, strlen(text)) == 0,
		      "%s: content is '%s'", who, buf);
	subject_check(fstat(fd, &st) == 0 && (int)st.st_nlink == links, "%s: %d links", who,
		      (int)st.st_nlink);
}

int main(void)
{
	int plain, again, sparse, mapped, replaced, tmpfile;
	struct stat st, st_again;
	unsigned char *p;
	char buf[8] = {};

	plain = make("plain", "some words");
	again = open("plain", O_RDONLY);
	subject_need(fchown(plain, 77, 88) == 0, "fchown: %m");
	sparse = make("sparse", "begin");
	subject_need(pwrite(sparse, "end", 3, BIG) == 3, "pwrite: %m");
	mapped = make("mapped", "mapped words");
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 0);
	subject_need(p != MAP_FAILED, "mmap: %m");
	close(mapped);
	replaced = make("replaced", "the old one");
	tmpfile = open(".", O_RDWR | O_TMPFILE, 0600);
	unlink("plain");
	unlink("sparse");
	unlink("mapped");
	unlink("replaced");
	close(make("replaced", "the new one"));
	if (tmpfile >= 0)
		subject_need(write(tmpfile, "nameless", 8) == 8, "write: %m");
	lseek(plain, 5, SEEK_SET);
	subject_ready();
	subject_wait_restored();

	check(plain, "plain", "some words", 0);
	subject_check(read(plain, buf, 5) == 5 && strcmp(buf, "words") == 0, "read '%s'", buf);
	subject_check(fstat(plain, &st) == 0 && st.st_uid == 77 && st.st_gid == 88 &&
			      (st.st_mode & 07777) == 0640,
		      "plain: uid %d gid %d mode %o", st.st_uid, st.st_gid, st.st_mode);
	subject_check(fstat(again, &st_again) == 0 && st_again.st_ino == st.st_ino, "it became two");
	subject_check(lseek(again, 0, SEEK_CUR) == 0, "the second description's position moved");
	check(sparse, "sparse", "begin", 0);
	subject_check(fstat(sparse, &st) == 0 && st.st_size == BIG + 3 && st.st_blocks < 200,
		      "sparse: size %lld, %lld blocks", (long long)st.st_size, (long long)st.st_blocks);
	subject_check(pread(sparse, buf, 3, BIG) == 3 && memcmp(buf, "end", 3) == 0, "sparse: its end");
	subject_check(memcmp(p, "mapped words", 12) == 0, "mapped: content changed");
	p[0] = 'M';
	check(replaced, "replaced", "the old one", 0);
	subject_check(access("plain", F_OK) < 0 && access("sparse", F_OK) < 0, "it has a name again");
	check(open("replaced", O_RDONLY), "its successor", "the new one", 1);
	if (tmpfile >= 0)
		check(tmpfile, "O_TMPFILE", "nameless", 0);
	return subject_end();
}
