// SPDX-License-Identifier: GPL-2.0-only
#include "restore/fdmove.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/ids.h"

struct ordering {
	struct fdmove *moves; /* those asked for; @from changes when a cycle is broken */
	size_t n;
	bool *done;
	struct ids readers; /* number to 1 + how many moves still read it */
	struct ids mover;   /* number to 1 + the move that writes it */
	size_t *ready;      /* moves whose target nobody reads any more */
	size_t n_ready;
	struct fdmove *out;
	size_t n_out;
	uint32_t limit, next_free; /* no number below next_free is free */
};

static uint32_t readers(const struct ordering *o, uint32_t number)
{
	uint32_t n = ids_get(&o->readers, number);

	return n ? n - 1 : 0;
}

static int add_readers(struct ordering *o, uint32_t number, uint32_t n)
{
	return ids_set(&o->readers, number, readers(o, number) + n + 1);
}

static int emit(struct ordering *o, uint32_t from, uint32_t to, bool cloexec)
{
	struct fdmove *move = array_add(o->out, o->n_out);

	if (!move)
		return -ENOMEM;
	*move = (struct fdmove){from, to, cloexec};
	return 0;
}

/* One reader less of @number; the move that waits to overwrite it may have become ready. */
static int release(struct ordering *o, uint32_t number)
{
	uint32_t left = readers(o, number) - 1, mover = ids_get(&o->mover, number);

	if (ids_set(&o->readers, number, left + 1))
		return -ENOMEM;
	if (!left && mover && !o->done[mover - 1])
		o->ready[o->n_ready++] = mover - 1;
	return 0;
}

static int drain(struct ordering *o)
{
	int ret = 0;

	while (o->n_ready && !ret) {
		size_t i = o->ready[--o->n_ready];

		o->done[i] = true;
		ret = emit(o, o->moves[i].from, o->moves[i].to, o->moves[i].cloexec)
			      ?: release(o, o->moves[i].from);
	}
	return ret;
}

/* A number that no move reads any more, or writes. */
static int find_free(struct ordering *o, uint32_t *ret)
{
	while (o->next_free < o->limit) {
		uint32_t number = o->next_free++;

		if (!readers(o, number) && !ids_get(&o->mover, number)) {
			*ret = number;
			return 0;
		}
	}
	return -EMFILE;
}

/* Saves what stands at the target of move @i elsewhere, so that it can be overwritten. */
static int break_cycle(struct ordering *o, size_t i)
{
	uint32_t busy = o->moves[i].to, spare = 0, n = readers(o, busy);
	int ret = find_free(o, &spare) ?: emit(o, busy, spare, true);

	for (size_t j = 0; j < o->n && !ret; j++)
		if (!o->done[j] && o->moves[j].from == busy)
			o->moves[j].from = spare;
	ret = ret ?: ids_set(&o->readers, busy, 1) ?: add_readers(o, spare, n);
	o->ready[o->n_ready++] = i;
	/* Once this cycle is drained nobody reads the spare number any more. */
	o->next_free = spare;
	return ret;
}

/* Moves onto themselves read nothing that others could spoil: their target is never overwritten. */
static int prepare(struct ordering *o, const struct fdmove *moves)
{
	int ret = 0;

	for (size_t i = 0; i < o->n && !ret; i++) {
		o->moves[i] = moves[i];
		o->done[i] = moves[i].from == moves[i].to;
		ret = ids_set(&o->mover, moves[i].to, (uint32_t)i + 1);
		if (!ret && !o->done[i])
			ret = add_readers(o, moves[i].from, 1);
	}
	for (size_t i = 0; i < o->n && !ret; i++) {
		if (o->done[i])
			ret = emit(o, moves[i].from, moves[i].to, moves[i].cloexec);
		else if (!readers(o, moves[i].to))
			o->ready[o->n_ready++] = i;
	}
	return ret;
}

int fdmove_order(const struct fdmove *moves, size_t n, uint32_t limit, struct fdmove **ret_moves,
		 size_t *ret_n)
{
	struct ordering o = {.n = n, .limit = limit};
	int ret = -ENOMEM;

	o.moves = calloc(n ?: 1, sizeof(*o.moves));
	o.done = calloc(n ?: 1, sizeof(*o.done));
	o.ready = calloc(n ?: 1, sizeof(*o.ready));
	if (!o.moves || !o.done || !o.ready)
		goto out;
	ret = prepare(&o, moves) ?: drain(&o);
	/* What is left are cycles: breaking one sets free all that hangs on it. */
	for (size_t i = 0; i < n && !ret; i++)
		if (!o.done[i])
			ret = break_cycle(&o, i) ?: drain(&o);
out:
	free(o.moves);
	free(o.done);
	free(o.ready);
	ids_deinit(&o.readers);
	ids_deinit(&o.mover);
	if (ret) {
		free(o.out);
		return ret;
	}
	*ret_moves = o.out;
	*ret_n = o.n_out;
	return 0;
}
