// SPDX-License-Identifier: GPL-2.0-only
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>

#include "arch/engine-list.h"
#include "inject/injected.h"
#include "lib/buf.h"

#define DATA_ALIGN     16
#define RESERVE_PIECES 8  /* pieces of data that batch_reserve counts on, for their alignment */
#define ROOM_CALLS     16 /* calls that fit beside batch_room bytes of data */
#define LOWEST_ERRNO   (-ENGINE_MAX_ERRNO)

static_assert(offsetof(struct engine_list, n) == LIST_N, "");
static_assert(offsetof(struct engine_list, done) == LIST_DONE, "");
static_assert(offsetof(struct engine_list, failed) == LIST_FAILED, "");
static_assert(offsetof(struct engine_list, calls) == LIST_CALLS, "");
static_assert(offsetof(struct engine_call, nr) == CALL_NR, "");
static_assert(offsetof(struct engine_call, args) == CALL_ARG(0), "");
static_assert(offsetof(struct engine_call, result) == CALL_RESULT, "");
static_assert(offsetof(struct engine_call, demand) == CALL_DEMAND, "");
static_assert(offsetof(struct engine_call, check) == CALL_CHECK, "");
static_assert(sizeof(struct engine_call) == CALL_SIZE, "");
static_assert(ENGINE_ANY == CHECK_ANY && ENGINE_SUCCESS == CHECK_SUCCESS &&
		      ENGINE_DEMAND == CHECK_DEMAND,
	      "");

void batch_init(struct batch *batch, struct injected *task, void *slot)
{
	memset(batch, 0, sizeof(*batch));
	batch->task = task;
	batch->list = slot;
	batch->data = ENGINE_SLOT_SIZE;
}

void batch_deinit(struct batch *batch)
{
	free(batch->notes);
	error_deinit(&batch->err);
}

static size_t calls_end(const struct batch *batch)
{
	return sizeof(struct engine_list) + batch->n * sizeof(struct engine_call);
}

size_t batch_room(const struct batch *batch)
{
	size_t room = ENGINE_SLOT_SIZE - sizeof(struct engine_list) -
		      ROOM_CALLS * sizeof(struct engine_call);

	return room / DATA_ALIGN * DATA_ALIGN;
}

static bool fits(const struct batch *batch, size_t calls, size_t bytes)
{
	size_t left = batch->data - calls_end(batch);

	return calls <= left / sizeof(struct engine_call) &&
	       bytes <= left - calls * sizeof(struct engine_call);
}

static void reset(struct batch *batch)
{
	batch->n = 0;
	batch->data = ENGINE_SLOT_SIZE;
	batch->is_running = false;
}

/* Runs what is queued, to empty the batch; its error is kept for batch_run. */
static int flush(struct batch *batch)
{
	struct error err = {};
	int code;

	if (batch->err.code)
		return batch->err.code;
	code = batch_run(batch, &err);
	reset(batch);
	if (code < 0) {
		batch->err = err;
		batch->err.code = code;
	}
	return code;
}

/* A batch takes calls while nothing is wrong and it is not running. */
static int ready(struct batch *batch)
{
	if (batch->err.code)
		return batch->err.code;
	return batch->is_running ? flush(batch) : 0;
}

int batch_reserve(struct batch *batch, size_t calls, size_t bytes)
{
	size_t all = bytes + RESERVE_PIECES * DATA_ALIGN;
	int code = ready(batch);

	if (code < 0 || fits(batch, calls, all))
		return code;
	code = flush(batch);
	if (code < 0)
		return code;
	/* The last bytes may be had without their slack. */
	return fits(batch, calls, all) || fits(batch, calls, bytes) ? 0 : -E2BIG;
}

