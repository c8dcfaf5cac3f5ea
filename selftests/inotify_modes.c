// SPDX-License-Identifier: GPL-2.0-only
/*
 * inotify: a watch for one event, one that leaves out what was unlinked, one on a file that is
 * deleted but open; and the number that the next watch gets.
 */
#include "inotify_test.h"

int main(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), gone, kept, once, excluding, deleted;

	if (fd < 0)
		subject_skip("inotify_init1: %s", strerror(errno));
	mkdir("dir", 0700);
	touch("once");
	gone = make_file("gone");
	kept = make_file("dir/kept");
	once = watch_path(fd, "once", IN_OPEN | IN_ONESHOT);
	excluding = watch_path(fd, "dir", IN_MODIFY | IN_EXCL_UNLINK);
	deleted = watch_path(fd, "gone", IN_MODIFY);
	unlink("gone");
	skip_number(fd);
	subject_ready();
	subject_wait_restored();

	expect_none(fd);
	touch("once");
	expect(fd, once, IN_OPEN, NULL);
	expect(fd, once, IN_IGNORED, NULL);
	touch("once");
	expect_none(fd);
	subject_check(write(kept, "x", 1) == 1, "write: %m");
	expect(fd, excluding, IN_MODIFY, "kept");
	unlink("dir/kept");
	subject_check(write(kept, "x", 1) == 1, "write: %m");
	expect_none(fd);
	subject_check(write(gone, "x", 1) == 1, "write: %m");
	expect(fd, deleted, IN_MODIFY, NULL);
	close(gone);
	expect(fd, deleted, IN_IGNORED, NULL);
	subject_check(watch_path(fd, "once", IN_OPEN) == 5, "a new watch has another number");
	return subject_end();
}
