// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a wrong image says ends in one clear line, before any process is made. A right
 * image is made up here, then one thing in it is changed.
 */
#include "checkpoint.h"

TEST(right_image_is_accepted)
{
	EXPECT_STREQ(judge(start()), "");
}

TEST(foreign_processor)
{
	struct checkpoint *c = start();

	c->core.mtype = CORE_ENTRY__MARCH__S390;
	refused(c, "another processor");
}

TEST(namespace_of_its_own)
{
	struct checkpoint *c = start();

	c->ids.net_ns_id = 9;
	refused(c, "network namespace");
}

TEST(tree_is_wrong)
{
	struct checkpoint *c = start();

	c->n_tree = 2;
	c->tree[1].pid = PID;
	refused(c, "two tasks have the number");
	c->tree[1].pid = 0;
	refused(c, "no such numbers");
	c->tree[1].pid = 0xfffffff0;
	refused(c, "no such numbers");
	c->tree[1].pid = PID + 1;
	c->tree[1].ppid = 77;
	refused(c, "parent 77");
	c->tree[1].ppid = 0;
	refused(c, "one root");
	c->n_tree = 0;
	refused(c, "pstree.img");
}

TEST(threads_are_wrong)
{
	struct checkpoint *c = start();

	c->threads[0] = PID + 5;
	c->tree[0].threads = c->threads;
	refused(c, "cannot be its thread");
	c->threads[0] = PID;
	c->threads[1] = PID;
	c->tree[0].n_threads = 2;
	refused(c, "two tasks have the number");
	c->tree[0].n_threads = 0;
	refused(c, "0 threads");
}

TEST(core_is_wrong)
{
	struct checkpoint *c = start();

	c->tc.task_state = 9;
	refused(c, "state 9");
	c->tc.task_state = STATE_ALIVE;
	c->core.tc = NULL;
	refused(c, "part of the process is missing");
	c->core.tc = &c->tc;
	c->core.thread_core = NULL;
	refused(c, "part of the thread is missing");
}

TEST(mappings_are_wrong)
{
	struct checkpoint *c = start();

	c->vmas[1].start = c->vmas[0].start + c->page;
	refused(c, "overlaps");
	c->vmas[1].start = START + 0x100000;
	c->vmas[0].end = c->vmas[0].start;
	refused(c, "no mapping can be");
	c->vmas[0].end = ~0ull & -c->page;
	refused(c, "no mapping can be");
	c->vmas[0].end = c->vmas[0].start + 4 * c->page + 1;
	refused(c, "no mapping can be");
	c->vmas[0].end = c->vmas[0].start + 4 * c->page;
	c->vmas[0].start = 0;
	refused(c, "no mapping can be");
	c->vmas[0].start = START;
	c->vmas[0].prot = 0x80;
	refused(c, "protection");
	c->vmas[0].prot = PROT_READ;
	c->vmas[0].status = AREA_REGULAR | AREA_AIORING;
	refused(c, "cannot be restored yet");
	c->mm.n_vmas = 0;
	refused(c, "no mappings");
}

TEST(pages_are_wrong)
{
	struct checkpoint *c = start();

	c->pages_size--;
	refused(c, "bytes, but must have");
	c->pages_size++;
	c->runs[1].vaddr = START + 0x200000;
	refused(c, "in no private mapping");
	c->runs[1].vaddr = START;
	refused(c, "come after");
	c->runs[1].vaddr = START + 0x100001;
	refused(c, "cannot be");
	c->runs[1].vaddr = START + 0x100000;
	c->runs[1].nr_pages = ~0ull;
	refused(c, "cannot be");
	c->runs[1].nr_pages = 5;
	refused(c, "must have");
	c->pages_size = 6 * c->page;
	refused(c, "in no private mapping");
	c->runs[1].nr_pages = 1;
	c->runs[1].has_flags = true;
	c->runs[1].flags = 1;
	refused(c, "earlier checkpoint");
	c->runs[1].flags = 2;
	refused(c, "page server");
}

TEST(pagemap_cut_between_two_entries)
{
	struct checkpoint *c = start();

	c->n_runs = 1;
	refused(c, "must have");
	c->n_runs = 0;
	refused(c, "must have");
}

TEST(tags_are_wrong)
{
	static uint8_t bytes[65536 / 32];
	struct checkpoint *c = start();

	c->vmas[0].has_tagged = c->vmas[0].tagged = true;
	refused(c, "memory-tags-4194000.img is missing");
	memory_tags_entry__init(&c->tags[0]);
	c->tags[0].vaddr = START;
	c->tags[0].nr_pages = 2;
	c->tags[0].has_tag = true;
	c->tags[0].tag = 15;
	c->tags[1] = c->tags[0];
	c->tags[1].vaddr = START + 2 * c->page;
	c->n_tags = 2;
	EXPECT_STREQ(judge(c), "");
	c->tags[1].vaddr = START + c->page;
	refused(c, "cannot be");
	c->tags[1].vaddr = START + 3 * c->page;
	refused(c, "is not made for them");
	c->tags[1].vaddr = START + 2 * c->page + 16;
	refused(c, "cannot be");
	c->tags[1].vaddr = START + 2 * c->page;
	c->tags[1].nr_pages = ~0ull / c->page;
	refused(c, "cannot be");
	c->tags[1].nr_pages = 0;
	refused(c, "cannot be");
	c->tags[1].nr_pages = 1;
	c->tags[1].tag = 16;
	refused(c, "not as many");
	c->tags[1].has_tag = false;
	refused(c, "not as many");
	c->tags[1].has_tags = true;
	c->tags[1].tags.data = bytes;
	c->tags[1].tags.len = c->page / 32;
	EXPECT_STREQ(judge(c), "");
	c->tags[1].tags.len--;
	refused(c, "not as many");
	c->n_tags = 1;
	c->vmas[0].tagged = false;
	refused(c, "is not made for them");
}

