// SPDX-License-Identifier: GPL-2.0-only
/* The verdict over made-up snapshots: nothing that nobody claims gets through. */
#include "harness.h"

#include <sys/stat.h>

#include "judge.h"
#include "kind.h"
#include "lib/err.h"
#include "options.h"
#include "snapshot.h"
#include "surroundings.h"
#include "vmaflags.h"

/* One process of one thread with one mapping and one descriptor, to be spoiled by the tests. */
struct fixture {
	struct task_record task_rec;
	struct process_record process_rec;
	struct vma_record vma_rec;
	struct file_record file_rec;
	struct task task;
	struct process process, *processes[1];
	struct vma vma;
	struct mm mm;
	struct file file, *files[1];
	struct fd fd;
	struct fdtable table;
	struct snapshot snap;
	struct options options;
	struct surroundings around;
	struct judge judge;
	struct error err;
};

static void fixture_init(struct fixture *x)
{
	memset(x, 0, sizeof(*x));
	memcpy(x->task_rec.comm, "subject", 8);
	x->task_rec.pid.host = x->task_rec.pid.virt = 42;
	x->task_rec.tgid = x->task_rec.pid;
	x->task_rec.files = x->task_rec.fs = 1;
	x->process_rec.pid = x->process_rec.pgid = x->process_rec.sid = x->task_rec.pid;
	x->task = (struct task){ .rec = &x->task_rec, .process = &x->process, .tid = 42, .vtid = 42 };
	x->vma_rec = (struct vma_record){ .start = 0x10000, .end = 0x20000, .flags = 0x73 };
	x->vma = (struct vma){ .rec = &x->vma_rec, .path = "", .anon_name = "", .start = 0x10000,
			       .end = 0x20000 };
	x->mm = (struct mm){ .id = 1, .vmas = &x->vma, .n_vmas = 1, .process = &x->process };
	x->process = (struct process){ .rec = &x->process_rec, .pid = 42, .vpid = 42,
				       .tasks = &x->task, .n_tasks = 1, .mm = &x->mm,
				       .files = &x->table, .fs_id = 1, .sighand_id = 1,
				       .fs_first = &x->process,
				       .sighand_first = &x->process, .exe = "/x",
				       .cwd = "/", .root = "/", .pidfd = -1 };
	x->processes[0] = &x->process;
	x->file_rec = (struct file_record){ .fd = 7 };
	memcpy(x->file_rec.anon_name, "io_uring", 9);
	x->file = (struct file){ .id = 1, .rec = &x->file_rec, .path = "anon_inode:[io_uring]",
				 .process = &x->process, .fd = 7, .copy = -1 };
	x->files[0] = &x->file;
	x->fd = (struct fd){ .number = 7, .file = &x->file };
	x->table = (struct fdtable){ .id = 1, .fds = &x->fd, .n_fds = 1, .process = &x->process };
	x->snap = (struct snapshot){ .processes = x->processes, .n_processes = 1, .tasks = &x->task,
				     .n_tasks = 1, .mms = &x->mm, .n_mms = 1, .files = x->files };
	x->judge = (struct judge){ .options = &x->options, .snap = &x->snap,
				   .around = &x->around };
}

static void fixture_deinit(struct fixture *x)
{
	judge_deinit(&x->judge);
	surroundings_deinit(&x->around);
	error_deinit(&x->err);
}

/* Is there an obstacle or warning whose line contains @text? */
static bool has(const struct fixture *x, const char *text)
{
	bool found = false;

	for (size_t i = 0; i < x->judge.n && !found; i++) {
		char *line = obstacle_line(&x->judge.list[i]);

		found = line && strstr(line, text);
		free(line);
	}
	return found;
}

/* A test with a fixture x, given back at its end. */
#define JUDGE_TEST(name_)                                                                          \
	static void judge_##name_(struct fixture *x);                                              \
	TEST(name_)                                                                                \
	{                                                                                          \
		struct fixture fixture;                                                            \
                                                                                                   \
		fixture_init(&fixture);                                                            \
		judge_##name_(&fixture);                                                           \
		fixture_deinit(&fixture);                                                          \
	}                                                                                          \
	static void judge_##name_(struct fixture *x)

JUDGE_TEST(a_plain_mapping_is_no_obstacle)
{
	EXPECT_EQ(judge_run(&x->judge, &x->err), 0);
	EXPECT(!has(x, "mapping "));
	EXPECT_STREQ(x->vma.kind->name, "vma-anon");
}

JUDGE_TEST(what_nobody_claims_is_named)
{
	x->snap.n_files = 1;
	EXPECT_EQ(judge_run(&x->judge, &x->err), 0);
	EXPECT(has(x, "process 42 (subject): fd 7 anon_inode:[io_uring]: "));
	EXPECT(has(x, "cannot be carried yet"));
	EXPECT_GE(x->judge.n_obstacles, 1);
}

