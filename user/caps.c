// SPDX-License-Identifier: GPL-2.0-only
#include "caps.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAPS 64

static uint64_t join(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

int caps_get(struct caps *ret)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	*ret = (struct caps){
		.inheritable = join(data[0].inheritable, data[1].inheritable),
		.permitted = join(data[0].permitted, data[1].permitted),
		.effective = join(data[0].effective, data[1].effective),
	};
	for (int cap = 0; cap < CAPS; cap++) {
		int is_bounding = prctl(PR_CAPBSET_READ, cap);

		if (is_bounding < 0) /* this kernel has no more */
			break;
		ret->bounding |= (uint64_t)is_bounding << cap;
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0)
			ret->ambient |= 1ULL << cap;
	}
	return 0;
}

bool caps_have(int cap)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return !syscall(SYS_capget, &head, data) &&
	       join(data[0].effective, data[1].effective) >> cap & 1;
}

const char *caps_name(int cap, char buf[static 32])
{
	char *name = cap_to_name(cap);

	if (!name)
		snprintf(buf, 32, "%d", cap);
	else
		snprintf(buf, 32, "%s", strncasecmp(name, "cap_", 4) ? name : name + 4);
	cap_free(name);
	return buf;
}
