// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that was opened by a name since removed, while another name of it remains: the
 * description still reaches that very file, and the old name stays gone. So does a mapping, as
 * those of POSIX semaphores are made. Needs --link-remap.
 */
#include "subject.h"

static char *map_by_removed_name(void)
{
	int fd = open("third", O_RDWR | O_CREAT, 0600);
	char *at = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	subject_need(fd >= 0 && write(fd, "map", 4) == 4 && at != MAP_FAILED, "map: %m");
	subject_need(link("third", "fourth") == 0 && unlink("third") == 0, "link: %m");
	close(fd);
	return at;
}

static void check_mapping(char *at)
{
	char buf[4] = "";
	struct stat st = {};
	int fd = open("fourth", O_RDONLY);

	at[0] = 't';
	subject_check(read(fd, buf, 4) == 4 && !strcmp(buf, "tap"), "mapping: read '%s'", buf);
	subject_check(fstat(fd, &st) == 0 && (st.st_nlink == 1 || !subject_was_restored()),
		      "mapped file: it has %d links", (int)st.st_nlink);
	subject_check(access("third", F_OK) < 0, "mapped file: it has its old name again");
	close(fd);
}

int main(void)
{
	struct stat open_st, link_st;
	char buf[16] = "";
	char *at;
	int fd;

	subject_options("--link-remap");
	fd = open("first", O_RDWR | O_CREAT, 0600);
	subject_need(fd >= 0 && write(fd, "one file", 8) == 8, "write: %m");
	subject_need(link("first", "second") == 0 && unlink("first") == 0, "link: %m");
	at = map_by_removed_name();
	subject_ready();
	subject_wait_restored();

	subject_check(fstat(fd, &open_st) == 0 && stat("second", &link_st) == 0 &&
			      open_st.st_ino == link_st.st_ino,
		      "its other name leads to another file");
	/* Left running, the checkpoint may need the temporary name. */
	subject_check((int)open_st.st_nlink == 1 || !subject_was_restored(), "it has %d links",
		      (int)open_st.st_nlink);
	subject_check(access("first", F_OK) < 0, "it has its old name again");
	subject_check(pwrite(fd, "two", 3, 0) == 3, "pwrite: %m");
	fd = open("second", O_RDONLY);
	subject_check(read(fd, buf, 15) == 8 && strcmp(buf, "two file") == 0, "read '%s'", buf);
	check_mapping(at);
	return subject_end();
}
