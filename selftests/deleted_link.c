// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file that was opened by a name since removed, while another name of it remains: the
 * description still reaches that very file, and the old name stays gone. Needs --link-remap.
 */
#include "subject.h"

int main(void)
{
	struct stat open_st, link_st;
	char buf[16] = "";
	int fd;

	subject_options("--link-remap");
	fd = open("first", O_RDWR | O_CREAT, 0600);
	subject_need(fd >= 0 && write(fd, "one file", 8) == 8, "write: %m");
	subject_need(link("first", "second") == 0 && unlink("first") == 0, "link: %m");
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
	return subject_end();
}
