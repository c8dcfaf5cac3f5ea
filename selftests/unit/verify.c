// SPDX-License-Identifier: GPL-2.0-only
/* A small checkpoint made by hand is whole; with one thing wrong, verify names just that. */
#include <stdint.h>

#include "cmd/cmd.h"
#include "core.pb-c.h"
#include "fdinfo.pb-c.h"
#include "fs.pb-c.h"
#include "harness.h"
#include "inventory.pb-c.h"
#include "lib/err.h"
#include "mm.pb-c.h"
#include "pagemap.pb-c.h"
#include "pstree.pb-c.h"
#include "scratch.h"

#define PID  10u
#define BASE 0x10000000ull

/* What a test may change before the images are written. */
struct checkpoint {
	PstreeEntry pstree;
	TaskKobjIdsEntry ids;
	FsEntry fs;
	MmEntry mm;
	VmaEntry vmas[2];
	FdinfoEntry fd;
	FileEntry files[2];
	RegFileEntry reg;
	PipeEntry pipe;
	FownEntry fown;
	PagemapEntry pages;
	unsigned int pages_in_file;
	CoreEntry core, thread;
	TaskCoreEntry tc;
	unsigned int n_sigactions;
};

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static void init_files(struct checkpoint *c)
{
	c->reg = (RegFileEntry)REG_FILE_ENTRY__INIT;
	c->reg.id = 1;
	c->reg.name = "/bin/true";
	c->reg.fown = &c->fown;
	c->pipe = (PipeEntry)PIPE_ENTRY__INIT;
	c->pipe.id = 2;
	c->pipe.pipe_id = 77;
	c->pipe.fown = &c->fown;
	c->files[0] = c->files[1] = (FileEntry)FILE_ENTRY__INIT;
	c->files[0].id = 1;
	c->files[0].type = FD_TYPES__REG;
	c->files[0].reg = &c->reg;
	c->files[1].id = 2;
	c->files[1].type = FD_TYPES__PIPE;
	c->files[1].pipe = &c->pipe;
	c->fd = (FdinfoEntry)FDINFO_ENTRY__INIT;
	c->fd.id = 2;
	c->fd.fd = 3;
	c->fd.type = FD_TYPES__PIPE;
}

static void init_memory(struct checkpoint *c)
{
	c->mm = (MmEntry)MM_ENTRY__INIT;
	c->mm.exe_file_id = 1;
	for (int i = 0; i < 2; i++) {
		c->vmas[i] = (VmaEntry)VMA_ENTRY__INIT;
		c->vmas[i].start = BASE + 4 * page_size() * (unsigned int)i;
		c->vmas[i].end = c->vmas[i].start + 4 * page_size();
		c->vmas[i].fd = -1;
	}
	c->vmas[0].status = 1 | 1 << 6;
	c->vmas[0].shmid = 1;
	c->vmas[1].status = 1 | 1 << 9;
	c->pages = (PagemapEntry)PAGEMAP_ENTRY__INIT;
	c->pages.vaddr = BASE + 3 * page_size(); /* in both mappings */
	c->pages.has_nr_pages = c->pages.has_flags = 1;
	c->pages.nr_pages = c->pages_in_file = 2;
	c->pages.flags = 4;
}

static void init(struct checkpoint *c)
{
	static __u32 threads[] = {PID, PID + 1};

	memset(c, 0, sizeof(*c));
	c->fown = (FownEntry)FOWN_ENTRY__INIT;
	c->pstree = (PstreeEntry)PSTREE_ENTRY__INIT;
	c->pstree.pid = c->pstree.pgid = c->pstree.sid = PID;
	c->pstree.threads = threads;
	c->pstree.n_threads = 2;
	c->ids = (TaskKobjIdsEntry)TASK_KOBJ_IDS_ENTRY__INIT;
	c->ids.files_id = 2;
	c->fs = (FsEntry)FS_ENTRY__INIT;
	c->fs.cwd_id = c->fs.root_id = 1;
	c->core = c->thread = (CoreEntry)CORE_ENTRY__INIT;
	c->tc = (TaskCoreEntry)TASK_CORE_ENTRY__INIT;
	c->tc.task_state = 1;
	c->tc.comm = "test";
	c->n_sigactions = 62;
	init_files(c);
	init_memory(c);
}

