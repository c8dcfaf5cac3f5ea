// SPDX-License-Identifier: GPL-2.0-only
/*
 * Seccomp. Each thread has a chain of filters, oldest first; the image holds those of the
 * whole tree as one table, in CRIU's order: a thread names its oldest filter, and what a filter
 * calls `prev` is the one that was put on it next. If all threads of a process
 * have the same chain, they share it: it is installed by the leader with TSYNC, for a later
 * TSYNC of the program would fail with equal copies.
 *
 * On restore a filter would judge our own calls. It is installed while the thread still
 * has its privileges, with seccomp suspended by ptrace until we let go of the thread.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caps.h"
#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "judge.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "restore/restore.h"
#include "seccomp.pb-c.h"

#ifndef PTRACE_SECCOMP_GET_METADATA
#define PTRACE_SECCOMP_GET_METADATA 0x420d
#endif
struct metadata { /* linux/ptrace.h collides with sys/ptrace.h */
	__u64 filter_off, flags;
};

/* What of the flags of an image the call takes; NEW_LISTENER would make a descriptor. */
#define INSTALL_FLAGS                                                                              \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW)
#define CHAIN_MAX                                                                                  \
	4096 /* filters over each other: the kernel's limit of 32768 instructions is met before */

/* --- reading a filter ------------------------------------------------------ */

/*
 * Instructions of filter @index (0: the oldest) of a thread in a ptrace stop. *@ret is the
 * caller's. Returns their number, 0 if there is no such filter, or -errno.
 */
static int read_filter(pid_t tid, unsigned long index, struct sock_filter **ret)
{
	long n = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)index, NULL);

	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	*ret = calloc((size_t)n, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	if (ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)index, *ret) < 0) {
		free(*ret);
		*ret = NULL;
		return -errno;
	}
	return (int)n;
}

/* --- judge ----------------------------------------------------------------- */

static void judge(struct judge *j, const struct task *t)
{
	if (t->process->is_zombie || t->rec->seccomp_mode != SECCOMP_MODE_FILTER)
		return;
	if (!caps_have(CAP_SYS_ADMIN))
		judge_task(j, t, "seccomp", "run as root, or grant CAP_SYS_ADMIN",
			   "its seccomp filters can be read with CAP_SYS_ADMIN only");
	else if (prctl(PR_GET_SECCOMP))
		judge_task(j, t, "seccomp", "run crbpf outside of the sandbox",
			   "its seccomp filters cannot be read: crbpf runs under seccomp itself");
	if (t->rec->seccomp_listener)
		judge_task(j, t, "seccomp", NULL,
			   "a seccomp filter of it asks a supervisor (SECCOMP_RET_USER_NOTIF), "
			   "which cannot be carried");
}

/* --- dump ------------------------------------------------------------------ */

static SeccompEntry *table(struct dump *d)
{
	if (!d->seccomp)
		d->seccomp = dump_message(d, &seccomp_entry__descriptor);
	if (!d->seccomp)
		fail(d->err, ENOMEM, "cannot describe seccomp filters");
	return d->seccomp;
}

static bool is_same(const SeccompFilter *a, const SeccompFilter *b)
{
	return a->has_prev == b->has_prev && a->prev == b->prev && a->flags == b->flags &&
	       a->filter.len == b->filter.len &&
	       !memcmp(a->filter.data, b->filter.data, a->filter.len);
}

/* The index of @filter in the table, where it is put if it is new; -errno. */
static int add_filter(struct dump *d, const SeccompFilter *filter)
{
	SeccompEntry *entry = table(d);
	size_t n = entry ? entry->n_seccomp_filters : 0;
	SeccompFilter *copy, **grown;

	if (!entry)
		return d->err->code;
	for (size_t i = 0; i < n; i++)
		if (is_same(entry->seccomp_filters[i], filter))
			return (int)i;
	copy = dump_message(d, &seccomp_filter__descriptor);
	grown = arena_alloc(&d->arena, (n + 1) * sizeof(*grown));
	if (!copy || !grown)
		return fail(d->err, ENOMEM, "cannot describe seccomp filters");
	copy->filter.data = arena_copy(&d->arena, filter->filter.data, filter->filter.len);
	copy->filter.len = filter->filter.len;
	copy->has_prev = filter->has_prev;
	copy->prev = filter->prev;
	copy->has_flags = filter->has_flags;
	copy->flags = filter->flags;
	if (!copy->filter.data)
		return fail(d->err, ENOMEM, "cannot describe seccomp filters");
	if (n)
		memcpy(grown, entry->seccomp_filters, n * sizeof(*grown));
	grown[n] = copy;
	entry->seccomp_filters = grown;
	entry->n_seccomp_filters = n + 1;
	return (int)n;
}

