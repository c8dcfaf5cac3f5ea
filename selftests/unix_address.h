/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_SELFTESTS_UNIX_ADDRESS_H
#define CRBPF_SELFTESTS_UNIX_ADDRESS_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * The address of a path, or (@name begins with @) of an abstract name that is this process's own.
 * Returns its length.
 */
static inline socklen_t unix_address(struct sockaddr_un *addr, const char *name)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	if (*name != '@') {
		strcpy(addr->sun_path, name);
		return offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1;
	}
	snprintf(addr->sun_path + 1, 90, "crbpf-%d-%s", getpid(), name + 1);
	return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(addr->sun_path + 1);
}

#endif
