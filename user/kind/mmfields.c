// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel notes of an address space beside mappings: program, arguments, auxv, flags. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core.pb-c.h"
#include "dump/dump.h"
#include "inject/batch.h"
#include "inject/engine.h"
#include "judge.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "lib/log.h"
#include "mm.pb-c.h"
#include "restore/borrow.h"
#include "restore/restore.h"

/* Kernel words that no header has. */
#define VM_LOCKED           0x00002000 /* mm->def_flags: mlockall(MCL_FUTURE) */
#define VM_LOCKONFAULT      0x00080000
#define MMF_THP_ADVISED     23 /* since 6.18; before, that it has met the huge page of zeroes */
#define MMF_DISABLE_THP     24
#define MMF_HAS_MDWE        28
#define MMF_MDWE_NO_INHERIT 29
#define MMF_VM_MERGE_ANY    30
#define AUXV_MAX            128 /* words: more than any kernel saves */

#ifndef PR_SET_MDWE
#define PR_SET_MDWE              65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif
#define PR_MDWE_NO_INHERIT_ 2
#ifndef PR_THP_DISABLE_EXCEPT_ADVISED
#define PR_THP_DISABLE_EXCEPT_ADVISED 2
#endif

/* MEMBARRIER_STATE_* of mm->membarrier_state, and by which command one comes there. */
static const struct {
	uint32_t state, command;
} barriers[] = {
	{1 << 1, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED},
	{1 << 3, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED},
	{1 << 5, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE},
	{1 << 7, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ},
};

/* --- dump ---------------------------------------------------------------- */

/* How many words of the auxv CRIU's reader has room for; the rest goes to a field of our own. */
static size_t criu_auxv_words(void)
{
	return arch_core_machine() == CORE_ENTRY__MARCH__AARCH64 ? 50 : 44;
}

static int describe_auxv(struct dump *d, const struct deep_record *rec, MmEntry *mm)
{
	size_t n = 0, first = criu_auxv_words();

	/* Pairs, up to AT_NULL. */
	while (n + 2 <= RECORD_AUXV && rec->auxv[n])
		n += 2;
	if (n > first) {
		mm->auxv_rest =
			arena_copy(&d->arena, rec->auxv + first, (n - first) * sizeof(uint64_t));
		mm->n_auxv_rest = n - first;
	}
	n = n + 2 <= first ? n + 2 : first;
	mm->mm_saved_auxv = arena_copy(&d->arena, rec->auxv, n * sizeof(uint64_t));
	mm->n_mm_saved_auxv = n;
	return mm->mm_saved_auxv && (mm->auxv_rest || !mm->n_auxv_rest)
		       ? 0
		       : fail(d->err, ENOMEM, "cannot describe its memory");
}

