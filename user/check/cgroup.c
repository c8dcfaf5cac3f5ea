// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check/groups.h"
#include "lib/cleanup.h"

/* Where a cgroup hierarchy is mounted: type "cgroup2", or "cgroup" with option @wanted. */
static bool find_mount(const char *type, const char *wanted, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mounts", "re");
	char line[1024], where[512], fs[32], options[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %511s %31s %255s", where, fs, options) != 3 ||
		    strcmp(fs, type) || (wanted && !strstr(options, wanted)))
			continue;
		snprintf(ret, size, "%s", where);
		return true;
	}
	return false;
}

static void version2(const struct check *c, const struct probe *p, struct answer *a)
{
	char where[512];

	if (find_mount("cgroup2", NULL, where, sizeof(where)))
		answer_yes(a, "%s", where);
	else
		answer_no(a, "not mounted");
}

static void version1(const struct check *c, const struct probe *p, struct answer *a)
{
	char where[512];

	if (find_mount("cgroup", NULL, where, sizeof(where)))
		answer_yes(a, "%s", where);
	else
		answer_no(a, "not mounted");
}

/* Does a cgroup below @top have the file? That of the root never exists. */
static int has_below(const char *top, const char *file)
{
	DIR *dir = opendir(top);
	struct dirent *entry;
	bool is_looked = false, is_found = false;

	while (dir && !is_found && (entry = readdir(dir))) {
		_cleanup_free_ char *path = NULL;

		if (entry->d_type != DT_DIR || *entry->d_name == '.' ||
		    asprintf(&path, "%s/%s/%s", top, entry->d_name, file) < 0)
			continue;
		is_looked = true;
		is_found = !access(path, F_OK);
	}
	if (dir)
		closedir(dir);
	return is_found ? 1 : is_looked ? 0 : -1;
}

static void freezer(const struct check *c, const struct probe *p, struct answer *a)
{
	char where[512];
	int found = -1;

	if (find_mount("cgroup2", NULL, where, sizeof(where)))
		found = has_below(where, "cgroup.freeze");
	if (found > 0)
		answer_yes(a, "version 2");
	else if (find_mount("cgroup", "freezer", where, sizeof(where)))
		answer_yes(a, "version 1, %s", where);
	else if (found < 0)
		answer_unknown(a, "there is no cgroup below the root to look at");
	else
		answer_no(a, "cgroups have no cgroup.freeze");
}

static const struct probe probes[] = {
	{ "cgroup_v2", NULL, "cgroups, version 2", NEED_FACT, NULL, REMEDY_NONE, "CONFIG_CGROUPS",
	  NULL, NULL, version2 },
	{ "cgroup_v1", NULL, "cgroups, version 1", NEED_FACT, NULL, REMEDY_NONE, "CONFIG_CGROUPS",
	  NULL, NULL, version1 },
	{ "cgroup_freezer", NULL, "the freezer of cgroups", NEED_EXTRA, NULL, REMEDY_KERNEL,
	  "CONFIG_CGROUP_FREEZER", NULL, NULL, freezer },
};

PROBE_GROUP(probes_cgroup, "cgroup", "Cgroups", probes, false);
