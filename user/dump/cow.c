// SPDX-License-Identifier: GPL-2.0-only
#include "dump/cow.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "arch/arch.h"
#include "collect/collector.h"
#include "dump/dump.h"
#include "dump/freezer.h"
#include "dump/interrupted.h"
#include "dump/pages.h"
#include "dump/waits.h"
#include "lib/clock.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"
#include "regfile.h"
#include "vmaflags.h"

/* Less is copied sooner than cloned and reaped. */
#define WORTH_BYTES (4ull << 20)
/* What of a clone's memory is copied beforehand goes into ours. */
#define SAVED_MAX    (64ull << 20)
#define OOM_FIRST    "1000"
#define REAP_SECONDS 1 /* for one attempt to stop the tree again */

struct cow {
	struct cow_guard *guard;
	struct cow_clones *clones;                /* the guard's */
	struct saved_pages saved[COW_CLONES_MAX]; /* what each has not got */
	struct cow_plan plan;
	bool is_told;                             /* why somebody could not be cloned */
};

static uint64_t worth(const struct dump *d)
{
	return d->opt->snapshot == SNAPSHOT_ALWAYS ? 0 : WORTH_BYTES;
}

int cow_prepare(struct dump *d, struct error *err)
{
	struct cow *cow;
	int ret;

	if (!d->opt->leave_running || d->opt->snapshot == SNAPSHOT_NEVER)
		return 0;
	cow = d->cow = calloc(1, sizeof(*d->cow));
	if (!cow || cow_plan(&cow->plan, d->opt->pid, worth(d)))
		return fail(err, ENOMEM, "cannot prepare a snapshot");
	if (!cow->plan.n_worthy) {
		cow_deinit(d);
		return 0;
	}
	ret = cow_guard_create(&cow->guard, d->opt->pid, err);
	if (!ret)
		cow->clones = cow_guard_clones(cow->guard);
	return ret;
}

static size_t count_clones(const struct dump *d)
{
	size_t n = 0;

	for (size_t i = 0; d->cow && d->cow->clones && i < d->cow->clones->n; i++)
		n += d->cow->clones->list[i].child != 0;
	return n;
}

void cow_deinit(struct dump *d)
{
	struct cow *cow = d->cow;

	if (!cow)
		return;
	for (size_t i = 0; cow->clones && i < cow->clones->n; i++)
		saved_pages_deinit(&cow->saved[i]);
	cow_guard_destroy(cow->guard, !count_clones(d));
	cow_plan_deinit(&cow->plan);
	free(cow);
	d->cow = NULL;
}

pid_t cow_child(const struct dump *d, const struct process *p, const struct saved_pages **ret_saved)
{
	const struct cow *cow = d->cow;

	for (size_t i = 0; cow && i < cow->clones->n; i++) {
		if (cow->clones->list[i].pid != p->pid || !cow->clones->list[i].child)
			continue;
		*ret_saved = &cow->saved[i];
		return cow->clones->list[i].child;
	}
	return 0;
}

/* --- who can be cloned ----------------------------------------------------- */

/* Why not? NULL: nothing speaks against it so far. */
static const char *obstacle(const struct process *p)
{
	for (size_t i = 0; i < p->mm->n_vmas; i++)
		if (p->mm->vmas[i].rec->uffd)
			return "a userfaultfd is registered in it";
	if (p->rec->stop_signal)
		return "it is stopped";
	for (size_t i = 0; i < p->n_tasks; i++) {
		const struct task_record *rec = p->tasks[i].rec;

		if (rec->arch_flags & RECORD_TASK_COMPAT)
			return "it runs 32-bit code";
		if (i == 0 && rec->syscall_user_dispatch)
			return "its system calls are dispatched to itself";
		if (i == 0 && rec->pid_ns_children && rec->pid_ns_children != rec->pid_ns)
			return "its children belong to another pid namespace";
	}
	return NULL;
}

/* For the one that is told: the user may want to know why the program stood still for so long. */
static void tell(struct dump *d, const struct process *p, const char *why)
{
	if (d->cow->is_told)
		log_debug(d->log, "process %d: is copied while it stands still: %s", p->pid, why);
	else
		log_warn(d->log, "process %d: is copied while it stands still: %s", p->pid, why);
	d->cow->is_told = true;
}

