// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "cgroup.pb-c.h"
#include "cmd/verify.h"
#include "core.pb-c.h"
#include "fdinfo.pb-c.h"
#include "fs.pb-c.h"
#include "inventory.pb-c.h"
#include "lib/err.h"
#include "pstree.pb-c.h"
#include "seccomp.pb-c.h"

enum { TASK_ALIVE = 1, TASK_ZOMBIE = 2, TASK_STOPPED = 3 };

/* Signals 1 to 64 but SIGKILL and SIGSTOP. */
#define N_SIGACTIONS 62

/* What cores refer to. */
struct tables {
	size_t n_filters;
	struct ids cgroup_sets;
	int machine; /* of the first live core; -1 before */
};

static bool is_zombie(const struct set_process *p)
{
	return p->cores[0] && p->cores[0]->tc && p->cores[0]->tc->task_state == TASK_ZOMBIE;
}

static bool has_registers(const CoreEntry *core)
{
	switch (core->mtype) {
	case CORE_ENTRY__MARCH__X86_64:
		return core->thread_info;
	case CORE_ENTRY__MARCH__AARCH64:
		return core->ti_aarch64;
	default:
		return true; /* in a field that we do not know */
	}
}

static void check_cgroup_set(struct verify *v, struct tables *t, __u32 tid, bool has, __u32 set)
{
	const InventoryEntry *inventory = v->set.inventory;

	if (!has || !set ||
	    (inventory && inventory->has_root_cg_set && inventory->root_cg_set == set))
		return;
	if (!ids_get(&t->cgroup_sets, set))
		verify_problem(v, "core-%u.img: cgroup set %u is not in cgroup.img", tid, set);
}

static void check_thread(struct verify *v, struct tables *t, __u32 tid, const CoreEntry *core)
{
	const ThreadCoreEntry *thread = core->thread_core;

	if (t->machine >= 0 && (int)core->mtype != t->machine)
		verify_problem(v, "core-%u.img is of another machine than the rest", tid);
	t->machine = (int)core->mtype;
	if (!has_registers(core))
		verify_problem(v, "core-%u.img has no registers", tid);
	if (!thread) {
		verify_problem(v, "core-%u.img has no thread_core", tid);
		return;
	}
	if (!thread->creds)
		verify_problem(v, "core-%u.img has no credentials", tid);
	if (thread->seccomp_mode == SECCOMP_MODE__filter && thread->has_seccomp_filter &&
	    thread->seccomp_filter >= t->n_filters)
		verify_problem(v, "core-%u.img: seccomp filter %u is not in seccomp.img", tid,
			       thread->seccomp_filter);
	check_cgroup_set(v, t, tid, thread->has_cg_set, thread->cg_set);
}

static void check_leader(struct verify *v, struct tables *t, __u32 pid, const TaskCoreEntry *tc)
{
	if (tc->task_state < TASK_ALIVE || tc->task_state > TASK_STOPPED)
		verify_problem(v, "core-%u.img: there is no state %u", pid, tc->task_state);
	if (tc->task_state == TASK_ZOMBIE)
		return;
	if (!tc->timers || !tc->rlimits)
		verify_problem(v, "core-%u.img has no %s", pid, tc->timers ? "limits" : "timers");
	if (tc->n_sigactions != N_SIGACTIONS)
		verify_problem(v, "core-%u.img has %zu signal actions, not %d", pid,
			       tc->n_sigactions, N_SIGACTIONS);
	check_cgroup_set(v, t, pid, tc->has_cg_set, tc->cg_set);
}

static void check_fs(struct verify *v, const struct set_process *p)
{
	const __u32 ids[] = {p->fs->cwd_id, p->fs->root_id};

	for (int i = 0; i < 2; i++) {
		const FileEntry *file = image_set_file(&v->set, ids[i]);

		if (!file || file->type != FD_TYPES__REG)
			verify_problem(v,
				       "fs-%u.img: its %s directory, file %u, is not in files.img",
				       p->pstree->pid, i ? "root" : "working", ids[i]);
	}
}

static void check_process(struct verify *v, struct tables *t, const struct set_process *p)
{
	__u32 pid = p->pstree->pid;
	__u32 tid;

	for (size_t i = 0; i < (p->pstree->n_threads ?: 1); i++) {
		tid = i ? p->pstree->threads[i] : pid;
		if (!p->cores[i])
			verify_problem(v, "core-%u.img is missing", tid);
		else if (!is_zombie(p))
			check_thread(v, t, tid, p->cores[i]);
		if (i && p->cores[i] && p->cores[i]->tc)
			verify_problem(v, "core-%u.img has a process's part, and is a thread's",
				       tid);
	}
	if (p->cores[0] && !p->cores[0]->tc)
		verify_problem(v, "core-%u.img has no process's part", pid);
	else if (p->cores[0])
		check_leader(v, t, pid, p->cores[0]->tc);
	if (is_zombie(p) || !p->cores[0])
		return;
	if (!p->pstree->n_threads || p->pstree->threads[0] != pid)
		verify_problem(v, "pstree.img: the first thread of process %u is not %u", pid, pid);
	if (!p->ids)
		verify_problem(v, "ids-%u.img is missing", pid);
	if (!p->mm)
		verify_problem(v, "mm-%u.img is missing", pid);
	if (p->fs)
		check_fs(v, p);
	else
		verify_problem(v, "fs-%u.img is missing", pid);
}

