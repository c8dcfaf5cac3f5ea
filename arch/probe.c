// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/probe.h"

bool probe_address(__u64 at)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *want = (void *)(unsigned long)at;
	void *p = mmap(want, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		       0);

	if (p == MAP_FAILED)
		return errno == EEXIST;
	munmap(p, page);
	return p == want;
}