/* Where it can grow, and is open to whoever has rights to no protection key; 0: nowhere. */
static __u64 stack_of(const struct process *p)
{
	for (size_t i = 0; i < p->mm->n_vmas; i++) {
		const struct vma *v = &p->mm->vmas[i];
		bool is_open = v->rec->flags & VMF_GROWSDOWN && !arch_vma_key(v->rec->prot);

		if (v->start <= p->rec->start_stack && p->rec->start_stack < v->end)
			return is_open ? v->start : 0;
	}
	return 0;
}

static int clone_guest(struct guest *g, const struct process *p, struct cow_clone *clone,
		       struct error *err)
{
	__u64 stack = stack_of(p);
	int ret;

	if (!cow_find_gadgets(g))
		return fail(err, 0, "its program has not the instructions for it");
	if (!stack)
		return fail(err, 0, "it has no stack that grows, or one with a protection key");
	ret = guest_settle(g, stack, err);
	if (ret)
		return ret;
	if (p->tasks->rec->seccomp_mode && !cow_filter_allows(g))
		return fail(err, 0, "its seccomp filter is in the way");
	clone->place = g->place;
	ret = guest_clone(g, &clone->child, &clone->vchild, err);
	return guest_leave(g, err) ?: ret;
}

static void prefer_for_killing(pid_t child)
{
	char path[48];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", child);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, OOM_FIRST, strlen(OOM_FIRST));
	close(fd);
}

/* Returns 0, or -errno with the reason: then it is copied. */
static int clone_process(struct dump *d, const struct process *p, struct error *err)
{
	struct cow_clones *clones = d->cow->clones;
	struct cow_clone *clone = &clones->list[clones->n];
	struct saved_pages *saved = &d->cow->saved[clones->n];
	const struct cow_candidate *c = cow_candidate(&d->cow->plan, p->pid);
	struct guest g;
	int ret;

	ret = saved_pages_read(saved, p, SAVED_MAX, err);
	if (ret)
		return ret;
	*clone = (struct cow_clone){.pid = p->pid};
	/* from here on the guard looks at it */
	clones->n++;
	ret = guest_open(&g, p->pid, p->tasks->tid, call_was_interrupted, err);
	if (c)
		g.place.gadgets = c->gadgets;
	ret = ret ?: clone_guest(&g, p, clone, err);
	guest_close(&g);
	if (g.is_held)
		freezer_set_repeated(d->freezer, g.tid);
	return ret;
}

/* How much it has to itself: what it had shortly before, if that is known. */
static uint64_t bytes_of(const struct dump *d, const struct process *p)
{
	const struct cow_candidate *c = cow_candidate(&d->cow->plan, p->pid);

	return c ? c->bytes : cow_private_bytes(p->pid);
}

static int clone_tree(struct dump *d, struct error *err)
{
	struct cow *cow = d->cow;

	for (size_t i = 0; i < d->snap.n_processes && cow->clones->n < COW_CLONES_MAX; i++) {
		const struct process *p = d->snap.processes[i];
		struct error why = {0};
		const char *text;
		int ret;

		if (!p->mm || bytes_of(d, p) < worth(d))
			continue;
		/* of the whole tree: it may all be in one group */
		text = obstacle(p) ?: cow_has_no_room(&cow->plan.room, p->pid, cow->plan.bytes);
		if (text) {
			tell(d, p, text);
			continue;
		}
		ret = clone_process(d, p, &why);
		if (ret)
			tell(d, p, why.text ?: "no memory");
		error_deinit(&why);
		/* one that is neither here nor there must not be described as it is not */
		if (ret == -ESRCH || ret == -ETIMEDOUT)
			return fail(err, ret, "process %d: cannot clone it", p->pid);
	}
	return 0;
}

/* --- the clones, while the tree runs --------------------------------------- */

/*
 * A clone keeps nobody waiting for the other end of a descriptor, gets no signal that is meant
 * for the program's group, and maps no memory that others may want to seal.
 */