TEST(pages_in_shared_memory)
{
	struct checkpoint *c = start();

	c->vmas[1].flags = MAP_SHARED | MAP_ANONYMOUS;
	EXPECT(judge(c)[0]);
}

TEST(descriptors_are_wrong)
{
	struct checkpoint *c = start();

	c->fds[1].fd = c->fds[0].fd;
	refused(c, "is there twice");
	c->fds[1].fd = 0xffffffff;
	refused(c, "beyond the limit");
	c->fds[1].fd = 1;
	c->fds[1].id = 99;
	refused(c, "no file 99");
	c->fds[1].id = 3;
	c->fds[1].type = FD_TYPES__PIPE;
	refused(c, "its type is");
	c->fds[1].type = c->files[2].type = FD_TYPES__REG;
	c->files[2].id = 2;
	refused(c, "two entries have the id");
}

TEST(no_image_of_descriptors)
{
	struct checkpoint *c = start();

	c->n_fds = 0;
	EXPECT_STREQ(judge(c), "");
	c->regs[2].flags = 2;
	refused(c, "fdinfo-2.img is missing");
}

TEST(missing_executable_or_directory)
{
	struct checkpoint *c = start();

	c->mm.exe_file_id = 50;
	refused(c, "its executable");
	c->mm.exe_file_id = 1;
	c->fs.cwd_id = 51;
	refused(c, "directory");
}

TEST(pid_is_taken)
{
	struct checkpoint *c = start();
	struct image_dir *dir;
	char path[] = "/tmp/crbpf-validate.XXXXXX";
	struct options opt = {.images_dir = path};
	struct error err = {0};
	struct restore r = {
		.opt = &opt,
		.err = &err,
		.page_size = c->page,
		.lowest_address = 65536,
		.task_size = arch_task_size(),
	};

	EXPECT(mkdtemp(path));
	c->tree[0].pid = c->tree[0].sid = c->tree[0].pgid = (uint32_t)getpid();
	c->n_runs = c->pages_size = 0;
	write_checkpoint(c, path);
	EXPECT_EQ(image_dir_open(&dir, path, NULL), 0);
	EXPECT_EQ(image_write(dir, IMAGE_CORE, c->tree[0].pid, &c->core.base, NULL), 0);
	EXPECT_EQ(image_write(dir, IMAGE_IDS, c->tree[0].pid, &c->ids.base, NULL), 0);
	EXPECT_EQ(image_write(dir, IMAGE_MM, c->tree[0].pid, &c->mm.base, NULL), 0);
	EXPECT_EQ(image_write(dir, IMAGE_FS, c->tree[0].pid, &c->fs.base, NULL), 0);
	EXPECT_EQ(image_write(dir, IMAGE_PAGEMAP, c->tree[0].pid, &c->head.base, NULL), 0);
	image_dir_close(dir);
	EXPECT_LT(restore_load(&r, &err) ?: restore_validate(&r, &err), 0);
	EXPECT(strstr(err.text, "is taken by `validate'"));
	nftw(path, remove_one, 4, FTW_DEPTH | FTW_PHYS);
}

/* Of 16 KB, where this kernel has 4, or the other way round. */
TEST(pages_of_another_size)
{
	struct checkpoint *c = start();
	uint32_t other = c->page == 4096 ? 16384 : 4096;
	char want[80];

	snprintf(want, sizeof(want), "pages of %u bytes, this kernel of %u", other,
		 (unsigned int)c->page);
	c->inventory.has_page_size = true;
	c->inventory.page_size = other;
	refused(c, want);
	c->inventory.has_page_size = false;
	c->mm.has_page_size = true;
	c->mm.page_size = other;
	refused(c, want);
	c->mm.page_size = (uint32_t)c->page;
	EXPECT_STREQ(judge(c), "");
}

TEST(no_checkpoint_at_all)
{
	char path[] = "/tmp/crbpf-validate.XXXXXX";
	struct options opt = {.images_dir = path};
	struct error err = {0};
	struct restore r = {.opt = &opt, .err = &err};

	EXPECT(mkdtemp(path));
	EXPECT_LT(restore_load(&r, &err), 0);
	EXPECT(strstr(err.text, "there is no checkpoint") && err.hint);
	rmdir(path);
	EXPECT_LT(restore_load(&r, &(struct error){0}), 0);
}