int batch_call(struct batch *batch, const char *what, __u64 what1, __u64 what2,
	       enum engine_check check, __s64 demand, __s64 *ret_result, long nr,
	       const __u64 args[6])
{
	struct batch_note *note;
	int code = ready(batch);

	if (code == 0 && !fits(batch, 1, 0))
		code = flush(batch);
	if (code < 0)
		return code;

	note = array_slot(&batch->notes, batch->n, sizeof(*note));
	if (!note)
		return fail(&batch->err, ENOMEM, "cannot queue a call");
	*note = (struct batch_note){what, what1, what2, ret_result};
	batch->list->calls[batch->n] = (struct engine_call){
		.nr = (__u64)nr,
		.args = {args[0], args[1], args[2], args[3], args[4], args[5]},
		.demand = demand,
		.check = check,
	};
	batch->n++;
	return 0;
}

__u64 batch_data(struct batch *batch, const void *data, size_t n, void **ret_local)
{
	size_t room = (n + DATA_ALIGN - 1) / DATA_ALIGN * DATA_ALIGN;
	char *at;

	if (n > batch_room(batch) || ready(batch) < 0)
		return 0;
	if (!fits(batch, 0, room) && flush(batch) < 0)
		return 0;

	batch->data -= room;
	at = (char *)batch->list + batch->data;
	if (data)
		memcpy(at, data, n);
	else
		memset(at, 0, n);
	if (ret_local)
		*ret_local = at;
	return (__u64)(unsigned long)at;
}

/* The format comes from callers of batch_call, who pass literals. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
int batch_fail_in(const struct batch *batch, struct error *err)
{
	const struct batch_note *note;

	if (!batch->is_running || batch->list->done >= batch->n)
		return err ? err->code : -EINVAL;
	note = &batch->notes[batch->list->done];
	return fail_in(err, note->what, note->what1, note->what2);
}

static int fail_call(const struct batch_note *note, const struct engine_call *call,
		     struct error *err)
{
	bool is_error = call->result < 0 && call->result >= LOWEST_ERRNO;
	int code;

	if (is_error)
		return fail(err, (int)call->result, note->what, note->what1, note->what2);
	code = fail(err, 0, "the call returned %llx instead of %llx",
		    (unsigned long long)call->result, (unsigned long long)call->demand);
	fail_in(err, note->what, note->what1, note->what2);
	return code;
}
#pragma GCC diagnostic pop

int batch_collect(struct batch *batch, struct error *err)
{
	const struct engine_list *list = batch->list;
	/* A call may have been told to write anywhere. */
	size_t done = list->done < batch->n ? list->done : batch->n;
	int code = 0;

	for (size_t i = 0; i < done; i++) {
		if (batch->notes[i].ret_result)
			*batch->notes[i].ret_result = list->calls[i].result;
	}
	if (list->failed && done)
		code = fail_call(&batch->notes[done - 1], &list->calls[done - 1], err);
	else if (done < batch->n)
		code = fail(err, 0, "the engine stopped after %zu of %zu calls", done, batch->n);
	reset(batch);
	return code;
}

/* Hands the error of an earlier run to the caller, once. */
static int take_error(struct batch *batch, struct error *err)
{
	int code = batch->err.code;

	if (err && !err->code) {
		*err = batch->err;
		batch->err = (struct error){};
	}
	error_deinit(&batch->err);
	reset(batch);
	return code;
}

int batch_start(struct batch *batch, struct error *err)
{
	struct engine_list *list = batch->list;
	int code = ready(batch);

	if (code < 0)
		return take_error(batch, err);
	if (!batch->n)
		return 0;
	list->n = batch->n;
	list->done = 0;
	list->failed = 0;
	code = injected_enter(batch->task, err);
	batch->is_running = code == 0;
	if (code < 0)
		reset(batch);
	return code;
}

int batch_finish(struct batch *batch, struct error *err)
{
	int code;

	if (batch->err.code)
		return take_error(batch, err);
	if (!batch->is_running)
		return 0;
	code = injected_wait(batch->task, PTRACE_CONT, STOP_TRAP, err);
	if (code < 0) {
		batch_fail_in(batch, err);
		reset(batch);
		return code;
	}
	return batch_collect(batch, err);
}

int batch_run(struct batch *batch, struct error *err)
{
	int code = batch->is_running ? 0 : batch_start(batch, err);

	return code < 0 ? code : batch_finish(batch, err);
}
