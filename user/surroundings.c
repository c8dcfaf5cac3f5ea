// SPDX-License-Identifier: GPL-2.0-only
#include "surroundings.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

struct surroundings_path {
	const char *path;
	uint64_t ino;
	uint32_t dev;
};

/* FNV-1a */
static uint64_t hash_of(const struct fileref *ref)
{
	uint64_t hash = 0xcbf29ce484222325 ^ ref->ino ^ (uint64_t)ref->dev << 32;

	for (const char *c = ref->path; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 0x100000001b3;
	return hash;
}

static bool is_known(const struct surroundings *s, const struct fileref *ref, uint64_t hash)
{
	uint32_t at = ids_get(&s->index, hash);
	const struct surroundings_path *known = at ? &s->paths[at - 1] : NULL;

	return known && known->ino == ref->ino && known->dev == ref->dev &&
	       !strcmp(known->path, ref->path);
}

bool surroundings_is_present(const struct surroundings *s, const struct fileref *ref)
{
	return is_known(s, ref, hash_of(ref));
}

/* Without memory it is not remembered, which is no harm. */
static void remember(struct surroundings *s, const struct fileref *ref, uint64_t hash)
{
	const char *path = arena_strdup(&s->arena, ref->path);
	struct surroundings_path *slot = path ? array_add(s->paths, s->n_paths) : NULL;

	if (!slot)
		return;
	*slot = (struct surroundings_path){ .path = path, .ino = ref->ino, .dev = ref->dev };
	if (ids_set(&s->index, hash, (uint32_t)s->n_paths))
		s->n_paths--;
}

enum fileref_state surroundings_state(struct surroundings *s, const struct fileref *ref)
{
	uint64_t hash = hash_of(ref);
	enum fileref_state state;

	if (is_known(s, ref, hash))
		return FILEREF_PRESENT;
	state = fileref_state(ref);
	if (state == FILEREF_PRESENT)
		remember(s, ref, hash);
	return state;
}

void read_text(const char *path, char *buf, size_t n)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, buf, n - 1);

	buf[got > 0 ? got : 0] = '\0';
}

void read_label(const char *path, char *buf, size_t n)
{
	read_text(path, buf, n);
	buf[strcspn(buf, "\n")] = '\0';
}

bool label_is_none(const char *label)
{
	return !strcmp(label, "unconfined") || strstr(label, ":unconfined_t:") ||
	       strstr(label, ":unconfined_service_t:");
}

const char *surroundings_groups(struct surroundings *s)
{
	char text[CGROUPS_ROOM];

	if (!s->groups) {
		read_text("/proc/self/cgroup", text, sizeof(text));
		s->groups = arena_strdup(&s->arena, text);
	}
	return s->groups ?: "";
}

bool surroundings_has_own_groups(const struct surroundings *s, uint64_t css_set)
{
	return ids_get(&s->own_groups, css_set);
}

/* Without memory it is not remembered, which is no harm. */
void surroundings_note_groups(struct surroundings *s, uint64_t css_set)
{
	(void)ids_set(&s->own_groups, css_set, 1);
}

const char *surroundings_label(struct surroundings *s)
{
	if (!s->has_label)
		read_label("/proc/thread-self/attr/current", s->label, sizeof(s->label));
	s->has_label = true;
	return s->label;
}

void surroundings_deinit(struct surroundings *s)
{
	ids_deinit(&s->index);
	ids_deinit(&s->own_groups);
	arena_deinit(&s->arena);
	free(s->paths);
	*s = (struct surroundings){ 0 };
}
