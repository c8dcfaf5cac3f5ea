/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_CHECKPOINT_H
#define CRBPF_SELFTESTS_CHECKPOINT_H

/* A right image, made up; a test changes one thing in it and has it judged. */
#include <ftw.h>
#include <linux/types.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "arch/arch.h"
#include "core.pb-c.h"
#include "fdinfo.pb-c.h"
#include "fs.pb-c.h"
#define TEST_MAY_LEAK
#include "harness.h"
#include "image/image.h"
#include "inventory.pb-c.h"
#include "lib/err.h"
#include "lib/log.h"
#include "memory-tags.pb-c.h"
#include "mm.pb-c.h"
#include "options.h"
#include "pagemap.pb-c.h"
#include "pstree.pb-c.h"
#include "restore/area.h"
#include "restore/restore.h"

#define PID          4194000 /* near the end of all pids: nobody has it */
#define START        0x10000000
#define N_SIGACTIONS 62

/* A process with one thread, two mappings, two pages, one descriptor; and what a test changes. */
struct checkpoint {
	InventoryEntry inventory;
	TaskKobjIdsEntry root_ids, ids;
	PstreeEntry tree[2];
	size_t n_tree;
	uint32_t threads[2];
	CoreEntry core;
	TaskCoreEntry tc;
	ThreadCoreEntry thread_core;
	CredsEntry creds;
	TaskTimersEntry timers;
	ItimerEntry itimers[3];
	TaskRlimitsEntry rlimits;
	SaEntry actions[N_SIGACTIONS], *action_list[N_SIGACTIONS];
	MmEntry mm;
	VmaEntry vmas[2], *vma_list[2];
	FsEntry fs;
	FdinfoEntry fds[2];
	size_t n_fds;
	FileEntry files[3];
	size_t n_files;
	FileEntry *extra; /* further files */
	size_t n_extra;
	RegFileEntry regs[3];
	FownEntry fown;
	PagemapHead head;
	PagemapEntry runs[2];
	size_t n_runs, pages_size;
	MemoryTagsEntry tags[2];
	size_t n_tags;
	uint64_t page;
};

static void set_ids(TaskKobjIdsEntry *ids, uint32_t own)
{
	task_kobj_ids_entry__init(ids);
	ids->vm_id = ids->files_id = ids->fs_id = ids->sighand_id = own;
	ids->has_pid_ns_id = ids->has_net_ns_id = ids->has_mnt_ns_id = true;
	ids->pid_ns_id = 1;
	ids->net_ns_id = 2;
	ids->mnt_ns_id = 6;
}