JUDGE_TEST(special_memory_is_refused)
{
	static const struct {
		uint64_t flags, uffd;
		const char *text;
	} cases[] = {
		{ 0x73 | VMF_IO | VMF_PFNMAP, 0, "memory of a device" },
		{ 0x73, 77, "userfaultfd" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_deinit(x);
		fixture_init(x);
		x->vma_rec.flags = cases[i].flags;
		x->vma_rec.uffd = cases[i].uffd;
		EXPECT_EQ(judge_run(&x->judge, &x->err), 0);
		EXPECT(has(x, cases[i].text));
		EXPECT(has(x, "mapping 10000-20000"));
		EXPECT_GE(x->judge.n_obstacles, 1);
	}
}

JUDGE_TEST(special_mappings_of_unknown_names_are_refused)
{
	x->vma_rec.special = VMA_OTHER_SPECIAL;
	x->vma.anon_name = "[uprobes]";
	EXPECT_EQ(judge_run(&x->judge, &x->err), 0);
	EXPECT(has(x, "mapping 10000-20000 [uprobes]: special mapping"));
}

JUDGE_TEST(a_mapped_device_is_refused)
{
	x->vma_rec.file = 99;
	x->vma_rec.i_mode = S_IFCHR | 0600;
	x->vma.path = "/dev/mem";
	EXPECT_EQ(judge_run(&x->judge, &x->err), 0);
	EXPECT(has(x, "mapping 10000-20000 /dev/mem"));
	EXPECT_GE(x->judge.n_obstacles, 1);
}

JUDGE_TEST(warnings_do_not_count)
{
	judge_vma(&x->judge, &x->process, &x->vma, "test", NULL, "number %d", 5);
	judge_soften(&x->judge);
	judge_soften(&x->judge);
	EXPECT_EQ(x->judge.n, 1);
	EXPECT_EQ(x->judge.n_obstacles, 0);
	judge_task(&x->judge, &x->task, "test", "hint", "again");
	EXPECT_EQ(x->judge.n_obstacles, 1);
	EXPECT(has(x, "thread 42 (subject): test: again (try: hint)"));
}

JUDGE_TEST(a_split_mapping_has_one_obstacle)
{
	struct vma second = x->vma;

	judge_vma(&x->judge, &x->process, &x->vma, "test", NULL, "the same");
	judge_vma(&x->judge, &x->process, &second, "test", NULL, "the same");
	judge_vma(&x->judge, &x->process, &second, "test", NULL, "another");
	EXPECT_EQ(x->judge.n, 2);
	EXPECT_EQ(x->judge.n_obstacles, 2);
}

JUDGE_TEST(shared_memory_of_processes_is_refused)
{
	struct process second = x->process, *both[] = { &x->process, &second };
	struct process_record rec = x->process_rec;
	struct task_record task_rec = x->task_rec;
	struct task task = x->task;

	rec.pid.host = rec.pid.virt = task_rec.pid.host = task_rec.pid.virt = 43;
	task.rec = &task_rec;
	task.process = &second;
	second.rec = &rec;
	second.tasks = &task;
	second.pid = second.vpid = 43;
	second.parent = &x->process;
	x->snap.processes = both;
	x->snap.n_processes = 2;
	EXPECT_EQ(judge_run(&x->judge, &x->err), 0);
	EXPECT(has(x, "process 43 (subject): memory: shares its memory with process 42"));
	EXPECT(has(x, "process 43 (subject): directories: shares its working directory with process 42"));
}

JUDGE_TEST(threads_with_descriptors_of_their_own_are_refused)
{
	struct task tasks[2] = { x->task, x->task };
	struct task_record rec = x->task_rec;

	rec.pid.host = rec.pid.virt = 44;
	rec.files = 2;
	tasks[1].rec = &rec;
	tasks[1].tid = tasks[1].vtid = 44;
	x->process.tasks = tasks;
	x->process.n_tasks = 2;
	EXPECT_EQ(judge_run(&x->judge, &x->err), 0);
	EXPECT(has(x, "thread 44 (subject): descriptors: has a descriptor table of its own"));
}

JUDGE_TEST(another_namespace_is_refused)
{
	x->task_rec.net_ns = 1;
	EXPECT_EQ(judge_run(&x->judge, &x->err), 0);
	EXPECT(has(x, "lives in another network namespace"));
}

JUDGE_TEST(a_label_that_cannot_be_read_is_refused)
{
	x->around.has_label = true;
	snprintf(x->around.label, sizeof(x->around.label), "crbpf (enforce)");
	x->process.pid = getpid();
	x->task.tid = 1 << 30; /* there is no such thread */
	EXPECT_EQ(judge_run(&x->judge, &x->err), 0);
	EXPECT(has(x, "security label: its security label cannot be read"));
}

TEST(labels_that_confine_nothing)
{
	EXPECT(label_is_none("unconfined"));
	EXPECT(label_is_none("unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023"));
	EXPECT(!label_is_none("unconfined_http (enforce)"));
	EXPECT(!label_is_none("unconfined-ish"));
	EXPECT(label_is_none("system_u:system_r:unconfined_service_t:s0"));
	EXPECT(!label_is_none("unconfined_u:unconfined_r:thumb_t:s0"));
	EXPECT(!label_is_none(""));
}
