/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CHECK_DISTRO_H
#define CRBPF_CHECK_DISTRO_H

/* The distribution, as far as it decides which words get a user another kernel. */

#include <stdbool.h>

enum package_tool { TOOL_OTHER, TOOL_RPM_OSTREE, TOOL_DNF, TOOL_APT };

struct distro {
	enum package_tool tool;
	bool is_raspberry;	/* Raspberry Pi OS: Debian with kernels of its own */
	bool is_ubuntu;
	char id[64];		/* ID, VERSION_ID, VERSION_CODENAME and PRETTY_NAME of os-release(5) */
	char version[64];
	char codename[64];
	char name[128];
	char release[128];	/* of the kernel, as uname -r has it */
	char machine[128];
};

/* Reads it below @sysroot, "" is this system. What cannot be read stays empty. */
void distro_read(struct distro *d, const char *sysroot);
/* "rpm-ostree", "dnf", "apt" or "other". */
const char *package_tool_name(enum package_tool tool);

#endif
