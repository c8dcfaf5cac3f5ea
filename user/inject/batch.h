/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_INJECT_BATCH_H
#define CRBPF_INJECT_BATCH_H

/*
 * A batch is a list of system calls for a task to run, built by the tracer in
 * memory that both see. Each call may demand a result; the first that does not
 * get it ends the batch, and the error names that call. Data that calls point to
 * (paths, iovecs, structs) is copied into the same memory.
 *
 * Room is no concern of the caller: a full slot is run and reused by itself
 * (batch_call then runs what is queued first). Results that are wanted must
 * therefore be asked for with a pointer, which is filled when the call has run.
 *
 * Processes and threads are made by engine_clone only, never by a call in a batch.
 */

#include <linux/types.h>
#include <stddef.h>

struct error;
struct batch;
struct injected; /* engine.h */

/* What the engine reads and writes. Known to arch/ engine.S by offset: assert them in batch.c. */
struct engine_call {
	__u64 nr;
	__u64 args[6];
	__s64 result;
	__s64 demand; /* what result must be, if check is ENGINE_DEMAND */
	__u64 check;  /* enum engine_check */
};

enum engine_check {
	ENGINE_ANY,     /* any result is fine */
	ENGINE_SUCCESS, /* not -4095..-1 */
	ENGINE_DEMAND,  /* exactly demand */
};

struct engine_list {
	__u64 n;    /* calls to run */
	__u64 done; /* calls that ran; call done-1 is the one that failed if failed is set */
	__u64 failed;
	struct engine_call calls[];
};

/*
 * Queues @nr with up to six arguments. @what is a format that says what it does,
 * for the error ("mapping 7f00-7f10"); it must be a string literal that outlives
 * the batch, its two numbers are kept. Arguments that point to memory must come
 * from batch_data or lie in the task. Returns 0 or -errno of an earlier call that
 * had to be run to make room.
 */
int batch_call(struct batch *batch, const char *what, __u64 what1, __u64 what2,
	       enum engine_check check, __s64 demand, __s64 *ret_result, long nr,
	       const __u64 args[6]);

/* A call that must succeed. */
#define batch_do(batch, what, nr, ...)                                                             \
	batch_call(batch, what, 0, 0, ENGINE_SUCCESS, 0, NULL, nr, (const __u64[6]){__VA_ARGS__})
/* A call whose failure is of no interest. */
#define batch_try(batch, what, nr, ...)                                                            \
	batch_call(batch, what, 0, 0, ENGINE_ANY, 0, NULL, nr, (const __u64[6]){__VA_ARGS__})
/* A call that must return exactly @demand (an address, a descriptor). */
#define batch_demand(batch, what, demand, nr, ...)                                                 \
	batch_call(batch, what, 0, 0, ENGINE_DEMAND, (__s64)(demand), NULL, nr,                    \
		   (const __u64[6]){__VA_ARGS__})

/*
 * Copies @n bytes (NULL: zeroes) to where the task can read and write them until
 * the batch has run. Returns the address in the task, or 0 if @n can never fit
 * (the limit is batch_room) or a batch run to make room failed (batch_run says why).
 * *@ret_local, if not NULL, is the same memory in this process.
 * Data and the call that uses it must not be parted by a flush: batch_reserve first.
 */
__u64 batch_data(struct batch *batch, const void *data, size_t n, void **ret_local);

/*
 * Makes sure that @calls calls and @bytes of data, in up to 8 pieces, fit without a
 * flush between. 0 or -errno (-E2BIG: never).
 */
int batch_reserve(struct batch *batch, size_t calls, size_t bytes);

/* Bytes of data that fit in an empty batch. */
size_t batch_room(const struct batch *batch);

/*
 * Runs what is queued and waits for the end of it; nothing queued is nothing done.
 * Returns 0, or -errno with the failed call in @err (its text, its errno).
 */
int batch_run(struct batch *batch, struct error *err);

/* The two halves of batch_run, so that many tasks work at once. */
int batch_start(struct batch *batch, struct error *err);
int batch_finish(struct batch *batch, struct error *err);

#endif
