// SPDX-License-Identifier: GPL-2.0-only
/*
 * What descriptors are made of, without a tree: paths that lead to a file or do not, build ids,
 * settings of terminals, who is asked first among relatives, and opens from images.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "buildid.h"
#include "dump/dump.h"
#include "fdinfo.pb-c.h"
#include "fdutil.h"
#include "fileref.h"
#include "ghost.h"
#include "lib/err.h"
#include "options.h"
#include "regfile.h"
#include "regfile.pb-c.h"
#include "restore/restore.h"
#include "snapshot.h"
#include "tty.h"
#include "tty.pb-c.h"

#include "harness.h"

/* A fresh directory, entered. */
static void enter_scratch(void)
{
	char path[] = "/tmp/crbpf-files-XXXXXX";

	EXPECT(mkdtemp(path) != NULL);
	EXPECT_EQ(chdir(path), 0);
}

static void leave_scratch(void)
{
	char path[4096];

	EXPECT(getcwd(path, sizeof(path)) != NULL);
	EXPECT_EQ(chdir("/"), 0);
	EXPECT_EQ(rmdir(path), 0);
}

/* How the kernel would tell of @fd, whose path it shows as @path. */
static struct fileref ref_of(int fd, const char *path)
{
	struct stat st;

	EXPECT_EQ(fstat(fd, &st), 0);
	return (struct fileref){.path = path,
				.dev = major(st.st_dev) << 20 | minor(st.st_dev),
				.ino = st.st_ino,
				.nlink = st.st_nlink};
}

