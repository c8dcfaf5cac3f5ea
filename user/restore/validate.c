// SPDX-License-Identifier: GPL-2.0-only
/* Nothing in the images is trusted: what a wrong one says ends here, with no process made. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "cpucap.h"
#include "external.h"
#include "fdinfo.pb-c.h"
#include "fs.pb-c.h"
#include "inventory.pb-c.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm.pb-c.h"
#include "options.h"
#include "regfile.pb-c.h"
#include "pstree.pb-c.h"
#include "restore/check.h"
#include "restore/restore.h"

/* How long an orphan that has ended may stay before its reaper takes it away. */
#define REAP_PATIENCE_NS 2000000000LL

static int check_namespaces(const struct restore *r, struct error *err)
{
	const TaskKobjIdsEntry *own = r->inventory->root_ids, *ids = r->processes[0]->ids;

	if (r->processes[0]->is_zombie)
		return fail(err, 0,
			    "the root of the tree, %d, has ended: there is nothing to restore",
			    r->processes[0]->pid);
	if (!own)
		return fail(err, 0,
			    "inventory.img: it does not say in which namespaces it was made");
	const struct {
		const char *name;
		uint32_t theirs, ours;
	} spaces[] = {
		{"pid", ids->pid_ns_id, own->pid_ns_id},
		{"network", ids->net_ns_id, own->net_ns_id},
		{"ipc", ids->ipc_ns_id, own->ipc_ns_id},
		{"uts", ids->uts_ns_id, own->uts_ns_id},
		{"mount", ids->mnt_ns_id, own->mnt_ns_id},
		{"user", ids->user_ns_id, own->user_ns_id},
		{"time", ids->time_ns_id, own->time_ns_id},
	};

	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if (spaces[i].theirs != spaces[i].ours)
			return fail(err, 0,
				    "the tree has a %s namespace of its own, which cannot be "
				    "made yet",
				    spaces[i].name);
	for (size_t i = 1; i < r->n_processes; i++) {
		const TaskKobjIdsEntry *child = r->processes[i]->ids;

		if (child &&
		    (child->net_ns_id != ids->net_ns_id || child->mnt_ns_id != ids->mnt_ns_id))
			return fail(err, 0,
				    "process %d has a namespace of its own, which cannot be "
				    "made yet",
				    r->processes[i]->pid);
	}
	return 0;
}

static int check_leader(const struct new_process *p, const TaskCoreEntry *tc, struct error *err)
{
	if (!tc)
		return fail(err, 0, "core-%d.img: the part of the process is missing", p->pid);
	if (tc->task_state < STATE_ALIVE || tc->task_state > STATE_STOPPED)
		return fail(err, 0, "core-%d.img: state %u cannot be", p->pid, tc->task_state);
	return 0;
}

static int check_task(struct restore *r, struct new_task *t, struct error *err)
{
	struct new_process *p = t->process;
	bool is_leader = t == p->tasks;
	int ret;

	if ((int)t->core->mtype != arch_core_machine()) {
		fail(err, 0, "core-%d.img was made on another processor (%d, this is %d)", t->tid,
		     (int)t->core->mtype, arch_core_machine());
		return fail_hint(err, "restore on the processor where the dump was made");
	}
	if (is_leader) {
		ret = check_leader(p, t->core->tc, err);
		if (ret || p->is_zombie)
			return ret;
	} else if (t->core->tc || t->core->ids) {
		return fail(err, 0, "core-%d.img: a thread has the part of a process", t->tid);
	}
	if (!t->core->thread_core)
		return fail(err, 0, "core-%d.img: the part of the thread is missing", t->tid);
	ret = arch_regs_from_core(&t->regs, t->core, err);
	if (ret)
		return fail_in(err, "core-%d.img", t->tid);
	for (const struct kind *const *k = kinds; *k && !ret; k++)
		if ((*k)->task && (*k)->task->check)
			ret = (*k)->task->check(r, t);
	return ret ? fail_in(err, "task %d", t->tid) : 0;
}