/* Filter @i of @t; @next: the index of the one that was put on it, -1: none was. */
static int add_link(struct dump *d, const struct task *t, unsigned long i, uint32_t flags, int next)
{
	_cleanup_free_ struct sock_filter *code = NULL;
	struct metadata meta = {.filter_off = i};
	SeccompFilter filter = SECCOMP_FILTER__INIT;
	int n = read_filter(t->tid, i, &code);

	if (n <= 0)
		return fail(d->err, n, "cannot read its seccomp filter %lu", i);
	filter.has_flags = true;
	/*
	 * Whether it came with SPEC_ALLOW is not kept. What it did without shows in the
	 * thread's speculation controls, which are put back by themselves.
	 */
	filter.flags = flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	/* Whether it logs is all that the kernel tells. */
	if (ptrace(PTRACE_SECCOMP_GET_METADATA, t->tid, (void *)sizeof(meta), &meta) >= 0)
		filter.flags |= (uint32_t)meta.flags;
	filter.filter.data = (unsigned char *)code;
	filter.filter.len = (size_t)n * sizeof(*code);
	filter.has_prev = next >= 0;
	filter.prev = next >= 0 ? (uint32_t)next : 0;
	return add_filter(d, &filter);
}

/* Adds the chain of @t to the table, the newest first. Returns the index of the oldest, or -errno. */
static int add_chain(struct dump *d, const struct task *t, uint32_t flags)
{
	unsigned long n = 0;
	int index = -1;

	while (ptrace(PTRACE_SECCOMP_GET_FILTER, t->tid, (void *)n, NULL) > 0)
		n++;
	if (!n || errno != ENOENT)
		return fail(d->err, errno, "cannot read its seccomp filter %lu", n);
	while (n-- > 0) {
		index = add_link(d, t, n, flags, index);
		if (index < 0)
			return index;
	}
	return index;
}

/* Have all threads of the process the very same filters? */
static bool is_shared(const struct process *p)
{
	for (size_t i = 1; i < p->n_tasks; i++)
		if (p->tasks[i].rec->seccomp_filter != p->tasks->rec->seccomp_filter ||
		    p->tasks[i].rec->seccomp_mode != p->tasks->rec->seccomp_mode)
			return false;
	return true;
}

static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	ThreadCoreEntry *thread = core->thread_core;
	bool shared = is_shared(t->process), is_leader = t == t->process->tasks;
	int index;

	if (t->process->is_zombie || !thread || !t->rec->seccomp_mode)
		return 0;
	if (t->rec->seccomp_mode == SECCOMP_MODE_FILTER && shared && !is_leader)
		return 0;
	thread->has_seccomp_mode = true;
	thread->seccomp_mode = t->rec->seccomp_mode == SECCOMP_MODE_STRICT ? SECCOMP_MODE__strict
									   : SECCOMP_MODE__filter;
	if (t->rec->seccomp_mode != SECCOMP_MODE_FILTER)
		return 0;
	index = add_chain(d, t, shared && t->process->n_tasks > 1 ? SECCOMP_FILTER_FLAG_TSYNC : 0);
	if (index < 0)
		return index;
	thread->has_seccomp_filter = true;
	thread->seccomp_filter = (uint32_t)index;
	return 0;
}

int dump_seccomp(struct dump *d)
{
	SeccompEntry *entry = table(d);

	if (!entry)
		return d->err->code;
	return image_write(d->dir, IMAGE_SECCOMP, 0, &entry->base, d->err);
}

/* --- restore ---------------------------------------------------------------- */

/* The filters of the images, read once; NULL with the error set. A missing image holds none. */
static const SeccompEntry *load(struct restore *r)
{
	static const SeccompEntry none = SECCOMP_ENTRY__INIT;
	struct image *image = NULL;
	ProtobufCMessage *msg;
	int ret;

	if (r->seccomp)
		return r->seccomp;
	if (image_open(r->dir, IMAGE_SECCOMP, 0, &image, r->err))
		return NULL;
	if (!image)
		return &none;
	ret = image_next(image, NULL, &msg, r->err);
	image_finish(image, NULL);
	if (ret <= 0)
		return ret ? NULL : &none;
	if (restore_keep(r, msg)) {
		fail(r->err, ENOMEM, "cannot load seccomp.img");
		return NULL;
	}
	r->seccomp = (SeccompEntry *)msg;
	return r->seccomp;
}

static bool has_filter(const struct new_task *t)
{
	const ThreadCoreEntry *thread = t->core->thread_core;

	return thread && thread->has_seccomp_mode && thread->seccomp_mode == SECCOMP_MODE__filter;
}

/*
 * Lists the chain whose oldest filter is @index, in @ret (CHAIN_MAX long). Returns its length or
 * -errno.
 */
