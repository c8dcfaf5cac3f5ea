// SPDX-License-Identifier: GPL-2.0-only
/* From records to tables, with records made up here: no kernel is asked. */
#include "harness.h"

#include "lib/err.h"
#include "snapshot.h"

#define ADDRESS(n) (0xffff888000000000ull + (n))

/* Adds a record of @type with @owner and @part, whose further fields @fill has set. */
static int add(struct snapshot *snap, void *rec, uint32_t type, size_t size, uint64_t owner,
	       uint32_t part)
{
	struct record_head *head = rec;

	head->type = type;
	head->size = (uint32_t)size;
	head->owner = owner;
	head->part = part;
	return snapshot_add(snap, head);
}

static void add_task(struct snapshot *snap, pid_t tgid, pid_t tid, uint64_t files, uint32_t parts)
{
	struct task_record *rec = calloc(1, sizeof(*rec));

	rec->group = ADDRESS((uint64_t)tgid);
	rec->files = ADDRESS(files);
	rec->fs = ADDRESS(0x1000000ull + (uint64_t)tgid);
	rec->sighand = ADDRESS(0x2000000ull + (uint64_t)tgid);
	rec->pid.host = rec->pid.virt = tid;
	rec->tgid.host = rec->tgid.virt = tgid;
	EXPECT_EQ(add(snap, rec, RECORD_TASK, sizeof(*rec), ADDRESS(0x3000000ull + (uint64_t)tid), parts),
		  0);
	free(rec);
}

static void add_process(struct snapshot *snap, pid_t pid, pid_t parent)
{
	struct process_record *rec = calloc(1, sizeof(*rec));

	rec->mm = ADDRESS(0x4000000ull + (uint64_t)pid);
	rec->pid.host = rec->pid.virt = pid;
	rec->parent.host = rec->parent.virt = parent;
	EXPECT_EQ(add(snap, rec, RECORD_PROCESS, sizeof(*rec), ADDRESS((uint64_t)pid), 0), 0);
	free(rec);
}

/* A process of one thread; @files names its table. */
static void add_simple(struct snapshot *snap, pid_t pid, pid_t parent, uint64_t files)
{
	add_task(snap, pid, pid, files, 0);
	add_process(snap, pid, parent);
}

static int add_fd(struct snapshot *snap, uint64_t files, uint32_t fd, uint64_t file)
{
	struct {
		struct file_record rec;
		char path[16];
	} r = { .rec = { .files = ADDRESS(files), .fd = fd, .cloexec = fd & 1 }, .path = "/some/file" };

	r.rec.path.offset = sizeof(r.rec);
	r.rec.path.length = 10;
	return add(snap, &r, RECORD_FILE, sizeof(r), ADDRESS(file), 0);
}

static void add_vma(struct snapshot *snap, pid_t pid, uint64_t start, uint64_t end, uint64_t ino)
{
	struct vma_record rec = { .start = start, .end = end, .ino = ino, .dev = 7 };

	rec.file = ino ? ADDRESS(ino) : 0;
	EXPECT_EQ(add(snap, &rec, RECORD_VMA, sizeof(rec), ADDRESS(0x4000000ull + (uint64_t)pid), 0), 0);
}

TEST(parents_come_before_children_and_siblings_by_number)
{
	struct snapshot snap;
	struct error err = { 0 };
	const pid_t pids[] = { 50, 10, 30, 20, 40 }, order[] = { 50, 20, 10, 40, 30 };

	EXPECT_EQ(snapshot_init(&snap, &err), 0);
	add_simple(&snap, 30, 50, 3);
	add_simple(&snap, 10, 20, 1);
	add_simple(&snap, 50, 1, 5);
	add_simple(&snap, 20, 50, 2);
	add_simple(&snap, 40, 20, 4);
	EXPECT_EQ(snapshot_finish(&snap, 50, pids, 5, &err), 0);
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(snap.processes[i]->pid, order[i]);
	EXPECT_EQ(snap.processes[0]->parent, NULL);
	EXPECT_EQ(snap.processes[2]->parent, snap.processes[1]);
	EXPECT_EQ(snapshot_process(&snap, 40), snap.processes[3]);
	EXPECT_EQ(snapshot_process(&snap, 41), NULL);
	snapshot_deinit(&snap);
}