/* Registers of a child: any will do. */
static void set_registers(CoreEntry *core)
{
	struct error err = {0};
	struct regs regs;
	pid_t pid = test_fork();

	if (!pid) {
		pause();
		_exit(0);
	}
	EXPECT_EQ(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_EXITKILL), 0);
	EXPECT_EQ(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	EXPECT_EQ(waitpid(pid, NULL, 0), pid);
	EXPECT_EQ(regs_get(&regs, pid, &err), 0);
	EXPECT_EQ(arch_core_from_regs(core, &regs, 0, &err), 0);
	regs_deinit(&regs);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void set_core(struct checkpoint *c)
{
	core_entry__init(&c->core);
	set_registers(&c->core);
	c->core.mtype = (CoreEntry__March)arch_core_machine();
	task_core_entry__init(&c->tc);
	thread_core_entry__init(&c->thread_core);
	creds_entry__init(&c->creds);
	task_timers_entry__init(&c->timers);
	for (int i = 0; i < 3; i++)
		itimer_entry__init(&c->itimers[i]);
	c->timers.real = &c->itimers[0];
	c->timers.virt = &c->itimers[1];
	c->timers.prof = &c->itimers[2];
	task_rlimits_entry__init(&c->rlimits);
	for (int i = 0; i < N_SIGACTIONS; i++) {
		sa_entry__init(&c->actions[i]);
		c->action_list[i] = &c->actions[i];
	}
	c->tc.task_state = STATE_ALIVE;
	c->tc.comm = "unit";
	c->tc.timers = &c->timers;
	c->tc.rlimits = &c->rlimits;
	c->tc.sigactions = c->action_list;
	c->tc.n_sigactions = N_SIGACTIONS;
	c->thread_core.creds = &c->creds;
	c->core.tc = &c->tc;
	c->core.thread_core = &c->thread_core;
}

static void set_memory(struct checkpoint *c)
{
	mm_entry__init(&c->mm);
	for (int i = 0; i < 2; i++) {
		VmaEntry *v = &c->vmas[i];

		vma_entry__init(v);
		v->start = START + (uint64_t)i * 0x100000;
		v->end = v->start + 4 * c->page;
		v->prot = PROT_READ | PROT_WRITE;
		v->flags = MAP_PRIVATE | MAP_ANONYMOUS;
		v->status = AREA_REGULAR | AREA_ANON_PRIVATE;
		v->fd = -1;
		c->vma_list[i] = v;
		pagemap_entry__init(&c->runs[i]);
		c->runs[i].vaddr = v->start + c->page;
		c->runs[i].has_nr_pages = true;
		c->runs[i].nr_pages = 1;
	}
	c->mm.vmas = c->vma_list;
	c->mm.n_vmas = 2;
	c->mm.mm_start_stack = START;
	c->mm.mm_start_brk = c->mm.mm_brk = START;
	c->mm.exe_file_id = 1;
	c->mm.has_dumpable = true;
	c->mm.dumpable = 1;
	pagemap_head__init(&c->head);
	c->head.pages_id = 1;
	c->n_runs = 2;
	c->pages_size = 2 * c->page;
}

static void set_files(struct checkpoint *c)
{
	static char *const names[] = {"/bin/sh", "/", "/dev/null"};

	fown_entry__init(&c->fown);
	for (uint32_t i = 0; i < 3; i++) {
		file_entry__init(&c->files[i]);
		reg_file_entry__init(&c->regs[i]);
		c->files[i].id = c->regs[i].id = i + 1;
		c->files[i].type = FD_TYPES__REG;
		c->files[i].reg = &c->regs[i];
		c->regs[i].name = names[i];
		c->regs[i].fown = &c->fown;
	}
	c->n_files = 3;
	for (uint32_t i = 0; i < 2; i++) {
		fdinfo_entry__init(&c->fds[i]);
		c->fds[i].id = 3;
		c->fds[i].type = FD_TYPES__REG;
		c->fds[i].fd = i;
	}
	c->n_fds = 2;
	fs_entry__init(&c->fs);
	c->fs.cwd_id = c->fs.root_id = 2;
}

static struct checkpoint *start(void)
{
	struct checkpoint *c = calloc(1, sizeof(*c));

	c->page = (uint64_t)sysconf(_SC_PAGESIZE);
	inventory_entry__init(&c->inventory);
	c->inventory.img_version = 2;
	c->inventory.has_fdinfo_per_id = c->inventory.fdinfo_per_id = true;
	c->inventory.root_ids = &c->root_ids;
	set_ids(&c->root_ids, 1);
	set_ids(&c->ids, 2);
	for (uint32_t i = 0; i < 2; i++) {
		pstree_entry__init(&c->tree[i]);
		c->tree[i].pid = c->tree[i].pgid = PID + i;
		c->tree[i].sid = PID;
		c->tree[i].ppid = i ? PID : 0;
		c->tree[i].threads = &c->tree[i].pid;
		c->tree[i].n_threads = 1;
	}
	c->n_tree = 1;
	set_core(c);
	set_memory(c);
	set_files(c);
	return c;
}

static void add(struct image *image, const ProtobufCMessage *msg)
{
	struct error err = {0};

	if (image_add(image, msg, &err))
		FAIL("%s", err.text);
}

static struct image *create(struct image_dir *dir, enum image_type type, unsigned long long number)
{
	struct error err = {0};
	struct image *image;

	if (image_create(dir, type, number, &image, &err))
		FAIL("%s", err.text);
	return image;
}

static void write_pages(struct image_dir *dir, const struct checkpoint *c)
{
	struct image *image = create(dir, IMAGE_PAGEMAP, PID);
	int fd = image_create_raw(dir, IMAGE_PAGES, 1, NULL);

	add(image, &c->head.base);
	for (size_t i = 0; i < c->n_runs; i++)
		add(image, &c->runs[i].base);
	EXPECT_EQ(image_finish(image, NULL), 0);
	EXPECT_EQ(ftruncate(fd, (off_t)c->pages_size), 0);
	close(fd);
	image = create(dir, IMAGE_MEMORY_TAGS, PID);
	for (size_t i = 0; i < c->n_tags; i++)
		add(image, &c->tags[i].base);
	EXPECT_EQ(image_finish(image, NULL), 0);
}

static void write_checkpoint(const struct checkpoint *c, const char *path)
{
	struct image_dir *dir;
	struct image *image;

	EXPECT_EQ(image_dir_open(&dir, path, NULL), 0);
	image = create(dir, IMAGE_PSTREE, 0);
	for (size_t i = 0; i < c->n_tree; i++)
		add(image, &c->tree[i].base);
	EXPECT_EQ(image_finish(image, NULL), 0);
	image = create(dir, IMAGE_FILES, 0);
	for (size_t i = 0; i < c->n_files; i++)
		add(image, &c->files[i].base);
	for (size_t i = 0; i < c->n_extra; i++)
		add(image, &c->extra[i].base);
	EXPECT_EQ(image_finish(image, NULL), 0);
	image = create(dir, IMAGE_FDINFO, 2);
	for (size_t i = 0; i < c->n_fds; i++)
		add(image, &c->fds[i].base);
	EXPECT_EQ(image_finish(image, NULL), 0);
	for (unsigned long long i = 0; i < 2; i++) {
		EXPECT_EQ(image_write(dir, IMAGE_CORE, PID + i, &c->core.base, NULL), 0);
		EXPECT_EQ(image_write(dir, IMAGE_IDS, PID + i, &c->ids.base, NULL), 0);
		EXPECT_EQ(image_write(dir, IMAGE_MM, PID + i, &c->mm.base, NULL), 0);
		EXPECT_EQ(image_write(dir, IMAGE_FS, PID + i, &c->fs.base, NULL), 0);
	}
	write_pages(dir, c);
	EXPECT_EQ(image_write(dir, IMAGE_INVENTORY, 0, &c->inventory.base, NULL), 0);
	image_dir_close(dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

/* Loads and validates @c. Returns the error, or "" if all is well. */
static const char *judge(const struct checkpoint *c)
{
	static struct error err;
	char path[] = "/tmp/crbpf-validate.XXXXXX";
	struct options opt = {.images_dir = path, .status_fd = -1, .work_dirfd = -1};
	struct log log;
	struct restore r = {.opt = &opt,
			    .log = &log,
			    .err = &err,
			    .page_size = c->page,
			    .lowest_address = 65536,
			    .task_size = arch_task_size(),
			    .pidfd = -1};
	int ret;

	EXPECT(mkdtemp(path));
	write_checkpoint(c, path);
	log_init(&log, LOG_ERROR);
	err = (struct error){0};
	ret = restore_load(&r, &err) ?: restore_validate(&r, &err);
	nftw(path, remove_one, 4, FTW_DEPTH | FTW_PHYS);
	EXPECT_EQ(ret < 0, err.text != NULL);
	return ret < 0 ? err.text : "";
}

static void refused(const struct checkpoint *c, const char *because)
{
	const char *text = judge(c);

	if (!strstr(text, because))
		FAIL("expected a refusal with \"%s\", but got \"%s\"", because, text);
	EXPECT(!strchr(text, '\n'));
}

#endif
