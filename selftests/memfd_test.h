/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_MEMFD_TEST_H
#define CRBPF_SELFTESTS_MEMFD_TEST_H

#include "subject.h"

static inline void check_name(int fd, const char *want)
{
	char path[64], name[512];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name) - 1);
	name[n < 0 ? 0 : n] = 0;
	subject_check(strcmp(name, want) == 0, "it is named '%s', was '%s'", name, want);
}

#endif
