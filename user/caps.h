/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CRBPF_CAPS_H
#define CRBPF_CAPS_H

/* Credentials of this process, which every task of a restored tree begins with. */

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct caps {
	uint64_t inheritable, permitted, effective, bounding, ambient;
};

/* The capability sets of this process. Returns 0 or -errno. */
int caps_get(struct caps *ret);
/* Is @cap (CAP_*) effective here? */
bool caps_have(int cap);
/* "sys_resource", or a number for one that has no name here. Returns @buf. */
const char *caps_name(int cap, char buf[static 32]);

#endif
