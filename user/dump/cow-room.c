// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is there room for a copy of what a tree writes to while its memory is being saved? In the worst
 * case that is all of it. The kernel would make room by killing somebody.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dump/cow.h"
#include "lib/cleanup.h"

/* The number after @name in a file of lines "name number"; without a name the file's first. */
static bool read_number(const char *dir, const char *file, const char *name, uint64_t *ret)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *f = NULL;
	char line[256], word[64];
	unsigned long long value;

	if (asprintf(&path, "%s/%s", dir, file) < 0)
		return false;
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (name ? sscanf(line, "%63s %llu", word, &value) == 2 && !strcmp(word, name)
			 : sscanf(line, "%llu", &value) == 1) {
			*ret = value;
			return true;
		}
	}
	return false;
}

/* What one version of control groups calls its files. */
struct names {
	const char *controller, *limit, *used, *cache;
};
static const struct names version1 = {"memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
				      "total_inactive_file"};
static const struct names version2 = {"", "memory.max", "memory.current", "inactive_file"};

/* Has the group at @dir room for @bytes? Page cache that nobody uses makes place. */
static bool group_has_room(const char *dir, const struct names *names, uint64_t bytes)
{
	uint64_t limit, used, cache = 0;

	if (!read_number(dir, names->limit, NULL, &limit) ||
	    !read_number(dir, names->used, NULL, &used))
		return true;
	/* a limit that is out of reach need not be counted to */
	if (limit > used && limit - used >= bytes)
		return true;
	read_number(dir, "memory.stat", names->cache, &cache);
	used -= cache < used ? cache : used;
	return limit > used && limit - used >= bytes;
}

/* Where the hierarchy is mounted. */
static bool find_mount(const struct names *names, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mounts", "re");
	char line[1024], where[512], fs[32], options[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %511s %31s %255s", where, fs, options) != 3)
			continue;
		if (*names->controller ? strcmp(fs, "cgroup") || !strstr(options, names->controller)
				       : strcmp(fs, "cgroup2"))
			continue;
		snprintf(ret, size, "%s", where);
		return true;
	}
	return false;
}

/* The path of @pid's group in the hierarchy, "/" for the root. */
static bool find_group(pid_t pid, const struct names *names, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[32], line[1024], controllers[256], *colon;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (!colon)
			continue;
		*controllers = '\0';
		sscanf(colon, ":%255[^:]", controllers);
		colon = strchr(colon + 1, ':');
		if (!colon || strcmp(controllers, names->controller))
			continue;
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(ret, size, "%s", colon + 1);
		return true;
	}
	return false;
}

static bool hierarchy_has_room(pid_t pid, const struct names *names, uint64_t bytes, char **ret_why)
{
	char top[512], group[512], dir[1024], *slash;
	uint64_t frozen = 0;

	if (!find_group(pid, names, group, sizeof(group)) || !find_mount(names, top, sizeof(top)))
		return true;
	snprintf(dir, sizeof(dir), "%s%s", top, group);
	if (read_number(dir, "cgroup.events", "frozen", &frozen) && frozen) {
		*ret_why = strdup("its control group is frozen");
		return false;
	}
	/* every group above it has a limit of its own */
	while (*group && strcmp(group, "/")) {
		snprintf(dir, sizeof(dir), "%s%s", top, group);
		if (!group_has_room(dir, names, bytes)) {
			if (asprintf(ret_why, "%s of control group %s leaves no room for a copy",
				     names->limit, group) < 0)
				*ret_why = NULL;
			return false;
		}
		slash = strrchr(group, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return true;
}

static bool machine_has_room(uint64_t bytes, char **ret_why)
{
	uint64_t available = 0, swap = 0;

	read_number("/proc", "meminfo", "SwapFree:", &swap);
	if (!read_number("/proc", "meminfo", "MemAvailable:", &available) ||
	    (available + swap) * 1024 >= bytes)
		return true;
	*ret_why = strdup("this machine has no memory for a copy");
	return false;
}

/* All control groups of @pid, as text; NULL if they cannot be told. */
static char *read_groups(pid_t pid)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[32], text[4096];
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	f = fopen(path, "re");
	n = f ? fread(text, 1, sizeof(text), f) : 0;
	return n ? strndup(text, n) : NULL;
}

const char *cow_has_no_room(struct cow_room *room, pid_t pid, uint64_t bytes)
{
	char *groups = read_groups(pid);
	bool is_known = groups && room->groups && !strcmp(groups, room->groups);
	char *why = NULL;

	if (is_known) {
		free(groups);
		return room->why;
	}
	cow_room_deinit(room);
	room->groups = groups;
	if (!machine_has_room(bytes, &why) || !hierarchy_has_room(pid, &version2, bytes, &why) ||
	    !hierarchy_has_room(pid, &version1, bytes, &why))
		room->why = why ?: strdup("no memory");
	return room->why;
}

void cow_room_deinit(struct cow_room *room)
{
	free(room->groups);
	free(room->why);
	*room = (struct cow_room){0};
}
