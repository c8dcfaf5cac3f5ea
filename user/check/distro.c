// SPDX-License-Identifier: GPL-2.0-only
#include "check/distro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/cleanup.h"

static FILE *open_below(const char *sysroot, const char *path)
{
	_cleanup_free_ char *full = NULL;

	return asprintf(&full, "%s%s", sysroot, path) < 0 ? NULL : fopen(full, "re");
}

static bool exists_below(const char *sysroot, const char *path)
{
	_cleanup_free_ char *full = NULL;

	return asprintf(&full, "%s%s", sysroot, path) >= 0 && !access(full, F_OK);
}

/* A value of os-release, which a shell would read: quotes and backslashes go. */
static void take_value(char *ret, size_t size, const char *value)
{
	size_t n = 0;

	for (; *value && *value != '\n' && n + 1 < size; value++) {
		if (*value == '\\' && value[1] && value[1] != '\n')
			value++;
		else if (*value == '"' || *value == '\'')
			continue;
		ret[n++] = *value;
	}
	ret[n] = '\0';
}

struct facts {
	char like[128];
	char variant[64];
	bool has_ostree;
};

static void read_os_release(struct distro *d, struct facts *facts, FILE *f)
{
	const struct {
		const char *name;
		char *value;
		size_t size;
	} wanted[] = {
		{ "ID", d->id, sizeof(d->id) },
		{ "VERSION_ID", d->version, sizeof(d->version) },
		{ "VERSION_CODENAME", d->codename, sizeof(d->codename) },
		{ "PRETTY_NAME", d->name, sizeof(d->name) },
		{ "ID_LIKE", facts->like, sizeof(facts->like) },
		{ "VARIANT_ID", facts->variant, sizeof(facts->variant) },
	};
	char line[512];

	while (fgets(line, sizeof(line), f)) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(line, "OSTREE_VERSION"))
			facts->has_ostree = true;
		for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
			if (!strcmp(line, wanted[i].name))
				take_value(wanted[i].value, wanted[i].size, value);
	}
}

/* Is @word one of the blank-separated @words? */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = words; (s = strstr(s, word)); s++)
		if ((s == words || s[-1] == ' ') && (!s[n] || s[n] == ' '))
			return true;
	return false;
}

static bool is_ostree_variant(const char *variant)
{
	static const char *const variants[] = { "iot", "silverblue", "kinoite", "coreos", "sericea",
						"onyx" };

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (!strcmp(variant, variants[i]))
			return true;
	return false;
}

static enum package_tool find_tool(const struct distro *d, const struct facts *facts,
				   const char *sysroot)
{
	static const char *const rpm[] = { "fedora", "rhel", "centos", "rocky", "almalinux" };
	static const char *const deb[] = { "debian", "ubuntu", "raspbian" };

	for (size_t i = 0; i < sizeof(rpm) / sizeof(rpm[0]); i++) {
		if (strcmp(d->id, rpm[i]) && !has_word(facts->like, rpm[i]))
			continue;
		return facts->has_ostree || is_ostree_variant(facts->variant) ||
				       exists_below(sysroot, "/run/ostree-booted") ?
			       TOOL_RPM_OSTREE :
			       TOOL_DNF;
	}
	for (size_t i = 0; i < sizeof(deb) / sizeof(deb[0]); i++)
		if (!strcmp(d->id, deb[i]) || has_word(facts->like, deb[i]))
			return TOOL_APT;
	return TOOL_OTHER;
}

static void read_kernel(const char *sysroot, const char *path, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *f = open_below(sysroot, path);
	char line[128];

	if (f && fgets(line, sizeof(line), f))
		take_value(ret, size, line);
}

void distro_read(struct distro *d, const char *sysroot)
{
	_cleanup_fclose_ FILE *f = open_below(sysroot, "/etc/os-release");
	struct facts facts = { 0 };
	struct utsname uts;

	*d = (struct distro){ 0 };
	if (!uname(&uts)) {
		snprintf(d->release, sizeof(d->release), "%s", uts.release);
		snprintf(d->machine, sizeof(d->machine), "%s", uts.machine);
	}
	if (*sysroot) {
		read_kernel(sysroot, "/proc/sys/kernel/osrelease", d->release, sizeof(d->release));
		read_kernel(sysroot, "/proc/sys/kernel/arch", d->machine, sizeof(d->machine));
	}
	f = f ?: open_below(sysroot, "/usr/lib/os-release");
	if (f)
		read_os_release(d, &facts, f);
	d->tool = find_tool(d, &facts, sysroot);
	d->is_ubuntu = !strcmp(d->id, "ubuntu") || has_word(facts.like, "ubuntu");
	/* Its os-release(5) is Debian's on 64 bits. */
	d->is_raspberry = d->tool == TOOL_APT &&
			  (!strcmp(d->id, "raspbian") || strstr(d->release, "+rpt") ||
			   exists_below(sysroot, "/etc/rpi-issue"));
}

const char *package_tool_name(enum package_tool tool)
{
	static const char *const names[] = {
		[TOOL_OTHER] = "other",
		[TOOL_RPM_OSTREE] = "rpm-ostree",
		[TOOL_DNF] = "dnf",
		[TOOL_APT] = "apt",
	};

	return names[tool];
}
