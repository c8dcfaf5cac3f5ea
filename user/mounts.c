// SPDX-License-Identifier: GPL-2.0-only
#include "mounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "lib/buf.h"
#include "lib/cleanup.h"

/* "\040" is a space. In place. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] && text[2] && text[3]) {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
				       (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = 0;
}

void mounts_deinit(struct mounts *mounts)
{
	for (size_t i = 0; i < mounts->n; i++) {
		free(mounts->list[i].root);
		free(mounts->list[i].point);
	}
	free(mounts->list);
	*mounts = (struct mounts){0};
}

int mounts_read(struct mounts *mounts)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	if (!f)
		return -errno;
	while (getline(&line, &room, f) > 0) {
		_cleanup_free_ char *root = NULL, *point = NULL;
		unsigned int id, major, minor;
		struct mount_line *slot;

		if (sscanf(line, "%u %*u %u:%u %ms %ms", &id, &major, &minor, &root, &point) != 5)
			return -EPROTO;
		slot = array_add(mounts->list, mounts->n);
		if (!slot)
			return -ENOMEM;
		unescape(root);
		unescape(point);
		*slot = (struct mount_line){id, major << 20 | minor, root, point};
		root = point = NULL;
	}
	return 0;
}

bool mounts_have(const char *file, uint32_t id)
{
	_cleanup_fclose_ FILE *f = fopen(file, "re");
	_cleanup_free_ char *line = NULL;
	unsigned int found;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0)
		if (sscanf(line, "%u ", &found) == 1 && found == id)
			return true;
	return false;
}

/* The names come from the last to the first. */
bool mounts_join_names(const struct watch_record *w, char path[static PATH_MAX])
{
	const char *name = (const char *)(w + 1);
	size_t at = PATH_MAX - 1, used = 0;

	path[at] = 0;
	for (uint32_t i = 0; i < w->n_names; i++) {
		size_t n = strnlen(name + used, w->names_size - used);

		if (used + n >= w->names_size || n + 1 > at)
			return false;
		at -= n;
		memcpy(path + at, name + used, n);
		path[--at] = '/';
		used += n + 1;
	}
	if (!w->n_names)
		path[--at] = '/';
	memmove(path, path + at, PATH_MAX - at);
	return true;
}

/* @path of a file system as seen through a mount of its @root; NULL if it lies outside. */
static const char *below(const char *path, const char *root)
{
	size_t n = strlen(root);

	if (n == 1)
		return path;
	return !strncmp(path, root, n) && (!path[n] || path[n] == '/') ? path + n : NULL;
}

bool mounts_path(const struct mount_line *m, const char *inside, char path[static PATH_MAX])
{
	const char *rest = below(inside, m->root);
	bool is_bare = !strcmp(m->point, "/");

	if (!rest)
		return false;
	if (!strcmp(rest, "/"))
		rest = "";
	return snprintf(path, PATH_MAX, "%s%s", is_bare && *rest ? "" : m->point, rest) < PATH_MAX;
}