/* Numbers ascending, the first owner noted: the process that comes first in the tree. */
static int check_fds(struct restore *r, struct new_process *p, rlim_t limit, struct error *err)
{
	for (size_t i = 0; i < p->n_fds; i++) {
		struct new_fd *fd = &p->fds[i];

		fd->file = restore_file(r, fd->entry->id);
		if (!fd->file)
			return fail(err, 0, "descriptor %u: files.img has no file %u", fd->number,
				    fd->entry->id);
		if (fd->entry->type != fd->file->entry->type)
			return fail(err, 0,
				    "descriptor %u: its type is %d, but that of file %u is %d",
				    fd->number, (int)fd->entry->type, fd->file->id,
				    (int)fd->file->entry->type);
		if (i && fd->number == fd[-1].number)
			return fail(err, 0, "descriptor %u is there twice", fd->number);
		if (fd->number >= limit) {
			fail(err, 0, "descriptor %u is beyond the limit of open files here, %llu",
			     fd->number, (unsigned long long)limit);
			return fail_hint(err, "raise it: ulimit -n");
		}
		if (!fd->file->process) {
			fd->file->process = p;
			fd->file->number = fd->number;
		}
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct new_fd *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* The tree inherits the limit of this process until it gets its own: as much as may be. */
static rlim_t raise_nofile(void)
{
	struct rlimit limit = {0};

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_max;
}

static int check_process(struct restore *r, struct new_process *p, rlim_t limit, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < p->n_tasks && !ret; i++)
		ret = check_task(r, &p->tasks[i], err);
	if (ret || p->is_zombie)
		return ret;
	if (p->n_fds)
		qsort(p->fds, p->n_fds, sizeof(*p->fds), by_number);
	ret = check_fds(r, p, limit, err) ?: check_memory(r, p, err);
	if (!ret && !restore_file(r, p->mm->exe_file_id))
		ret = fail(err, 0, "files.img has no file %u, its executable", p->mm->exe_file_id);
	if (!ret && (!restore_file(r, p->fs->cwd_id) || !restore_file(r, p->fs->root_id)))
		ret = fail(err, 0, "files.img lacks its working or root directory (%u, %u)",
			   p->fs->cwd_id, p->fs->root_id);
	return ret ? fail_in(err, "process %d", p->pid) : 0;
}

static int adopt_files(struct restore *r, struct error *err)
{
	int ret = 0;

	for (const struct kind *const *k = kinds; *k && !ret; k++)
		if ((*k)->file && (*k)->file->adopt)
			ret = (*k)->file->adopt(r);
	return ret;
}

/*
 * All entries of files.img that are of a known kind, also those that no task has: others lead to
 * them. An unknown one matters if a task has it.
 */
static int check_files(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct new_file *f = r->files[i];

		f->kind = kind_of_type((int)f->entry->type);
		if (!f->kind && f->process)
			return fail(err, 0,
				    "process %d: descriptor %u: files of type %d cannot be "
				    "restored yet",
				    f->process->pid, f->number, (int)f->entry->type);
		if (!f->kind || !f->kind->file->check || !f->kind->file->check(r, f))
			continue;
		return f->process ? fail_in(err, "process %d: descriptor %u", f->process->pid,
					    f->number)
				  : fail_in(err, "files.img: file %u", f->id);
	}
	return 0;
}

/* What only a descriptor can be: not the path of a program, a directory or a mapped file. */
static bool is_description(const FileEntry *entry)
{
	if (entry->type == FD_TYPES__REG)
		return entry->reg && entry->reg->flags;
	return entry->type != FD_TYPES__MEMFD && entry->type != FD_TYPES__EXT;
}

/* No image of descriptors is right for a process without any, and wrong if files are left over. */
static int check_fdinfo(struct restore *r, struct error *err)
{
	const struct new_process *bare = NULL;

	for (size_t i = 0; i < r->n_processes; i++) {
		const struct new_process *p = r->processes[i];

		if (!p->is_zombie && !p->files_of && !p->has_fdinfo)
			bare = p;
	}
	for (size_t i = 0; bare && i < r->n_files; i++)
		if (!r->files[i]->process && is_description(r->files[i]->entry))
			return fail(err, 0, "fdinfo-%u.img is missing: nobody has the file %u",
				    bare->ids->files_id, r->files[i]->id);
	return 0;
}

/* The name of a task, "?" if it has none, and whether it has ended and waits to be reaped. */
static void describe_pid(pid_t pid, char name[static 64], bool *ret_ended)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;
	char state = '?';

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%*d (%63[^)]) %c", name, &state) < 1)
		strcpy(name, "?");
	*ret_ended = state == 'Z' || state == 'X';
}

static int check_pid(pid_t pid, long long patience_end, struct error *err)
{
	char name[64];
	bool ended;

	while (!kill(pid, 0) || errno == EPERM) {
		describe_pid(pid, name, &ended);
		if (ended && clock_ns() < patience_end) {
			usleep(1000);
			continue;
		}
		fail(err, 0, "pid %d is taken by `%s'", pid, name);
		return fail_hint(err, ended ? "wait until its parent has reaped it"
					    : "end it first, or restore where the pid is free");
	}
	return 0;
}

static int check_pids(struct restore *r, struct error *err)
{
	long long patience_end = clock_ns() + REAP_PATIENCE_NS;
	int ret = 0;

	for (size_t i = 0; i < r->n_processes; i++)
		for (size_t j = 0; j < r->processes[i]->n_tasks && !ret; j++)
			ret = check_pid(r->processes[i]->tasks[j].tid, patience_end, err);
	return ret;
}

/* Cgroups are neither made nor joined yet: all stay where this process is. */
static void warn_of_cgroups(const struct restore *r)
{
	for (size_t i = 0; i < r->n_processes; i++) {
		const struct new_process *p = r->processes[i];
		const ThreadCoreEntry *thread = p->tasks[0].core->thread_core;

		if (thread && thread->has_cg_set && r->inventory->has_root_cg_set &&
		    thread->cg_set != r->inventory->root_cg_set) {
			log_warn(r->log,
				 "process %d was in another cgroup, and comes into this one; "
				 "ignoring",
				 p->pid);
			return;
		}
	}
}

int restore_validate(void *restore, struct error *err)
{
	struct restore *r = restore;
	rlim_t limit = raise_nofile();
	int ret = cpucap_check(r->dir, r->opt->cpu_cap, err) ?: check_namespaces(r, err);

	ret = ret ?: restore_check_estate(r, err);
	for (size_t i = 0; i < r->n_processes && !ret; i++)
		ret = check_process(r, r->processes[i], limit, err);
	ret = ret ?: adopt_files(r, err);
	if (!ret)
		external_assign(r);
	ret = ret ?: check_files(r, err) ?: check_fdinfo(r, err) ?: check_rest(r, err) ?:
	      check_pids(r, err);
	if (!ret)
		warn_of_cgroups(r);
	return ret;
}