TEST(a_path_leads_to_its_file_or_it_does_not)
{
	char here[4096], path[8192], gone[8300], linked[8300];
	struct options opt = {};
	const char *hint;
	struct fileref ref;
	int fd;

	enter_scratch();
	EXPECT(getcwd(here, sizeof(here)) != NULL);
	snprintf(path, sizeof(path), "%s/file", here);
	snprintf(gone, sizeof(gone), "%s (deleted)", path);
	snprintf(linked, sizeof(linked), "%s2", path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	ref = ref_of(fd, path);
	EXPECT_EQ(fileref_state(&ref), FILEREF_PRESENT);
	EXPECT(!fileref_obstacle(&opt, FILEREF_PRESENT, &hint));

	EXPECT_EQ(rename(path, gone), 0); /* a name may end like that */
	ref.path = gone;
	EXPECT_EQ(fileref_state(&ref), FILEREF_PRESENT);
	ref.path = path;
	EXPECT_EQ(fileref_state(&ref), FILEREF_HIDDEN);
	EXPECT(fileref_obstacle(&opt, FILEREF_HIDDEN, &hint));

	EXPECT_EQ(link(gone, linked), 0);
	EXPECT_EQ(unlink(gone), 0);
	ref = ref_of(fd, gone);
	EXPECT_EQ(fileref_state(&ref), FILEREF_UNLINKED);
	EXPECT(fileref_obstacle(&opt, FILEREF_UNLINKED, &hint) && strstr(hint, "--link-remap"));
	opt.link_remap = true;
	EXPECT(!fileref_obstacle(&opt, FILEREF_UNLINKED, &hint));

	EXPECT_EQ(unlink(linked), 0);
	ref = ref_of(fd, gone);
	EXPECT_EQ(fileref_state(&ref), FILEREF_DELETED);
	EXPECT(!fileref_obstacle(&opt, FILEREF_DELETED, &hint));
	close(fd);
	leave_scratch();
}

TEST(names_lose_only_the_mark_of_the_kernel)
{
	struct fileref ref = {.path = "/a/b (deleted)"};
	struct arena arena = {};

	EXPECT_STREQ(fileref_name(&arena, &ref, FILEREF_DELETED), "/a/b");
	EXPECT_STREQ(fileref_name(&arena, &ref, FILEREF_PRESENT), "/a/b (deleted)");
	ref.path = "/a/b";
	EXPECT_STREQ(fileref_name(&arena, &ref, FILEREF_DELETED), "/a/b");
	arena_deinit(&arena);
}

TEST(what_has_no_path_is_nameless)
{
	struct fileref pipe = {.path = "pipe:[12]"}, memfd = {.path = "/memfd:x (deleted)"};
	struct fileref proc = {.path = "/proc/4194303/maps (deleted)", .nlink = 1};

	EXPECT_EQ(fileref_state(&pipe), FILEREF_NAMELESS);
	EXPECT_EQ(fileref_state(&memfd), FILEREF_NAMELESS);
	EXPECT_EQ(fileref_state(&proc), FILEREF_PROC_DEAD);
	EXPECT_EQ(proc_path_pid("/proc/12/fd"), 12);
	EXPECT_EQ(proc_path_pid("/proc/self"), 0);
	EXPECT_EQ(proc_path_pid("/process/12"), 0);
	EXPECT(!is_absolute_path(""));
	EXPECT(!is_absolute_path("relative"));
	EXPECT(!is_absolute_path(NULL));
	EXPECT(is_absolute_path("/"));
}

TEST(build_id_is_that_of_this_program)
{
	uint32_t words[BUILDID_WORDS], again[BUILDID_WORDS];
	int fd = open("/proc/self/exe", O_RDONLY), file;
	char head[4096];
	size_t n = build_id_read(fd, words);
	ssize_t size;

	if (!n)
		SKIP("this program was linked without a build id");
	EXPECT(n <= BUILDID_WORDS);
	/* Cut short or scrambled, it never leads astray. */
	size = pread(fd, head, sizeof(head), 0);
	EXPECT(size > 64);
	file = memfd_create("elf", 0);
	for (size_t at = 16; at < 512 && at < (size_t)size; at++) {
		char kept = head[at];

		head[at] = (char)0xff;
		EXPECT_EQ(pwrite(file, head, (size_t)size, 0), size);
		EXPECT(build_id_read(file, again) <= BUILDID_WORDS);
		head[at] = kept;
	}
	for (size_t length = 0; length < 512; length += 7) {
		EXPECT_EQ(ftruncate(file, (off_t)length), 0);
		EXPECT(build_id_read(file, again) <= BUILDID_WORDS);
	}
	close(file);
	close(fd);
}

TEST(control_characters_lie_four_to_a_word)
{
	uint32_t words[] = {0x04030201, 0x08070605, 0x0c0b0a09, 0x100f0e0d, 0xff131211};
	TermiosEntry entry = TERMIOS_ENTRY__INIT;
	struct tty_termios termios;

	entry.c_cc = words;
	entry.n_c_cc = 5;
	entry.c_lflag = 0x8a3b;
	tty_termios_parse(&entry, &termios);
	EXPECT_EQ(termios.c_lflag, 0x8a3bu);
	for (int i = 0; i < TTY_CC; i++)
		EXPECT_EQ(termios.c_cc[i], i + 1);
	entry.n_c_cc = 1; /* fewer than there ought to be */
	tty_termios_parse(&entry, &termios);
	EXPECT_EQ(termios.c_cc[3], 4);
	EXPECT_EQ(termios.c_cc[4], 0);
}

TEST(relatives_are_asked_from_near_to_far)
{
	struct file files[5], *list[5];
	struct snapshot snap = {.files = list, .n_files = 5};
	const uint32_t order[] = {4, 5, 3, 2, 1};
	size_t step = 0;

	for (uint32_t i = 0; i < 5; i++) {
		files[i] = (struct file){.id = i + 1};
		list[i] = &files[i];
	}
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(file_near(&snap, &files[3], &step)->id, order[i]);
	EXPECT(!file_near(&snap, &files[3], &step));
}

/* A REG entry of an image, opened as a restore does. */
static int open_entry(RegFileEntry *reg, struct error *err, int *ret_fd)
{
	FileEntry entry = FILE_ENTRY__INIT;
	struct new_file file = {.id = 1, .entry = &entry, .fd = -1}, *files[] = {&file};
	struct remap remap = {};
	struct restore r = {.err = err, .files = files, .n_files = 1};
	int rc;

	entry.type = FD_TYPES__REG;
	entry.id = reg->id = 1;
	entry.reg = reg;
	file.data = &remap;
	EXPECT_EQ(image_dir_open(&r.dir, ".", err), 0);
	rc = regfile_open(&r, &file, reg->flags, ret_fd);
	image_dir_close(r.dir);
	ids_deinit(&r.kind_data);
	arena_deinit(&r.arena);
	return rc;
}

TEST(a_changed_file_is_refused_and_none_is_harmed)
{
	RegFileEntry reg = REG_FILE_ENTRY__INIT;
	struct error err = {};
	char path[4096];
	struct stat st;
	int fd;

	enter_scratch();
	EXPECT(getcwd(path, sizeof(path) - 8) != NULL);
	strcat(path, "/file");
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	EXPECT_EQ(write(fd, "content", 7), 7);
	close(fd);
	reg.name = path;
	reg.has_size = reg.has_mode = true;
	reg.size = 7;
	reg.mode = S_IFREG | 0600;
	reg.flags = O_RDWR | O_TRUNC | O_CREAT; /* an image must not truncate anything */
	EXPECT_EQ(open_entry(&reg, &err, &fd), 0);
	EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	EXPECT_EQ(fstat(fd, &st), 0);
	EXPECT_EQ(st.st_size, 7);
	close(fd);

	reg.size = 8;
	EXPECT_LT(open_entry(&reg, &err, &fd), 0);
	EXPECT(strstr(err.text, "8 bytes then, 7 now"));
	error_deinit(&err);
	reg.size = 7;
	reg.mode = S_IFREG | 0644;
	EXPECT_LT(open_entry(&reg, &err, &fd), 0);
	EXPECT(strstr(err.text, "mode 100644 then, 100600 now"));
	error_deinit(&err);
	EXPECT_EQ(unlink(path), 0);
	EXPECT_LT(open_entry(&reg, &err, &fd), 0);
	EXPECT(strstr(err.text, "No such file"));
	error_deinit(&err);
	reg.name = (char *)"relative";
	EXPECT_LT(open_entry(&reg, &err, &fd), 0);
	error_deinit(&err);
	leave_scratch();
}
