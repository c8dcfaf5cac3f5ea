// SPDX-License-Identifier: GPL-2.0-only
/* Which records belong to which tree, and who may see them. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "caps.h"
#include "lib/err.h"
#include "options.h"
#include "scan/scan.h"

#define KERNEL_THREAD 0x00200000	/* PF_KTHREAD */
#define DUMPABLE_USER 1			/* SUID_DUMP_USER */

/* Whom a record speaks of; 0: a part, which belongs to the record after it. */
static pid_t record_tgid(const struct record_head *rec)
{
	switch (rec->type) {
	case RECORD_TASK:
		return ((const struct task_record *)rec)->tgid.host;
	case RECORD_PROCESS:
		return ((const struct process_record *)rec)->pid.host;
	case RECORD_VMA:
		return (pid_t)((const struct vma_record *)rec)->tgid;
	case RECORD_FILE:
		return (pid_t)((const struct file_record *)rec)->tgid;
	case RECORD_VMA_TWIN:
		return (pid_t)((const struct vma_twin *)rec)->tgid;
	case RECORD_FILE_TWIN:
		return (pid_t)((const struct file_twin *)rec)->tgid;
	default:
		return 0;
	}
}

/*
 * BPF shows every process to whoever may load programs. We show only what
 * PTRACE_MODE_READ would (ptrace(2), "Ptrace access mode checking").
 */
static bool may_see(const struct record_creds *creds, int dumpable)
{
	uid_t uid = (uid_t)setfsuid((uid_t)-1);
	gid_t gid = (gid_t)setfsgid((gid_t)-1);

	return creds->uid == uid && creds->euid == uid && creds->suid == uid && creds->gid == gid &&
	       creds->egid == gid && creds->sgid == gid && dumpable == DUMPABLE_USER;
}

static struct scan_member *find(const struct scan_members *members, pid_t pid)
{
	uint32_t position = ids_get(&members->index, (uint64_t)pid);

	return position ? &members->list[position - 1] : NULL;
}

int scan_members_add(struct scan_members *members, pid_t pid, pid_t parent)
{
	struct scan_member *member = array_add(members->list, members->n);

	if (!member)
		return -ENOMEM;
	*member = (struct scan_member){ .pid = pid, .parent = parent };
	return ids_set(&members->index, (uint64_t)pid, (uint32_t)members->n);
}

void scan_members_deinit(struct scan_members *members)
{
	free(members->list);
	ids_deinit(&members->index);
	*members = (struct scan_members){ 0 };
}

static int list_members(const struct scan_records *records, struct scan_members *members)
{
	for (size_t i = 0; i < records->n; i++) {
		const struct process_record *rec = (const void *)records->list[i];

		if (rec->head.type != RECORD_PROCESS || find(members, rec->pid.host))
			continue;
		if (scan_members_add(members, rec->pid.host, rec->parent.host))
			return -ENOMEM;
	}
	return 0;
}

/* A second look at the records: what stands in those of tasks. */
static void mark_members(const struct scan_records *records, struct scan_members *members)
{
	const bool sees_all = caps_have(CAP_SYS_PTRACE);

	for (size_t i = 0; i < records->n; i++) {
		const struct process_record *process = (const void *)records->list[i];
		const struct task_record *task = (const void *)records->list[i];
		struct scan_member *member = find(members, record_tgid(records->list[i]));

		if (!member)
			continue;
		if (process->head.type == RECORD_TASK) {
			member->is_kernel_thread |= !!(task->flags & KERNEL_THREAD);
			member->is_hidden |= !sees_all && !may_see(&task->creds, DUMPABLE_USER);
		} else if (process->head.type == RECORD_PROCESS) {
			member->is_hidden |= !sees_all && process->mm && process->dumpable != DUMPABLE_USER;
		}
	}
}

static bool is_asked_for(const struct pids *roots, pid_t pid)
{
	for (size_t i = 0; i < roots->n; i++)
		if (roots->pid[i] == pid)
			return true;
	return false;
}

/* A tree ends where the first process, the kernel, or what the caller may not see begins. */
static bool is_top(const struct scan_member *parent, const struct scan_member *member)
{
	return !parent || parent->is_kernel_thread || parent->is_hidden || member->parent == 1;
}

/* The root of the tree that @member belongs to; NULL if it belongs to none that was asked for. */
static const struct scan_member *find_root(const struct scan_members *members,
					   const struct pids *roots,
					   const struct scan_member *member)
{
	for (size_t steps = 0; member && steps <= members->n; steps++) {
		const struct scan_member *parent = find(members, member->parent);

		if (roots->n ? is_asked_for(roots, member->pid) : is_top(parent, member))
			return member;
		member = parent;
	}
	return NULL;
}