static void isolate(struct dump *d, const struct process *p, const struct cow_clone *clone)
{
	const __u64 files[6] = {0, UINT_MAX, GUEST_CLOSE_FLAGS};
	const __u64 none[6] = {0};
	struct error err = {0};
	long result = 0;
	int ret;

	ret = guest_child_call(clone->child, &clone->place, SYS_close_range, files, &result, &err);
	if (!ret)
		ret = guest_child_call(clone->child, &clone->place, SYS_setsid, none, &result,
				       &err);
	for (size_t i = 0; i < p->mm->n_vmas && !ret; i++) {
		const struct vma *v = &p->mm->vmas[i];
		const __u64 args[6] = {v->start, v->end - v->start};

		if (v->rec->flags & VMF_MAYSHARE && v->rec->flags & VMF_WRITE)
			ret = guest_child_call(clone->child, &clone->place, SYS_munmap, args,
					       &result, &err);
	}
	if (ret)
		log_warn(d->log, "clone %d: %s; ignoring", clone->child, err.text ?: "no memory");
	error_deinit(&err);
}

static void isolate_all(struct dump *d)
{
	const struct cow_clones *clones = d->cow->clones;

	for (size_t i = 0; i < clones->n; i++) {
		const struct cow_clone *clone = &clones->list[i];

		if (!clone->child)
			continue;
		prefer_for_killing(clone->child);
		isolate(d, snapshot_process(&d->snap, clone->pid), clone);
	}
}

int dump_snapshot(void *dump, struct error *err)
{
	struct dump *d = dump;
	long long start = clock_ns();
	int ret;

	if (!d->cow)
		return 0;
	ret = clone_tree(d, err);
	if (ret || !count_clones(d))
		return ret;
	log_info(d->log, "%zu processes were cloned in %.3f ms", count_clones(d),
		 (double)(clock_ns() - start) / 1e6);
	/* what no clone has: as it is at this moment, too */
	ret = page_pump_run(d->pump, d, PUMP_STOPPED, err);
	if (ret)
		return ret;
	/* who goes on must not find that its files have another name now */
	regfile_discard(d);
	dump_go_on(d, THAW_RUN, err);
	isolate_all(d);
	return err->code;
}

static long long deadline_of(void *dump, pid_t tid)
{
	return waits_deadline(dump, tid);
}

static int tell_first(void *freezer, const struct record_head *head)
{
	const struct task_record *rec = (const struct task_record *)head;

	if (head->type == RECORD_TASK && rec->marks.has_first_argument)
		freezer_tell_first(freezer, rec->pid.host, rec->marks.first_argument);
	return 0;
}

/* First arguments of interrupted calls, where the kernel's records have them (ARM64). */
static void learn_first(void *dump, struct freezer *f)
{
	struct dump *d = dump;
	struct error err = {0};
	const pid_t *pids;
	size_t n = freezer_pids(f, &pids);

	if (!d->snap.n_tasks || !d->snap.tasks[0].rec->marks.has_first_argument)
		return;
	collector_set_flags(d->collector, COLLECT_RUNNING | COLLECT_NO_PARTS | COLLECT_NO_PATHS |
						  COLLECT_NO_DETAILS);
	if (collector_run(d->collector, pids, n, tell_first, f, &err))
		log_debug(d->log, "arguments of calls: %s", err.text ?: "not known");
	collector_set_flags(d->collector, 0);
	error_deinit(&err);
}

/* The kernel may have made room by killing somebody, and clones come first. */
static void explain_death(const struct dump *d, struct error *err)
{
	const struct cow_clones *clones = d->cow->clones;

	for (size_t i = 0; i < clones->n; i++) {
		char state = clones->list[i].child ? cow_state(&clones->list[i]) : 0;

		/* alive they stand still for us */
		if (state && state != 't')
			fail_hint(err,
				  "the clone of process %d was killed, maybe for want of memory: "
				  "--snapshot never",
				  clones->list[i].pid);
	}
}

void dump_unsnapshot(void *dump, bool failed, struct error *err)
{
	struct dump *d = dump;
	const struct cow_waits waits = {deadline_of, learn_first, d};
	struct error why = {0};

	if (!count_clones(d))
		return;
	if (failed)
		explain_death(d, err);
	/* a failure between clone and thaw */
	dump_go_on(d, THAW_RUN, err);
	cow_kill(d->cow->clones);
	waits_deinit(d);
	waits_note(d);
	if (cow_reap(d->cow->clones, d->opt->pid, true, REAP_SECONDS, &waits, d->log, &why))
		log_warn(d->log, "a clone could not be taken away yet, a process goes on trying: %s; ignoring",
			 why.text ?: "no memory");
	error_deinit(&why);
}
