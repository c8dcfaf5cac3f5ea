/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_LIB_BUF_H
#define CRBPF_LIB_BUF_H

/*
 * Memory that grows: a byte buffer, arrays, and an arena whose pieces stay where
 * they are until all are freed at once. Every function that allocates returns
 * -ENOMEM (or NULL) and leaves what was there intact.
 */

#include <stddef.h>

struct buf {
	void *data;	/* owned */
	size_t size;	/* bytes in use */
	size_t room;	/* bytes allocated */
};

/* Makes room for @more bytes beyond size; size is not changed. Returns 0 or -ENOMEM. */
int buf_reserve(struct buf *buf, size_t more);
/* Appends a copy of @n bytes. Returns 0 or -ENOMEM. */
int buf_add(struct buf *buf, const void *data, size_t n);
void buf_deinit(struct buf *buf);

/*
 * Grows an array of @elem-byte elements so that element number @n exists, zeroed.
 * Rooms are powers of two, so only a power of two allocates. *@array may move.
 * Returns the address of element @n, or NULL.
 */
void *array_slot(void *array, size_t n, size_t elem);

/* Appends one zeroed element; evaluates to its address or NULL. Counts in (n). */
#define array_add(array, n)                                                                        \
	({                                                                                         \
		__typeof__(array) slot_ = array_slot(&(array), (n), sizeof(*(array)));             \
		if (slot_)                                                                         \
			(n)++;                                                                     \
		slot_;                                                                             \
	})

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
};

/* @n zeroed bytes aligned to 16 that live until arena_deinit. NULL if memory ran out. */
void *arena_alloc(struct arena *arena, size_t n);
/* A copy of @n bytes. NULL if memory ran out. */
void *arena_copy(struct arena *arena, const void *data, size_t n);
char *arena_strdup(struct arena *arena, const char *s);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void arena_deinit(struct arena *arena);

#endif