TEST(threads_stand_behind_their_leader)
{
	struct snapshot snap;
	struct error err = { 0 };
	const pid_t pid = 9;

	EXPECT_EQ(snapshot_init(&snap, &err), 0);
	add_task(&snap, 9, 12, 1, 0);
	add_task(&snap, 9, 4, 1, 0);
	add_task(&snap, 9, 9, 1, 0);
	add_process(&snap, 9, 1);
	EXPECT_EQ(snapshot_finish(&snap, 9, &pid, 1, &err), 0);
	EXPECT_EQ(snap.processes[0]->n_tasks, 3);
	EXPECT_EQ(snap.processes[0]->tasks[0].tid, 9);
	EXPECT_EQ(snap.processes[0]->tasks[1].tid, 4);
	EXPECT_EQ(snap.processes[0]->tasks[2].tid, 12);
	snapshot_deinit(&snap);
}

TEST(shared_files_have_one_description)
{
	struct snapshot snap;
	struct error err = { 0 };
	const pid_t pids[] = { 5, 6, 7 };
	struct fdtable *first, *second;

	EXPECT_EQ(snapshot_init(&snap, &err), 0);
	add_simple(&snap, 6, 5, 200);
	add_simple(&snap, 5, 1, 100);
	add_simple(&snap, 7, 5, 100);
	EXPECT_EQ(add_fd(&snap, 200, 4, 900), 0);
	EXPECT_EQ(add_fd(&snap, 100, 9, 900), 0);
	EXPECT_EQ(add_fd(&snap, 100, 3, 901), 0);
	EXPECT_EQ(add_fd(&snap, 100, 8, 900), 0);
	EXPECT_EQ(snapshot_finish(&snap, 5, pids, 3, &err), 0);
	first = snapshot_process(&snap, 5)->files;
	second = snapshot_process(&snap, 6)->files;
	EXPECT_EQ(snap.n_fdtables, 2);
	EXPECT_EQ(snapshot_process(&snap, 7)->files, first);
	EXPECT_EQ(first->n_fds, 3);
	EXPECT_EQ(first->fds[0].number, 3);
	EXPECT_EQ(first->fds[0].cloexec, true);
	EXPECT_EQ(first->fds[1].file, first->fds[2].file);
	EXPECT_EQ(second->fds[0].file, first->fds[1].file);
	EXPECT_EQ(snap.n_files, 2);
	EXPECT_EQ(first->fds[0].file->id, 1);
	EXPECT_EQ(snapshot_file(&snap, ADDRESS(900))->id, 2);
	EXPECT_EQ(snapshot_file(&snap, ADDRESS(900))->process->pid, 5);
	EXPECT_STREQ(first->fds[0].file->path, "/some/file");
	snapshot_deinit(&snap);
}

static struct lock_record lock_of(uint64_t identity)
{
	return (struct lock_record){ .lock = identity, .class = LOCK_POSIX };
}

TEST(locks_of_all_tables_come_together_once_each)
{
	struct snapshot snap;
	struct error err = { 0 };
	const pid_t pids[] = { 5, 6 };
	struct lock_record a = lock_of(1), b = lock_of(2);
	struct file_record rec = { .files = ADDRESS(100), .fd = 3 };

	EXPECT_EQ(snapshot_init(&snap, &err), 0);
	add_simple(&snap, 5, 1, 100);
	add_simple(&snap, 6, 5, 200);
	EXPECT_EQ(add(&snap, &a, RECORD_LOCK_PART, sizeof(a), ADDRESS(900), 0), 0);
	EXPECT_EQ(add(&snap, &rec, RECORD_FILE, sizeof(rec), ADDRESS(900), 1), 0);
	rec.files = ADDRESS(200);
	EXPECT_EQ(add(&snap, &a, RECORD_LOCK_PART, sizeof(a), ADDRESS(900), 0), 0);
	EXPECT_EQ(add(&snap, &b, RECORD_LOCK_PART, sizeof(b), ADDRESS(900), 1), 0);
	EXPECT_EQ(add(&snap, &rec, RECORD_FILE, sizeof(rec), ADDRESS(900), 2), 0);
	EXPECT_EQ(snapshot_finish(&snap, 5, pids, 2, &err), 0);
	EXPECT_EQ(snap.n_files, 1);
	EXPECT_EQ(snap.files[0]->n_locks, 2);
	EXPECT_EQ(snap.files[0]->locks[0]->lock, 1);
	EXPECT_EQ(snap.files[0]->locks[1]->lock, 2);
	snapshot_deinit(&snap);
}

