// SPDX-License-Identifier: GPL-2.0-only
#include "lib/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Chunks double from one to the other. */
#define CHUNK_LEAST (64 * 1024)
#define CHUNK_MOST  (1024 * 1024)

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, room;
	_Alignas(16) char data[];
};

int buf_reserve(struct buf *buf, size_t more)
{
	size_t room = buf->room ?: 256;
	void *data;

	if (more > SIZE_MAX / 2 - buf->size)
		return -ENOMEM;
	while (room < buf->size + more)
		room *= 2;
	if (room == buf->room)
		return 0;
	data = realloc(buf->data, room);
	if (!data)
		return -ENOMEM;
	buf->data = data;
	buf->room = room;
	return 0;
}

int buf_add(struct buf *buf, const void *data, size_t n)
{
	int ret = buf_reserve(buf, n);

	if (ret)
		return ret;
	if (n)
		memcpy((char *)buf->data + buf->size, data, n);
	buf->size += n;
	return 0;
}

void buf_deinit(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

void *array_slot(void *array, size_t n, size_t elem)
{
	char *base = *(char **)array;
	size_t room;

	if ((n & (n - 1)) == 0) {
		if (__builtin_mul_overflow(n ? n * 2 : 1, elem, &room))
			return NULL;
		base = realloc(base, room);
		if (!base)
			return NULL;
		*(char **)array = base;
	}
	return memset(base + n * elem, 0, elem);
}

/*
 * Large ones will be filled to the end, but for the last: their pages come at once, for
 * what costs is not the page but the fault.
 */
static struct arena_chunk *chunk_create(size_t size)
{
	struct arena_chunk *chunk;

	if (size != CHUNK_MOST)
		return malloc(size);
	chunk = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1,
		     0);
	return chunk == MAP_FAILED ? NULL : chunk;
}

static void chunk_free(struct arena_chunk *chunk)
{
	if (chunk->room + sizeof(*chunk) == CHUNK_MOST)
		munmap(chunk, CHUNK_MOST);
	else
		free(chunk);
}

/* @n bytes as they come. */
static void *take(struct arena *arena, size_t n)
{
	struct arena_chunk *chunk = arena->chunks;
	size_t size;

	if (n > SIZE_MAX / 2)
		return NULL;
	n = (n + 15) & ~(size_t)15;
	if (!chunk || chunk->room - chunk->used < n) {
		size = chunk ? 2 * (chunk->room + sizeof(*chunk)) : CHUNK_LEAST;
		size = size < CHUNK_MOST ? size : CHUNK_MOST;
		size = n + sizeof(*chunk) > size ? n + sizeof(*chunk) : size;
		chunk = chunk_create(size);
		if (!chunk)
			return NULL;
		*chunk = (struct arena_chunk){ .next = arena->chunks, .room = size - sizeof(*chunk) };
		arena->chunks = chunk;
	}
	chunk->used += n;
	return chunk->data + chunk->used - n;
}

void *arena_alloc(struct arena *arena, size_t n)
{
	void *fresh = take(arena, n);

	return fresh ? memset(fresh, 0, n) : NULL;
}

void *arena_copy(struct arena *arena, const void *data, size_t n)
{
	void *copy = take(arena, n);

	return copy && n ? memcpy(copy, data, n) : copy;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return arena_copy(arena, s, strlen(s) + 1);
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap, again;
	char *text = NULL;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0)
		text = arena_alloc(arena, (size_t)n + 1);
	if (text)
		vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return text;
}

void arena_deinit(struct arena *arena)
{
	struct arena_chunk *next;

	for (; arena->chunks; arena->chunks = next) {
		next = arena->chunks->next;
		chunk_free(arena->chunks);
	}
}
