// SPDX-License-Identifier: GPL-2.0-only
#include "restore/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "options.h"
#include "restore/finish.h"
#include "stage.h"

static const struct stage restore_stages[] = {
	{"load", restore_load, NULL},         /* images to messages */
	{"validate", restore_validate, NULL}, /* nothing in them is trusted */
	{"plan", restore_plan, NULL},         /* who is made by whom, in which order */
	{"open", restore_open, restore_abandon}, /* open file descriptions and shared memory */
	{"tree", restore_tree, restore_kill}, /* processes, each with its memory */
	{"threads", restore_threads, NULL},   /* their other threads, which descriptors may name */
	{"objects", restore_objects, NULL},   /* descriptors to their owners */
	{"tasks", restore_tasks, NULL},       /* credentials, all that a task has */
	{"resume", restore_resume, NULL},     /* registers: the point of no return */
};

/* The kernel refuses MAP_FIXED below it, to all but CAP_SYS_RAWIO. */
static uint64_t lowest_address(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sys/vm/mmap_min_addr", "re");
	unsigned long long lowest;

	return f && fscanf(f, "%llu", &lowest) == 1 ? lowest : 65536;
}

static void restore_init(struct restore *r, const struct options *opt, struct log *log,
			 struct error *err)
{
	*r = (struct restore){
		.opt = opt,
		.log = log,
		.err = err,
		.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
		.lowest_address = lowest_address(),
		.task_size = arch_task_size(),
		.home_sid = getsid(0),
		.home_pgid = getpgrp(),
		.pidfd = -1,
		.stats.start_ns = clock_ns(),
	};
}

static void restore_deinit(struct restore *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		cleanup_close(&r->files[i]->fd);
	for (size_t i = 0; i < r->n_processes; i++) {
		cleanup_close(&r->processes[i]->pages_fd);
		for (size_t j = 0; j < r->processes[i]->n_tasks; j++)
			regs_deinit(&r->processes[i]->tasks[j].regs);
	}
	cleanup_close(&r->pidfd);
	for (size_t i = 0; i < r->n_lent; i++)
		close(r->lent[i]);
	free(r->lent);
	for (size_t i = 0; i < r->n_messages; i++)
		protobuf_c_message_free_unpacked(r->messages[i], NULL);
	free(r->messages);
	free(r->processes);
	free(r->files);
	ids_deinit(&r->file_index);
	ids_deinit(&r->pid_index);
	ids_deinit(&r->kind_data);
	arena_deinit(&r->arena);
	image_dir_close(r->dir);
}

int restore_run(const struct options *opt, struct log *log, struct error *err)
{
	struct restore r;
	const struct stage_hook hook = {.times = &r.stats.stages};
	pid_t root;
	int ret;

	restore_init(&r, opt, log, err);
	ret = stages_run(restore_stages, sizeof(restore_stages) / sizeof(restore_stages[0]), &r,
			 &hook, log, err);
	root = ret ? -1 : r.processes[0]->pid;
	if (!ret)
		finish_report(&r);
	restore_deinit(&r);
	if (!ret && !opt->detach)
		finish_wait(root);
	return ret;
}

struct new_file *restore_file(const struct restore *r, uint32_t id)
{
	uint32_t i = ids_get(&r->file_index, id);

	return i ? r->files[i - 1] : NULL;
}

/* Numbers of threads are in the index too, to be found taken. */
struct new_process *restore_process(const struct restore *r, pid_t pid)
{
	uint32_t i = ids_get(&r->pid_index, (uint64_t)pid);

	return i && i != UINT32_MAX ? r->processes[i - 1] : NULL;
}

bool restore_has_thread(const struct restore *r, pid_t tid)
{
	uint32_t i = ids_get(&r->pid_index, (uint64_t)tid);

	return i == UINT32_MAX || (i && !r->processes[i - 1]->is_helper);
}