static void add_signal(struct snapshot *snap, pid_t tid, uint32_t part, int signo, int expect)
{
	struct siginfo_record rec = { .where = SIGINFO_PRIVATE, .siginfo = { (uint8_t)signo } };

	EXPECT_EQ(add(snap, &rec, RECORD_SIGINFO_PART, sizeof(rec),
		      ADDRESS(0x3000000ull + (uint64_t)tid), part),
		  expect);
}

TEST(parts_of_an_object_that_is_shown_again_do_not_count_twice)
{
	struct snapshot snap;
	struct error err = { 0 };
	const pid_t pid = 9;
	struct task *task;

	EXPECT_EQ(snapshot_init(&snap, &err), 0);
	add_signal(&snap, 9, 0, 1, 0);
	add_signal(&snap, 9, 1, 2, 0);
	add_signal(&snap, 9, 0, 11, 0);	/* from the start again */
	add_signal(&snap, 9, 1, 12, 0);
	add_signal(&snap, 9, 2, 13, 0);
	add_task(&snap, 9, 9, 1, 3);
	add_process(&snap, 9, 1);
	EXPECT_EQ(snapshot_finish(&snap, 9, &pid, 1, &err), 0);
	task = snap.processes[0]->tasks;
	EXPECT_EQ(task->n_pending, 3);
	EXPECT_EQ(task->pending[0]->siginfo[0], 11);
	EXPECT_EQ(task->pending[2]->siginfo[0], 13);
	snapshot_deinit(&snap);
}

TEST(a_lost_part_is_noticed)
{
	struct snapshot snap;
	struct error err = { 0 };
	struct task_record rec = { .group = ADDRESS(9) };

	EXPECT_EQ(snapshot_init(&snap, &err), 0);
	add_signal(&snap, 9, 0, 1, 0);
	add_signal(&snap, 9, 2, 3, -EPROTO);
	EXPECT_EQ(add(&snap, &rec, RECORD_TASK, sizeof(rec), ADDRESS(0x3000009ull), 3), -EPROTO);
	snapshot_deinit(&snap);
}

TEST(groups_are_put_together)
{
	struct snapshot snap;
	struct error err = { 0 };
	const pid_t pid = 9;
	struct groups_record first = { .first = 0, .n = RECORD_GROUPS }, rest = { .first = 64, .n = 2 };
	struct task_record rec = { .group = ADDRESS(9), .creds.n_groups = 66 };

	for (uint32_t i = 0; i < RECORD_GROUPS; i++)
		first.gid[i] = 1000 + i;
	rest.gid[0] = 5;
	rest.gid[1] = 6;
	rec.pid.host = rec.pid.virt = 9;
	EXPECT_EQ(snapshot_init(&snap, &err), 0);
	EXPECT_EQ(add(&snap, &first, RECORD_GROUPS_PART, sizeof(first), ADDRESS(77), 0), 0);
	EXPECT_EQ(add(&snap, &rest, RECORD_GROUPS_PART, sizeof(rest), ADDRESS(77), 1), 0);
	EXPECT_EQ(add(&snap, &rec, RECORD_TASK, sizeof(rec), ADDRESS(77), 2), 0);
	add_process(&snap, 9, 1);
	EXPECT_EQ(snapshot_finish(&snap, 9, &pid, 1, &err), 0);
	EXPECT_EQ(snap.processes[0]->tasks[0].groups[63], 1063);
	EXPECT_EQ(snap.processes[0]->tasks[0].groups[65], 6);
	snapshot_deinit(&snap);
}

TEST(mappings_go_to_their_address_space_and_inodes_get_numbers)
{
	struct snapshot snap;
	struct error err = { 0 };
	const pid_t pids[] = { 5, 6 };

	EXPECT_EQ(snapshot_init(&snap, &err), 0);
	add_simple(&snap, 5, 1, 100);
	add_simple(&snap, 6, 5, 200);
	add_vma(&snap, 6, 0x1000, 0x2000, 0x100000007ull);
	add_vma(&snap, 6, 0x3000, 0x4000, 7);
	add_vma(&snap, 5, 0x1000, 0x2000, 0x100000007ull);
	add_vma(&snap, 5, 0x2000, 0x9000, 0);
	EXPECT_EQ(snapshot_finish(&snap, 5, pids, 2, &err), 0);
	EXPECT_EQ(snap.n_mms, 2);
	EXPECT_EQ(snap.processes[0]->mm->n_vmas, 2);
	EXPECT_EQ(snap.processes[1]->mm->vmas[1].start, 0x3000);
	EXPECT_EQ(snap.processes[0]->mm->vmas[0].object, snap.processes[1]->mm->vmas[0].object);
	EXPECT_NE(snap.processes[1]->mm->vmas[0].object, snap.processes[1]->mm->vmas[1].object);
	EXPECT_EQ(snap.processes[0]->mm->vmas[1].object, 0);
	snapshot_deinit(&snap);
}

