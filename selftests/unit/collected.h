/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_COLLECTED_H
#define CRBPF_SELFTESTS_COLLECTED_H

/*
 * For tests of the collector: a pass over processes, kept as a list of records, and
 * children that set something up and then stand still.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/record.h"
#include "collect/collector.h"
#define TEST_MAY_LEAK
#include "harness.h"
#include "lib/err.h"
#include "lib/log.h"
#include "state.h"

struct collected {
	char *data; /* all records, one behind the other */
	size_t size, room;
	size_t n;
};

static int collected_add(void *arg, const struct record_head *rec)
{
	struct collected *c = arg;

	if (c->size + rec->size > c->room) {
		c->room = (c->room + rec->size) * 2;
		c->data = realloc(c->data, c->room);
		EXPECT(c->data);
	}
	memcpy(c->data + c->size, rec, rec->size);
	c->size += rec->size;
	c->n++;
	return 0;
}

static struct collector *collector_for(unsigned int flags)
{
	struct error err = {};
	struct collector *c = NULL;
	int r = collector_open(&c, flags, NULL, &err);

	if (r == -EPERM)
		SKIP("needs CAP_BPF and CAP_PERFMON");
	if (r)
		FAIL("%s", err.text);
	return c;
}

static int collect_with(struct collector *c, struct collected *to, const pid_t *pids, size_t n)
{
	struct error err = {};
	int r = collector_run(c, pids, n, collected_add, to, &err);

	if (r)
		printf("\n    collector_run: %s\n", err.text ? err.text : "no text");
	error_deinit(&err);
	return r;
}

/*
 * One pass over one process, which must succeed. It runs: while it (or a sanitizer in it)
 * changes its mappings, the collector says so, and is asked again.
 */
static struct collected collect(pid_t pid, unsigned int flags)
{
	struct collector *c = collector_for(flags);
	struct collected all = {};
	int r = collect_with(c, &all, &pid, 1);

	for (int tries = 0; r == -EAGAIN && tries < 10; tries++) {
		usleep(20000);
		free(all.data);
		all = (struct collected){};
		r = collect_with(c, &all, &pid, 1);
	}
	EXPECT_EQ(r, 0);
	collector_close(c);
	return all;
}

static __attribute__((unused)) struct record_head *next_record(const struct collected *c,
							       const struct record_head *after)
{
	const char *at = after ? (const char *)after + after->size : c->data;

	return at && at < c->data + c->size ? (struct record_head *)at : NULL;
}

#define for_each_record(c_, rec_)                                                                  \
	for (struct record_head *rec_ = next_record((c_), NULL); rec_;                             \
	     rec_ = next_record((c_), rec_))

static __attribute__((unused)) size_t count_records(const struct collected *c, __u32 type)
{
	size_t n = 0;

	for_each_record(c, rec) n += rec->type == type;
	return n;
}

static __attribute__((unused)) const struct process_record *process_of(const struct collected *c)
{
	for_each_record(c, rec) if (rec->type == RECORD_PROCESS) return (void *)rec;
	FAIL("there is no process record");
}

static __attribute__((unused)) const struct task_record *task_of(const struct collected *c,
								 pid_t tid)
{
	for_each_record(c,
			rec) if (rec->type == RECORD_TASK &&
				 ((struct task_record *)rec)->pid.host == tid) return (void *)rec;
	FAIL("there is no record of task %d", tid);
}

static __attribute__((unused)) const struct file_record *file_of(const struct collected *c, int fd)
{
	for_each_record(c,
			rec) if (rec->type == RECORD_FILE &&
				 ((struct file_record *)rec)->fd == (__u32)fd) return (void *)rec;
	FAIL("there is no record of descriptor %d", fd);
}

/* Part number @at of the object whose record @owner is: parts stand directly before it. */
static __attribute__((unused)) void *part_of(const struct collected *c, const void *owner, __u32 at)
{
	const struct record_head *head = owner;

	for_each_record(c, rec) if (rec->owner == head->owner && rec->part == at && rec != head &&
				    rec->type != RECORD_TASK && rec->type != RECORD_PROCESS &&
				    rec->type != RECORD_FILE) return rec;
	FAIL("there is no part %u", at);
}

/* The last part of a process. */
__attribute__((unused)) static const struct deep_record *deep_of(const struct collected *c,
								 const struct process_record *p)
{
	return part_of(c, p, (int)p->head.part - 1);
}

static __attribute__((unused)) const char *path_of(const void *rec, struct record_path path)
{
	return path.offset ? (const char *)rec + path.offset : "";
}

static __attribute__((unused)) const void *detail_of(const struct file_record *f, __u32 type)
{
	EXPECT_EQ(f->detail_type, type);
	EXPECT(f->detail_offset >= sizeof(*f) && f->detail_size);
	EXPECT_LE(f->detail_offset + f->detail_size, f->head.size);
	return (const char *)f + f->detail_offset;
}

/* st_dev as the kernel and the records have it. */
static __attribute__((unused)) __u32 kernel_dev(dev_t dev)
{
	return major(dev) << 20 | minor(dev);
}

/* A child: runs @setup, says that it is ready, stands still until it is killed. */
static __attribute__((unused)) pid_t child_that(void (*setup)(void *arg), void *arg)
{
	int ready[2];
	char byte;
	pid_t pid;

	EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
	pid = test_fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		setup(arg);
		if (write(ready[1], "x", 1) != 1)
			_exit(2);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		FAIL("the child has not come to its end");
	close(ready[0]);
	usleep(20000); /* until it sleeps in pause() */
	return pid;
}

static __attribute__((unused)) void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Memory that a child and its parent share. */
static __attribute__((unused)) void *shared_memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	EXPECT(at != MAP_FAILED);
	return at;
}

/* A line of /proc: the number behind @key, in base @base. */
static __attribute__((unused)) unsigned long long proc_number(const char *path, const char *key,
							      int base)
{
	char line[4096];
	FILE *f = fopen(path, "re");

	EXPECT(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		fclose(f);
		return strtoull(line + strlen(key), NULL, base);
	}
	FAIL("%s has no %s", path, key);
}

#endif
