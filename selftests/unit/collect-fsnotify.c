// SPDX-License-Identifier: GPL-2.0-only
/* What inotify and fanotify files watch, by which names, and what waits in their queues. */

#include "collected.h"

#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "bpf/fsnotify.h"

static struct collected collect_self(void)
{
	return collect(getpid(), COLLECT_FILES | COLLECT_TASKS | COLLECT_RUNNING);
}

/* The name number @n of a watch, from the last one up. */
static const char *name_of(const struct watch_record *w, unsigned int n)
{
	const char *name = (const char *)(w + 1);

	while (n--)
		name += strlen(name) + 1;
	return name;
}

static void expect_inode(const struct watch_record *w, const char *path)
{
	struct stat st;

	EXPECT_EQ(stat(path, &st), 0);
	EXPECT_EQ(w->type, WATCH_INODE);
	EXPECT_EQ(w->ino, st.st_ino);
	EXPECT_EQ(w->i_mode, st.st_mode);
	EXPECT_EQ(w->is_named, 1);
}

TEST(inotify_watches_and_events)
{
	char dir[] = "/tmp/collect-XXXXXX", path[64];
	int fd = inotify_init1(IN_NONBLOCK), dir_wd, file_wd;
	const struct fsnotify_detail *d;
	const struct watch_record *w;
	const struct event_record *e;
	const struct file_record *f;
	struct collected c;

	EXPECT(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a name", dir);
	dir_wd = inotify_add_watch(fd, dir, IN_CREATE | IN_EXCL_UNLINK);
	EXPECT_EQ(mknod(path, S_IFREG | 0600, 0), 0);
	file_wd = inotify_add_watch(fd, path, IN_OPEN);
	close(open(path, O_RDONLY));
	c = collect_self();
	f = file_of(&c, fd);
	d = detail_of(f, DETAIL_FSNOTIFY);
	EXPECT_EQ(f->head.part, 4);
	EXPECT_EQ(d->n_events, 2);
	EXPECT_EQ(d->next_wd, file_wd + 1);
	/* The newest watch first, then the events in their order. */
	w = part_of(&c, f, 0);
	EXPECT_EQ(w->head.type, RECORD_WATCH_PART);
	EXPECT_EQ(w->wd, file_wd);
	EXPECT_EQ(w->mask & IN_ALL_EVENTS, IN_OPEN);
	expect_inode(w, path);
	EXPECT(w->n_names >= 2);
	EXPECT_STREQ(name_of(w, 0), "a name");
	EXPECT_STREQ(name_of(w, 1), strrchr(dir, '/') + 1);
	w = part_of(&c, f, 1);
	EXPECT_EQ(w->wd, dir_wd);
	EXPECT_EQ(w->flags & 0x10, 0x10); /* FSNOTIFY_MARK_FLAG_EXCL_UNLINK */
	expect_inode(w, dir);
	e = part_of(&c, f, 2);
	EXPECT_EQ(e->head.type, RECORD_EVENT_PART);
	EXPECT_EQ(e->wd, dir_wd);
	EXPECT_EQ(e->mask & IN_ALL_EVENTS, IN_CREATE);
	EXPECT_EQ(e->name_size, strlen("a name"));
	EXPECT_STREQ(e->name, "a name");
	e = part_of(&c, f, 3);
	EXPECT_EQ(e->wd, file_wd);
	EXPECT_EQ(e->mask & IN_ALL_EVENTS, IN_OPEN);
	EXPECT_EQ(e->name_size, 0);
	unlink(path);
	rmdir(dir);
}

TEST(a_name_that_is_gone)
{
	char path[] = "/tmp/collect-XXXXXX";
	int file = mkstemp(path), fd = inotify_init1(0);
	const struct watch_record *w;
	const struct file_record *f;
	struct collected c;

	EXPECT_EQ(inotify_add_watch(fd, path, IN_MODIFY), 1);
	unlink(path);
	c = collect_self();
	f = file_of(&c, fd);
	w = part_of(&c, f, 0);
	EXPECT_EQ(w->is_named, 0);
	EXPECT_EQ(w->nlink, 0);
	EXPECT_EQ(w->inode, file_of(&c, file)->inode);
}

TEST(fanotify_marks)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF, O_RDWR);
	const struct fsnotify_detail *d;
	const struct watch_record *w;
	const struct file_record *f;
	struct collected c;
	struct statx stx;
	struct stat st;

	if (fd < 0)
		SKIP("fanotify_init: %s", strerror(errno));
	EXPECT_EQ(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_EXEC, AT_FDCWD, "/tmp"), 0);
	EXPECT_EQ(fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN_EXEC, AT_FDCWD, "/proc"), 0);
	EXPECT_EQ(fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC, AT_FDCWD, "/sys"), 0);
	c = collect_self();
	f = file_of(&c, fd);
	d = detail_of(f, DETAIL_FSNOTIFY);
	EXPECT_EQ(d->event_flags & O_ACCMODE, O_RDWR);
	EXPECT_EQ(d->n_permissions, 0);
	EXPECT_EQ(f->head.part, 3);
	w = part_of(&c, f, 0);
	stat("/sys", &st);
	EXPECT_EQ(w->type, WATCH_SUPERBLOCK);
	EXPECT_EQ(w->dev, kernel_dev(st.st_dev));
	w = part_of(&c, f, 1);
	EXPECT_EQ(w->type, WATCH_MOUNT);
	if (!statx(AT_FDCWD, "/proc", 0, STATX_MNT_ID, &stx) && stx.stx_mask & STATX_MNT_ID)
		EXPECT_EQ(w->mnt_id, stx.stx_mnt_id);
	w = part_of(&c, f, 2);
	expect_inode(w, "/tmp");
	EXPECT_EQ(w->mask & FAN_OPEN_EXEC, FAN_OPEN_EXEC);
}