static int finish_one(struct snapshot *snap, struct error *err)
{
	const pid_t pid = 9;
	int ret = snapshot_finish(snap, 9, &pid, 1, err);

	snapshot_deinit(snap);
	return ret;
}

TEST(what_does_not_add_up_is_an_error)
{
	struct snapshot snap;
	struct error err = { 0 };

	snapshot_init(&snap, &err);		/* nothing at all */
	EXPECT_EQ(finish_one(&snap, &err), -ESRCH);
	error_deinit(&err);

	snapshot_init(&snap, &err);		/* a thread without its process */
	add_simple(&snap, 9, 1, 1);
	add_task(&snap, 10, 10, 1, 0);
	EXPECT_EQ(finish_one(&snap, &err), -EAGAIN);
	error_deinit(&err);

	snapshot_init(&snap, &err);		/* a process that nobody asked for */
	add_simple(&snap, 9, 1, 1);
	add_simple(&snap, 10, 9, 1);
	EXPECT_EQ(finish_one(&snap, &err), -EAGAIN);
	error_deinit(&err);

	snapshot_init(&snap, &err);		/* a process without threads */
	add_process(&snap, 9, 1);
	EXPECT_EQ(finish_one(&snap, &err), -EAGAIN);
	error_deinit(&err);

	snapshot_init(&snap, &err);		/* a descriptor of a table that nobody has */
	add_simple(&snap, 9, 1, 1);
	EXPECT_EQ(add_fd(&snap, 2, 0, 5), 0);
	EXPECT_EQ(finish_one(&snap, &err), -EAGAIN);
	error_deinit(&err);

	snapshot_init(&snap, &err);		/* the same number twice */
	add_simple(&snap, 9, 1, 1);
	EXPECT_EQ(add_fd(&snap, 1, 0, 5), 0);
	EXPECT_EQ(add_fd(&snap, 1, 0, 6), 0);
	EXPECT_EQ(finish_one(&snap, &err), -EAGAIN);
	error_deinit(&err);
}

TEST(paths_must_lie_in_their_record)
{
	struct snapshot snap;
	struct error err = { 0 };
	struct file_record rec = { .files = ADDRESS(1), .fd = 3 };

	snapshot_init(&snap, &err);
	add_simple(&snap, 9, 1, 1);
	rec.path.offset = sizeof(rec) - 4;
	rec.path.length = 4;
	EXPECT_EQ(add(&snap, &rec, RECORD_FILE, sizeof(rec), ADDRESS(5), 0), 0);
	EXPECT_EQ(finish_one(&snap, &err), -EPROTO);
	error_deinit(&err);
	snapshot_init(&snap, &err);
	rec.head.size = 8;
	EXPECT_EQ(add(&snap, &rec, RECORD_FILE, 8, ADDRESS(5), 0), -EPROTO);
	EXPECT_EQ(add(&snap, &rec, 99, sizeof(rec), ADDRESS(5), 0), -EPROTO);
	snapshot_deinit(&snap);
}

/* A chain as deep as there are numbers must not use up the stack. */
TEST(a_deep_tree_is_walked)
{
	enum { DEPTH = 20000 };
	struct snapshot snap;
	struct error err = { 0 };
	pid_t *pids = calloc(DEPTH, sizeof(*pids));

	snapshot_init(&snap, &err);
	for (int i = 0; i < DEPTH; i++) {
		pids[i] = i + 2;
		add_simple(&snap, i + 2, i + 1, 1);
	}
	EXPECT_EQ(snapshot_finish(&snap, 2, pids, DEPTH, &err), 0);
	for (int i = 0; i < DEPTH; i++)
		EXPECT_EQ(snap.processes[i]->pid, i + 2);
	snapshot_deinit(&snap);
	free(pids);
}