static void put(enum image_type type, unsigned long long number, const void *msg)
{
	struct error err = {0};

	if (image_write(scratch_dir(), type, number, msg, &err))
		FAIL("%s", err.text);
}

static void put_cores(struct checkpoint *c)
{
	UserAarch64FpsimdContextEntry fpsimd = USER_AARCH64_FPSIMD_CONTEXT_ENTRY__INIT;
	UserAarch64RegsEntry regs = USER_AARCH64_REGS_ENTRY__INIT;
	ThreadInfoAarch64 info = THREAD_INFO_AARCH64__INIT;
	ThreadCoreEntry thread_core = THREAD_CORE_ENTRY__INIT;
	TaskRlimitsEntry rlimits = TASK_RLIMITS_ENTRY__INIT;
	TaskTimersEntry timers = TASK_TIMERS_ENTRY__INIT;
	ItimerEntry itimer = ITIMER_ENTRY__INIT;
	CredsEntry creds = CREDS_ENTRY__INIT;
	SaEntry action = SA_ENTRY__INIT, *actions[64];

	for (int i = 0; i < 64; i++)
		actions[i] = &action;
	timers.real = timers.virt = timers.prof = &itimer;
	info.gpregs = &regs;
	info.fpsimd = &fpsimd;
	thread_core.creds = &creds;
	c->tc.timers = &timers;
	c->tc.rlimits = &rlimits;
	c->tc.sigactions = actions;
	c->tc.n_sigactions = c->n_sigactions;
	c->core.mtype = c->thread.mtype = CORE_ENTRY__MARCH__AARCH64;
	c->core.ti_aarch64 = c->thread.ti_aarch64 = &info;
	c->core.thread_core = c->thread.thread_core = &thread_core;
	c->core.tc = &c->tc;
	put(IMAGE_CORE, PID, &c->core);
	put(IMAGE_CORE, PID + 1, &c->thread);
}

static void put_lists(struct checkpoint *c)
{
	struct image_dir *dir = scratch_dir();
	PagemapHead head = PAGEMAP_HEAD__INIT;
	struct image *image;

	head.pages_id = 1;
	EXPECT_EQ(image_create(dir, IMAGE_PAGEMAP, PID, &image, NULL), 0);
	EXPECT_EQ(image_add(image, &head.base, NULL), 0);
	EXPECT_EQ(image_add(image, &c->pages.base, NULL), 0);
	EXPECT_EQ(image_finish(image, NULL), 0);
	EXPECT_EQ(image_create(dir, IMAGE_FILES, 0, &image, NULL), 0);
	EXPECT_EQ(image_add(image, &c->files[0].base, NULL), 0);
	EXPECT_EQ(image_add(image, &c->files[1].base, NULL), 0);
	EXPECT_EQ(image_finish(image, NULL), 0);
}

static void write_images(struct checkpoint *c)
{
	TaskKobjIdsEntry root = TASK_KOBJ_IDS_ENTRY__INIT;
	InventoryEntry inventory = INVENTORY_ENTRY__INIT;
	VmaEntry *vmas[] = {&c->vmas[0], &c->vmas[1]};
	int fd;

	inventory.img_version = 2;
	inventory.root_ids = &root;
	c->mm.vmas = vmas;
	c->mm.n_vmas = 2;
	put(IMAGE_INVENTORY, 0, &inventory);
	put(IMAGE_PSTREE, 0, &c->pstree);
	put(IMAGE_IDS, PID, &c->ids);
	put(IMAGE_FS, PID, &c->fs);
	put(IMAGE_MM, PID, &c->mm);
	put(IMAGE_FDINFO, 2, &c->fd);
	put_cores(c);
	put_lists(c);
	fd = image_create_raw(scratch_dir(), IMAGE_PAGES, 1, NULL);
	EXPECT_EQ(ftruncate(fd, (off_t)(c->pages_in_file * page_size())), 0);
	close(fd);
}

