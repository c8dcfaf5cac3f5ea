// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors to their numbers. A task has a copy of all that was open when it was
 * cloned; what was opened since, it fetches from this process by pidfd_getfd.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inject/batch.h"
#include "inject/engine.h"
#include "kind.h"
#include "lib/err.h"
#include "restore/fdmove.h"
#include "restore/restore.h"

static struct batch *batch_of(const struct new_process *p)
{
	return injected_batch(p->tasks[0].injected);
}

static bool has_own_table(const struct new_process *p)
{
	return !p->is_helper && !p->is_zombie && !p->files_of;
}

static int connect_files(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct new_file *f = r->files[i];

		if (!f->process || !f->kind->file->connect)
			continue;
		if (f->kind->file->connect(r, f))
			return fail_in(err, "process %d: descriptor %u", f->process->pid,
				       f->number);
		if (f->fd < 0)
			return fail(err, 0, "process %d: descriptor %u was not opened",
				    f->process->pid, f->number);
	}
	return 0;
}

static int fill_files(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct new_file *f = r->files[i];

		if (f->process && f->kind->file->fill && f->kind->file->fill(r, f))
			return fail_in(err, "process %d: descriptor %u", f->process->pid,
				       f->number);
	}
	return 0;
}

/* Where the file of each descriptor stands in the task now. The caller frees *@ret. */
static int list_moves(struct restore *r, struct new_process *p, struct fdmove **ret,
		      struct error *err)
{
	struct fdmove *moves = calloc(p->n_fds ?: 1, sizeof(*moves));
	__s64 *fetched = calloc(p->n_fds ?: 1, sizeof(*fetched));
	struct batch *batch = batch_of(p);
	int code = moves && fetched ? 0 : fail(err, ENOMEM, "cannot move its descriptors");

	for (size_t i = 0; i < p->n_fds && !code; i++) {
		const struct new_file *f = p->fds[i].file;

		fetched[i] = f->fd;
		if (f->fd != f->born_fd)
			code = batch_call(batch, "fetching descriptor %llu", p->fds[i].number, 0,
					  ENGINE_SUCCESS, 0, &fetched[i], SYS_pidfd_getfd,
					  (const __u64[6]){(__u64)r->pidfd, (__u64)f->fd, 0});
	}
	if (moves && fetched)
		code = batch_run(batch, err) ?: code;
	for (size_t i = 0; i < p->n_fds && !code; i++)
		moves[i] =
			(struct fdmove){(uint32_t)fetched[i], p->fds[i].number, p->fds[i].cloexec};
	free(fetched);
	*ret = moves;
	return code;
}

static int queue_move(struct batch *batch, const struct fdmove *move)
{
	if (move->from == move->to)
		return batch_call(
			batch, "setting the flags of descriptor %llu", move->to, 0, ENGINE_SUCCESS,
			0, NULL, SYS_fcntl,
			(const __u64[6]){move->to, F_SETFD, move->cloexec ? FD_CLOEXEC : 0});
	return batch_call(batch, "moving descriptor %llu to %llu", move->from, move->to,
			  ENGINE_DEMAND, move->to, NULL, SYS_dup3,
			  (const __u64[6]){move->from, move->to, move->cloexec ? O_CLOEXEC : 0});
}

/* Everything that the program does not have, from its first number to its last and beyond. */
static int queue_closes(struct batch *batch, const struct new_process *p)
{
	uint64_t next = 0;
	int ret = 0;

	for (size_t i = 0; i <= p->n_fds && !ret; i++) {
		uint64_t end = i < p->n_fds ? p->fds[i].number : (uint64_t)UINT32_MAX + 1;

		if (end > next)
			ret = batch_call(batch, "closing descriptors %llu-%llu", next, end - 1,
					 ENGINE_SUCCESS, 0, NULL, SYS_close_range,
					 (const __u64[6]){next, end - 1, 0});
		next = end + 1;
	}
	return ret;
}

/* Leaves the batch running. */
static int start_moving(struct restore *r, struct new_process *p, struct error *err)
{
	struct fdmove *moves = NULL, *order = NULL;
	struct rlimit limit = {0};
	size_t n = 0;
	int ret = list_moves(r, p, &moves, err);

	if (!ret) {
		getrlimit(RLIMIT_NOFILE, &limit);
		ret = fdmove_order(moves, p->n_fds, (uint32_t)limit.rlim_cur, &order, &n);
		if (ret)
			fail(err, ret, "cannot move its %zu descriptors", p->n_fds);
	}
	for (size_t i = 0; i < n && !ret; i++)
		ret = queue_move(batch_of(p), &order[i]);
	ret = ret ?: queue_closes(batch_of(p), p);
	free(moves);
	free(order);
	return err->code ? err->code : batch_start(batch_of(p), err) ?: ret;
}

static int move_all(struct restore *r, struct error *err)
{
	int ret = 0;

	for (size_t i = 0; i < r->n_processes && !ret; i++)
		if (has_own_table(r->processes[i]) && start_moving(r, r->processes[i], err))
			ret = fail_in(err, "process %d", r->processes[i]->pid);
	for (size_t i = 0; i < r->n_processes; i++) {
		struct new_process *p = r->processes[i];

		if (has_own_table(p) && batch_finish(batch_of(p), ret ? NULL : err) && !ret)
			ret = fail_in(err, "process %d", p->pid);
	}
	return ret;
}

static int set_async(const struct new_file *f, struct batch *batch)
{
	int flags = fcntl(f->fd, F_GETFL);

	return batch_do(batch, "setting O_ASYNC", SYS_fcntl, f->number, F_SETFL,
			(__u64)(flags | O_ASYNC));
}

/* What only an owner can do. */
static int install_files(struct restore *r, struct error *err)
{
	for (size_t i = 0; i < r->n_files; i++) {
		struct new_file *f = r->files[i];
		struct batch *batch;
		int ret;

		if (!f->process || (!f->kind->file->install && !f->is_async))
			continue;
		/* In flight: nobody can do that for it. */
		if (restore_fd_of(f->process, f) < 0)
			continue;
		batch = batch_of(f->process);
		ret = f->is_async ? set_async(f, batch) : 0;
		if (!ret && f->kind->file->install)
			ret = f->kind->file->install(r, f, &f->process->tasks[0], batch);
		if (batch_run(batch, err) || ret)
			return fail_in(err, "process %d: descriptor %u", f->process->pid,
				       f->number);
	}
	return 0;
}

int restore_objects(void *restore, struct error *err)
{
	struct restore *r = restore;

	return connect_files(r, err) ?: fill_files(r, err) ?: move_all(r, err) ?: install_files(r, err);
}

int restore_fd_of(const struct new_process *p, const struct new_file *f)
{
	const struct new_process *owner = p->files_of ?: p;

	for (size_t i = 0; i < owner->n_fds; i++)
		if (owner->fds[i].file == f)
			return (int)owner->fds[i].number;
	return -1;
}