static int describe_exe(struct dump *d, const struct process *p, MmEntry *mm)
{
	const struct process_record *rec = p->rec;
	_cleanup_close_ int fd = -1;
	char path[64];

	if (!rec->exe_nlink) {
		snprintf(path, sizeof(path), "/proc/%d/exe", p->pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	mm->exe_file_id = dump_regfile(d, p->exe, rec->exe_dev, rec->exe_ino, rec->exe_mnt_id,
				       rec->exe_nlink, fd);
	return mm->exe_file_id ? 0 : fail_in(d->err, "its executable");
}

/* Which parts of it a core dump holds. Not from the record: the bits have moved between kernels. */
static bool read_coredump_filter(pid_t pid, uint32_t *ret)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/coredump_filter", pid);
	f = fopen(path, "re");
	return f && fscanf(f, "%" SCNx32, ret) == 1;
}

/* Can huge pages be disabled but where they are asked for? Tried on this process, and put back. */
static bool has_thp_except_advised(void)
{
	int was = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	bool can = !prctl(PR_SET_THP_DISABLE, 1, PR_THP_DISABLE_EXCEPT_ADVISED, 0, 0);

	if (can)
		prctl(PR_SET_THP_DISABLE, was & 1, was & PR_THP_DISABLE_EXCEPT_ADVISED, 0, 0);
	return can;
}

static void describe_flags(const struct process *p, MmEntry *mm)
{
	const struct process_record *rec = p->rec;

	mm->has_page_size = true;
	mm->page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	mm->has_dumpable = rec->dumpable >= 0;
	mm->dumpable = rec->dumpable;
	mm->has_thp_disabled = mm->thp_disabled = rec->mm_flags >> MMF_DISABLE_THP & 1;
	mm->has_thp_except_advised = mm->thp_except_advised =
		rec->mm_flags >> MMF_THP_ADVISED & 1 && has_thp_except_advised();
	mm->has_mlock_future = mm->mlock_future = rec->def_flags & VM_LOCKED;
	mm->has_mlock_onfault = mm->mlock_onfault = rec->def_flags & VM_LOCKONFAULT;
	mm->has_coredump_filter = read_coredump_filter(p->pid, &mm->coredump_filter);
	mm->has_protection_keys = rec->keys > 1;
	mm->protection_keys = rec->keys;
	mm->has_exec_only_key = rec->exec_only_key > 0;
	mm->exec_only_key = (uint32_t)rec->exec_only_key;
	mm->has_memory_merge = mm->memory_merge = rec->mm_flags >> MMF_VM_MERGE_ANY & 1;
	if (rec->mm_flags >> MMF_HAS_MDWE & 1) {
		mm->has_mdwe = true;
		mm->mdwe = PR_MDWE_REFUSE_EXEC_GAIN;
		if (rec->mm_flags >> MMF_MDWE_NO_INHERIT & 1)
			mm->mdwe |= PR_MDWE_NO_INHERIT_;
	}
}

int dump_mm_fields(struct dump *d, const struct process *p, MmEntry *mm)
{
	const struct process_record *rec = p->rec;

	mm->mm_start_code = rec->start_code;
	mm->mm_end_code = rec->end_code;
	mm->mm_start_data = rec->start_data;
	mm->mm_end_data = rec->end_data;
	mm->mm_start_stack = rec->start_stack;
	mm->mm_start_brk = rec->start_brk;
	mm->mm_brk = rec->brk;
	mm->mm_arg_start = rec->arg_start;
	mm->mm_arg_end = rec->arg_end;
	mm->mm_env_start = rec->env_start;
	mm->mm_env_end = rec->env_end;
	describe_flags(p, mm);
	return describe_auxv(d, p->deep, mm) ?: describe_exe(d, p, mm);
}

/* Registrations stand in the core, not among the fields of the mm. */
static int describe(struct dump *d, struct task *t, CoreEntry *core)
{
	uint32_t mask = 0;

	if (!core->tc || t->process->is_zombie)
		return 0;
	for (size_t i = 0; i < sizeof(barriers) / sizeof(barriers[0]); i++)
		if (t->process->rec->membarrier_state & barriers[i].state)
			mask |= barriers[i].command;
	if (mask) {
		core->tc->has_membarrier_registration_mask = true;
		core->tc->membarrier_registration_mask = mask;
	}
	return 0;
}

static void judge(struct judge *j, const struct task *t)
{
	const struct process *p = t->process;

	if (t != p->tasks || p->is_zombie)
		return;
	if (p->rec->aio_table)
		judge_process(j, p, "aio", "io_destroy its contexts",
			      "asynchronous IO contexts (io_setup) cannot be carried yet");
	if (p->rec->dumpable < 0) {
		judge_process(j, p, "dumpable", NULL,
			      "this kernel does not tell if it is dumpable");
		judge_soften(j);
	}
}

/* --- restore -------------------------------------------------------------- */

static int check(struct restore *r, struct new_task *t)
{
	const MmEntry *mm = t->process->mm;

	if (t != t->process->tasks || !mm)
		return 0;
	if (mm->n_mm_saved_auxv + mm->n_auxv_rest > AUXV_MAX)
		return fail(r->err, 0, "its auxiliary vector of %zu words is too long",
			    mm->n_mm_saved_auxv + mm->n_auxv_rest);
	if (mm->has_dumpable && (mm->dumpable < 0 || mm->dumpable > 2))
		return fail(r->err, 0, "dumpable cannot be %d", mm->dumpable);
	if (mm->n_aios)
		return fail(r->err, 0, "asynchronous IO contexts cannot be restored yet");
	if (mm->has_thp_except_advised && mm->thp_except_advised && !has_thp_except_advised()) {
		fail(r->err, 0, "it has disabled huge pages except where they are asked for, which "
				"this kernel cannot do");
		return fail_hint(r->err, "restore on Linux 6.18 or later");
	}
	return 0;
}

/* The new executable takes the old one's place, which nothing maps any more. */
static int restore_map(struct restore *r, const struct new_task *t, struct batch *batch, int exe)
{
	const MmEntry *mm = t->process->mm;
	size_t n = mm->n_mm_saved_auxv, n_rest = mm->n_auxv_rest;
	uint64_t auxv[AUXV_MAX + 2] = {0};
	struct prctl_mm_map map = {
		.start_code = mm->mm_start_code,
		.end_code = mm->mm_end_code,
		.start_data = mm->mm_start_data,
		.end_data = mm->mm_end_data,
		.start_brk = mm->mm_start_brk,
		.brk = mm->mm_brk,
		.start_stack = mm->mm_start_stack,
		.arg_start = mm->mm_arg_start,
		.arg_end = mm->mm_arg_end,
		.env_start = mm->mm_env_start,
		.env_end = mm->mm_env_end,
		.exe_fd = (__u32)exe,
	};

	if (n)
		memcpy(auxv, mm->mm_saved_auxv, n * sizeof(*auxv));
	if (n_rest)
		memcpy(auxv + n, mm->auxv_rest, n_rest * sizeof(*auxv));
	if (batch_reserve(batch, 2, sizeof(auxv) + sizeof(map)))
		return batch_run(batch, r->err);
	if (n + n_rest) {
		map.auxv_size = (__u32)((n + n_rest) * sizeof(*auxv));
		map.auxv = (__u64 *)(unsigned long)batch_data(batch, auxv, map.auxv_size, NULL);
	}
	batch_do(batch, "setting its executable and the bounds of its memory", SYS_prctl, PR_SET_MM,
		 PR_SET_MM_MAP, batch_data(batch, &map, sizeof(map), NULL), sizeof(map), 0);
	return batch_do(batch, "closing its executable", SYS_close, (__u64)exe);
}

static int restore_exe(struct restore *r, struct new_task *t, struct batch *batch)
{
	int fd = restore_lend(r, t->process->mm->exe_file_id, O_RDONLY, r->err), there;

	if (fd < 0)
		return fail_in(r->err, "its executable");
	return restore_borrow(r, t, batch, fd, &there) ?: restore_map(r, t, batch, there);
}

static void restore_coredump_filter(struct restore *r, const struct new_task *t)
{
	const MmEntry *mm = t->process->mm;
	pid_t pid = injected_tid(t->injected);
	_cleanup_fclose_ FILE *f = NULL;
	uint32_t now;
	char path[64];

	if (!mm->has_coredump_filter ||
	    (read_coredump_filter(pid, &now) && now == mm->coredump_filter))
		return;
	snprintf(path, sizeof(path), "/proc/%d/coredump_filter", pid);
	f = fopen(path, "we");
	if (!f || fprintf(f, "%#x", mm->coredump_filter) < 0 || fflush(f))
		log_warn(r->log, "task %d: its coredump filter cannot be set: %s; ignoring", t->tid,
			 strerror(errno));
}

static int restore_leader(struct restore *r, struct new_task *t, struct batch *batch)
{
	const TaskCoreEntry *tc = t->core->tc;
	const MmEntry *mm = t->process->mm;
	uint32_t mask = tc->has_membarrier_registration_mask ? tc->membarrier_registration_mask : 0;

	for (size_t i = 0; i < sizeof(barriers) / sizeof(barriers[0]); i++)
		if (mask & barriers[i].command)
			batch_call(batch, "registering for membarrier (%llu)", barriers[i].command,
				   0, ENGINE_SUCCESS, 0, NULL, SYS_membarrier,
				   (const __u64[6]){barriers[i].command});
	if (mm->has_thp_disabled && mm->thp_disabled)
		batch_do(batch, "disabling huge pages", SYS_prctl, PR_SET_THP_DISABLE, 1, 0, 0, 0);
	if (mm->has_thp_except_advised && mm->thp_except_advised)
		batch_do(batch, "disabling huge pages that nobody asks for", SYS_prctl,
			 PR_SET_THP_DISABLE, 1, PR_THP_DISABLE_EXCEPT_ADVISED, 0, 0);
	restore_coredump_filter(r, t);
	return restore_exe(r, t, batch);
}

/* All mappings are made, and rlimits not lowered yet. */
static int restore_thread(struct restore *r, struct new_task *t, struct batch *batch)
{
	const MmEntry *mm = t->process->mm;

	if (t != t->process->tasks || !mm->has_mlock_future || !mm->mlock_future)
		return 0;
	return batch_do(batch, "locking its future memory", SYS_mlockall,
			MCL_FUTURE | (mm->mlock_onfault ? MCL_ONFAULT : 0));
}

/* Every change of credentials has reset it. 2 comes from such a change: prctl gives 0 or 1. */
static int restore_dumpable(struct restore *r, const struct new_task *t, struct batch *batch)
{
	int dumpable = t->process->mm->dumpable;
	__s64 now = 0;
	int ret = 0;

	if (dumpable == 2) {
		batch_call(batch, "reading if it is dumpable", 0, 0, ENGINE_ANY, 0, &now, SYS_prctl,
			   (const __u64[6]){PR_GET_DUMPABLE});
		ret = batch_run(batch, r->err);
		if (ret || now == 2)
			return ret;
		log_warn(r->log,
			 "task %d: dumpable was 2, which only fs.suid_dumpable gives, and "
			 "becomes 0",
			 t->tid);
		dumpable = 0;
	}
	return batch_do(batch, "setting if it is dumpable", SYS_prctl, PR_SET_DUMPABLE,
			(__u64)dumpable);
}

static int restore_last(struct restore *r, struct new_task *t, struct batch *batch)
{
	const MmEntry *mm = t->process->mm;

	if (t != t->process->tasks)
		return 0;
	if (mm->has_mdwe && mm->mdwe)
		batch_do(batch, "denying writable code", SYS_prctl, PR_SET_MDWE, mm->mdwe, 0, 0, 0);
	return mm->has_dumpable ? restore_dumpable(r, t, batch) : 0;
}

static const struct task_ops task_ops = {
	.judge = judge,
	.describe = describe,
	.check = check,
	.restore =
		{
			[PHASE_PROCESS] = restore_leader,
			[PHASE_THREAD] = restore_thread,
			[PHASE_LAST] = restore_last,
		},
};

const struct kind kind_mmfields = {.name = "mmfields", .task = &task_ops};