/* Parents stand before their children, and there is one root. */
static int check_tree(struct verify *v, struct error *err)
{
	size_t n_roots = 0;

	for (size_t i = 0; i < v->set.n_processes; i++) {
		const PstreeEntry *e = v->set.processes[i].pstree;

		if (!e->ppid)
			n_roots++;
		else if (!ids_get(&v->pids, e->ppid))
			verify_problem(v,
				       "pstree.img: the parent %u of process %u is not before it",
				       e->ppid, e->pid);
		if (ids_get(&v->pids, e->pid))
			verify_problem(v, "pstree.img: process %u is there twice", e->pid);
		if (ids_set(&v->pids, e->pid, 1))
			return fail(err, ENOMEM, "cannot check the tree");
	}
	if (n_roots != 1)
		verify_problem(v, "pstree.img has %zu roots, not one", n_roots);
	return 0;
}

static int load_tables(struct verify *v, struct tables *t, struct error *err)
{
	struct image_entries seccomp = verify_load(v, IMAGE_SECCOMP, 0);
	struct image_entries cgroup = verify_load(v, IMAGE_CGROUP, 0);
	const SeccompEntry *filters = seccomp.n ? (const void *)seccomp.msgs[0] : NULL;
	const CgroupEntry *sets = cgroup.n ? (const void *)cgroup.msgs[0] : NULL;
	int ret = 0;

	t->n_filters = filters ? filters->n_seccomp_filters : 0;
	for (size_t i = 0; i < t->n_filters; i++) {
		const SeccompFilter *filter = filters->seccomp_filters[i];

		if (filter->has_prev && filter->prev >= t->n_filters)
			verify_problem(v, "seccomp.img: filter %zu follows %u, which is not there",
				       i, filter->prev);
		if (filter->filter.len % 8 || !filter->filter.len)
			verify_problem(v, "seccomp.img: filter %zu has %zu bytes", i,
				       filter->filter.len);
	}
	for (size_t i = 0; sets && i < sets->n_sets && !ret; i++)
		if (ids_set(&t->cgroup_sets, sets->sets[i]->id, 1))
			ret = fail(err, ENOMEM, "cannot check the cgroups");
	image_entries_deinit(&seccomp);
	image_entries_deinit(&cgroup);
	return ret;
}

/* The image of a namespace that the tree does not share with whoever dumped it. */
static void check_namespace(struct verify *v, enum image_type type, __u32 id, __u32 outside)
{
	char name[IMAGE_NAME_MAX];

	if (!id || id == outside)
		return;
	image_name(name, type, id);
	if (faccessat(image_dir_fd(v->dir), name, F_OK, 0))
		verify_problem(v, "%s of a namespace of the tree is missing", name);
}

static void check_namespaces(struct verify *v)
{
	const TaskKobjIdsEntry *out = v->set.inventory ? v->set.inventory->root_ids : NULL;
	const TaskKobjIdsEntry *in = v->set.processes[0].ids;

	if (!v->set.inventory || !in)
		return;
	if (!out) {
		verify_problem(v, "inventory.img has no root_ids");
		return;
	}
	check_namespace(v, IMAGE_UTSNS, in->uts_ns_id, out->uts_ns_id);
	check_namespace(v, IMAGE_IPCNS_VAR, in->ipc_ns_id, out->ipc_ns_id);
	check_namespace(v, IMAGE_MOUNTPOINTS, in->mnt_ns_id, out->mnt_ns_id);
	check_namespace(v, IMAGE_NETNS, in->net_ns_id, out->net_ns_id);
	check_namespace(v, IMAGE_USERNS, in->user_ns_id, out->user_ns_id);
	check_namespace(v, IMAGE_TIMENS, in->time_ns_id, out->time_ns_id);
}

int verify_tasks(struct verify *v, struct error *err)
{
	struct tables t = {.machine = -1};
	int ret;

	ret = check_tree(v, err);
	if (!ret)
		ret = load_tables(v, &t, err);
	if (!ret) {
		check_namespaces(v);
		for (size_t i = 0; i < v->set.n_processes; i++)
			check_process(v, &t, &v->set.processes[i]);
	}
	ids_deinit(&t.cgroup_sets);
	return ret;
}