static int add_to_tree(struct scan *scan, const struct scan_member *root,
		       const struct scan_member *member)
{
	uint32_t position = ids_get(&scan->tree_of, (uint64_t)root->pid);
	struct scan_tree *tree;

	if (!position) {
		tree = array_add(scan->trees, scan->n_trees);
		if (!tree)
			return -ENOMEM;
		tree->root = root->pid;
		position = (uint32_t)scan->n_trees;
		if (ids_set(&scan->tree_of, (uint64_t)root->pid, position))
			return -ENOMEM;
	}
	if (pids_add(&scan->trees[position - 1].pids, member->pid))
		return -ENOMEM;
	return ids_set(&scan->tree_of, (uint64_t)member->pid, position);
}

/* What was asked for is a tree, or an error: nothing is not clean. */
static int check_roots(struct scan *scan, const struct scan_members *members,
		       const struct pids *roots, struct error *err)
{
	for (size_t i = 0; i < roots->n; i++) {
		const struct scan_member *member = find(members, roots->pid[i]);

		if (!member && kill(roots->pid[i], 0) && errno == ESRCH)
			return fail(err, ESRCH, "process %d", roots->pid[i]);
		if (!member)
			return scan_not_shown(scan, roots->pid[i], err);
		if (member->is_kernel_thread)
			return fail(err, 0, "process %d: is a kernel thread", roots->pid[i]);
		if (!ids_get(&scan->tree_of, (uint64_t)roots->pid[i]))
			return fail(err, 0, "process %d: is this crbpf", roots->pid[i]);
	}
	return 0;
}

int scan_share_out(struct scan *scan, const struct scan_members *members, const struct pids *roots,
		   struct error *err)
{
	const pid_t self = getpid();

	for (size_t i = 0; i < members->n; i++) {
		const struct scan_member *member = &members->list[i];
		const struct scan_member *root = find_root(members, roots, member);

		/* The first process is no tree to be saved unless asked for; this one is none. */
		if (!root || member->is_kernel_thread || (root->pid == 1 && !roots->n) ||
		    member->pid == self)
			continue;
		if (member->is_hidden && roots->n) {
			fail(err, EPERM, "process %d is not yours to look into", member->pid);
			return fail_hint(err, "run as root");
		}
		scan->n_hidden += member->is_hidden;
		if (!member->is_hidden && add_to_tree(scan, root, member))
			return fail(err, ENOMEM, "cannot list the trees");
	}
	return 0;
}

/* What processes may have in common, and each shows while they run; 0: nothing. */
static uint64_t record_object(const struct record_head *rec)
{
	switch (rec->type) {
	case RECORD_VMA:
	case RECORD_VMA_TWIN:
		return rec->owner;
	case RECORD_FILE:
		return ((const struct file_record *)rec)->files;
	case RECORD_FILE_TWIN:
		return ((const struct file_twin *)rec)->files;
	default:
		return 0;
	}
}

/* Has another process of the tree shown it? Returns 1, 0 or -ENOMEM. */
static int is_shown(struct scan_tree *tree, uint64_t object, pid_t tgid)
{
	uint32_t first = ids_get(&tree->shown, object);

	if (!first)
		return ids_set(&tree->shown, object, (uint32_t)tgid);
	return first != (uint32_t)tgid;
}

/* Each record to its tree. Parts come before their owner, so they wait for it. */
static int share_records(struct scan *scan, struct error *err)
{
	const struct scan_records *records = &scan->records;
	size_t first_part = 0;
	uint64_t object = 0;
	uint32_t position = 0;
	pid_t last = 0;
	int ret = 0, shown = 0;

	for (size_t i = 0; i < records->n && !ret; i++) {
		pid_t tgid = record_tgid(records->list[i]);
		uint64_t now = record_object(records->list[i]);

		if (!tgid)
			continue;
		/* What belongs together comes together. */
		if (tgid != last)
			position = ids_get(&scan->tree_of, (uint64_t)tgid);
		if (position && (tgid != last || now != object))
			shown = now ? is_shown(&scan->trees[position - 1], now, tgid) : 0;
		last = tgid;
		object = now;
		ret = shown < 0 ? shown : 0;
		for (size_t k = first_part; position && !shown && k <= i && !ret; k++)
			ret = snapshot_add(&scan->trees[position - 1].snap, records->list[k]);
		first_part = i + 1;
	}
	return ret ? fail(err, ret, "cannot take in what the kernel says") : 0;
}

int scan_find_trees(struct scan *scan, const struct pids *roots, struct error *err)
{
	struct scan_members members = { 0 };
	int ret = list_members(&scan->records, &members);

	if (ret)
		fail(err, ret, "cannot list the processes");
	else
		mark_members(&scan->records, &members);
	if (!ret)
		ret = scan_share_out(scan, &members, roots, err);
	ret = ret ?: check_roots(scan, &members, roots, err);
	scan_members_deinit(&members);
	for (size_t i = 0; i < scan->n_trees && !ret; i++) {
		ret = snapshot_init(&scan->trees[i].snap, err);
		scan->trees[i].snap.borrows = true;
		scan->trees[i].snap.shapes = &scan->records.shapes;
	}
	return ret ?: share_records(scan, err);
}