/* Runs a command with its output in @text. Returns what it returned. */
static int run(int (*command)(int, char **, struct log *, struct error *), char *text, size_t room)
{
	char *argv[] = {"command", scratch_path, NULL};
	char path[96];
	struct error err = {0};
	int saved = dup(1), fd, ret;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/output", scratch_path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	fflush(stdout);
	dup2(fd, 1);
	ret = command(2, argv, NULL, &err);
	fflush(stdout);
	dup2(saved, 1);
	n = pread(fd, text, room - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	close(fd);
	close(saved);
	error_deinit(&err);
	return ret;
}

/* The images of @c have one problem, and this is it. */
static void expect_problem(struct checkpoint *c, const char *problem)
{
	char text[4096], expected[256];

	write_images(c);
	snprintf(expected, sizeof(expected), "%s\n", problem);
	EXPECT_LT(run(cmd_verify, text, sizeof(text)), 0);
	EXPECT_STREQ(text, expected);
}

TEST(a_whole_checkpoint_has_no_problem)
{
	struct checkpoint c;
	char text[4096];

	init(&c);
	write_images(&c);
	if (run(cmd_verify, text, sizeof(text)))
		FAIL("%s", text);
	EXPECT(strstr(text, "fit together"));
}

TEST(show_tells_what_is_in_it)
{
	struct checkpoint c;
	char text[4096];

	init(&c);
	write_images(&c);
	EXPECT_EQ(run(cmd_show, text, sizeof(text)), 0);
	EXPECT(strstr(text, "1 process, 2 threads"));
	EXPECT(strstr(text, "test  /bin/true"));
	EXPECT(strstr(text, "pipe [77], read end"));
}

TEST(missing_images_are_named)
{
	struct checkpoint c;

	init(&c);
	write_images(&c);
	for (enum image_type type = 0; type < IMAGE_TYPES; type++) {
		char name[IMAGE_NAME_MAX], text[4096];

		image_name(name, type, type == IMAGE_PAGES ? 1 : type == IMAGE_FDINFO ? 2 : PID);
		if (!scratch_exists(scratch_dir(), name))
			continue;
		unlinkat(image_dir_fd(scratch_dir()), name, 0);
		if (!run(cmd_verify, text, sizeof(text)) && type != IMAGE_PSTREE)
			FAIL("%s was not missed", name);
		write_images(&c);
	}
}

TEST(wrong_memory_is_found)
{
	struct checkpoint c;
	char text[200];

	init(&c);
	c.pages_in_file = 3;
	snprintf(text, sizeof(text),
		 "pagemap-10.img: pages-1.img has %llu bytes, its 2 pages are %llu",
		 3ull * page_size(), 2ull * page_size());
	expect_problem(&c, text);
	init(&c);
	c.vmas[1].status = 1 | 1 << 8;
	c.vmas[1].shmid = 5;
	c.pages.vaddr = BASE;
	snprintf(text, sizeof(text), "mm-10.img: mapping at 0x%llx: pagemap-shmem-5.img is missing",
		 BASE + 4ull * page_size());
	expect_problem(&c, text);
	init(&c);
	c.pages.flags = 1;
	c.pages_in_file = 0;
	expect_problem(&c, "pagemap-10.img: pages are in a parent checkpoint, and there is no link "
			   "to it");
	init(&c);
	c.vmas[0].shmid = 2;
	expect_problem(&c, "mm-10.img: mapping at 0x10000000: file 2 is of another type");
	init(&c);
	c.mm.exe_file_id = 9;
	expect_problem(&c, "mm-10.img: its program, file 9, is not in files.img");
}

TEST(wrong_ids_are_found)
{
	struct checkpoint c;

	init(&c);
	c.fd.id = 8;
	c.files[1].type = FD_TYPES__REG; /* or it would be a pipe of nobody */
	c.files[1].reg = &c.reg;
	c.files[1].id = 3;
	c.reg.id = 1;
	expect_problem(&c, "fdinfo-2.img: descriptor 3: file 8 is not in files.img\n"
			   "files.img: file 3 calls itself 1");
	init(&c);
	c.fs.cwd_id = 2;
	expect_problem(&c, "fs-10.img: its working directory, file 2, is not in files.img");
	init(&c);
	c.pipe.id = 5;
	expect_problem(&c, "files.img: file 2 calls itself 5");
	init(&c);
	c.files[1].type = FD_TYPES__EVENTFD;
	c.fd.type = FD_TYPES__EVENTFD;
	expect_problem(&c, "files.img: file 2 has nothing of its type");
	init(&c);
	c.pstree.ppid = 4;
	expect_problem(&c, "pstree.img: the parent 4 of process 10 is not before it\n"
			   "pstree.img has 0 roots, not one");
	init(&c);
	c.n_sigactions = 61;
	expect_problem(&c, "core-10.img has 61 signal actions, not 62");
}

TEST(sums_find_a_changed_byte)
{
	struct image_dir *dir = scratch_dir();
	struct checkpoint c;
	char text[4096];
	int fd;

	init(&c);
	write_images(&c);
	EXPECT_EQ(image_dir_seal(dir, NULL), 0);
	EXPECT_EQ(image_dir_seal(dir, NULL), 0);
	EXPECT_EQ(run(cmd_verify, text, sizeof(text)), 0);
	EXPECT(strstr(text, "every byte"));
	fd = openat(image_dir_fd(dir), "pages-1.img", O_RDWR);
	EXPECT_EQ(pwrite(fd, "x", 1, 5000), 1);
	EXPECT_LT(run(cmd_verify, text, sizeof(text)), 0);
	EXPECT_STREQ(text, "pages-1.img has other bytes than when it was written\n");
	EXPECT_EQ(pwrite(fd, "", 1, 5000), 1);
	close(fd);
	EXPECT_EQ(run(cmd_verify, text, sizeof(text)), 0);
	fd = openat(image_dir_fd(dir), IMAGE_SUMS_NAME, O_RDWR);
	EXPECT_EQ(pwrite(fd, "0", 1, 17), 1);
	close(fd);
	EXPECT_LT(run(cmd_verify, text, sizeof(text)), 0);
	EXPECT_STREQ(text, "crbpf.sums is not what was written\n");
	EXPECT_EQ(image_dir_clear(dir, NULL), 0);
	EXPECT(!scratch_exists(dir, IMAGE_SUMS_NAME));
}

/* Whatever is changed in whichever file: no crash, neither of verify nor of show. */
TEST_TIMEOUT(changed_images_do_no_harm, 120)
{
	static const char *const names[] = {
		"inventory.img", "pstree.img", "core-10.img",  "core-11.img", "ids-10.img",
		"mm-10.img",     "fs-10.img",  "fdinfo-2.img", "files.img",   "pagemap-10.img"};
	unsigned char good[8192], bad[8192];
	char text[65536];
	struct checkpoint c;
	size_t n;

	init(&c);
	write_images(&c);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = scratch_read(scratch_dir(), names[i], good, sizeof(good));
		for (size_t at = 8; at < n; at += 1 + n / 100) {
			memcpy(bad, good, n);
			bad[at] ^= (unsigned char)(1 << at % 8);
			scratch_write(scratch_dir(), names[i], bad, n);
			(void)run(cmd_verify, text, sizeof(text));
			(void)run(cmd_show, text, sizeof(text));
		}
		scratch_write(scratch_dir(), names[i], good, n);
	}
	EXPECT_EQ(run(cmd_verify, text, sizeof(text)), 0);
}