static int list_chain(struct restore *r, uint32_t index, const SeccompFilter **ret)
{
	const SeccompEntry *entry = load(r);
	int n = 0;

	if (!entry)
		return r->err->code;
	for (;;) {
		const SeccompFilter *filter;

		/* A chain leads to ever earlier entries only: it cannot run in circles. */
		if (index >= entry->n_seccomp_filters || n == CHAIN_MAX)
			return fail(r->err, 0, "seccomp.img has no filter %u", index);
		filter = entry->seccomp_filters[index];
		if (!filter->filter.len || filter->filter.len % sizeof(struct sock_filter) ||
		    filter->filter.len > BPF_MAXINSNS * sizeof(struct sock_filter))
			return fail(r->err, 0, "seccomp.img: filter %u has %zu bytes", index,
				    filter->filter.len);
		if (filter->flags & ~(uint32_t)INSTALL_FLAGS)
			return fail(r->err, 0,
				    "seccomp.img: filter %u has flags %#x that cannot be had",
				    index, filter->flags);
		ret[n++] = filter;
		if (!filter->has_prev)
			break;
		if (filter->prev >= index)
			return fail(r->err, 0, "seccomp.img: filter %u follows filter %u", index,
				    filter->prev);
		index = filter->prev;
	}
	return n;
}

static int check(struct restore *r, struct new_task *t)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	_cleanup_free_ const SeccompFilter **chain = NULL;
	int n;

	if (!thread->has_seccomp_mode || thread->seccomp_mode == SECCOMP_MODE__disabled)
		return 0;
	if (!caps_have(CAP_SYS_ADMIN) || prctl(PR_GET_SECCOMP)) {
		fail(r->err, 0, "seccomp cannot be suspended while it is restored");
		return fail_hint(r->err, "run as root, outside of a sandbox that uses seccomp");
	}
	if (!has_filter(t))
		return 0;
	chain = calloc(CHAIN_MAX, sizeof(*chain));
	if (!chain)
		return fail(r->err, ENOMEM, "cannot check seccomp filters");
	n = list_chain(r, thread->seccomp_filter, chain);
	return n < 0 ? n : 0;
}

static int install(struct restore *r, struct batch *batch, const SeccompFilter *filter)
{
	struct sock_fprog prog = {.len = filter->filter.len / sizeof(struct sock_filter)};

	if (batch_reserve(batch, 1, filter->filter.len + sizeof(prog)))
		return batch_run(batch, r->err);
	prog.filter = (void *)(unsigned long)batch_data(batch, filter->filter.data,
							filter->filter.len, NULL);
	return batch_do(batch, "installing a seccomp filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			filter->flags, batch_data(batch, &prog, sizeof(prog), NULL));
}

/* Is any thread of the process to be under seccomp? */
static bool is_confined(const struct new_process *p)
{
	for (size_t i = 0; i < p->n_tasks; i++)
		if (p->tasks[i].core->thread_core->has_seccomp_mode &&
		    p->tasks[i].core->thread_core->seccomp_mode != SECCOMP_MODE__disabled)
			return true;
	return false;
}

/*
 * The leader comes first: it suspends seccomp for all threads, which TSYNC may reach. Our
 * hold on a thread ends with the suspension, when it goes on as it was.
 */
static int suspend(struct restore *r, const struct new_process *p)
{
	int ret = 0;

	for (size_t i = 0; i < p->n_tasks && !ret; i++)
		ret = injected_suspend_seccomp(p->tasks[i].injected, r->err);
	return ret;
}

static int restore(struct restore *r, struct new_task *t, struct batch *batch)
{
	const ThreadCoreEntry *thread = t->core->thread_core;
	_cleanup_free_ const SeccompFilter **chain = NULL;
	int n, ret = 0;

	if (t == t->process->tasks && is_confined(t->process))
		ret = suspend(r, t->process);
	if (ret || !thread->has_seccomp_mode || thread->seccomp_mode == SECCOMP_MODE__disabled)
		return ret;
	if (!has_filter(t))
		return batch_do(batch, "entering strict seccomp", SYS_seccomp,
				SECCOMP_SET_MODE_STRICT, 0, 0);
	chain = calloc(CHAIN_MAX, sizeof(*chain));
	if (!chain)
		return fail(r->err, ENOMEM, "cannot restore seccomp filters");
	n = list_chain(r, thread->seccomp_filter, chain);
	for (int i = 0; i < n && !ret; i++)
		ret = install(r, batch, chain[i]);
	return n < 0 ? n : ret;
}

static const struct task_ops task_ops = {
	.judge = judge,
	.describe = describe,
	.check = check,
	.restore = {[PHASE_THREAD] = restore},
};

const struct kind kind_seccomp = {.name = "seccomp", .task = &task_ops};
