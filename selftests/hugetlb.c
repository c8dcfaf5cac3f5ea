// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of huge pages, private and shared. Run by cases/memory.py, which reserves some.
 */
#include "subject.h"

#define HUGE (2UL << 20)

int main(void)
{
	int flags = MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE;
	unsigned char *priv, *shared;

	priv = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags, -1, 0);
	shared = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED | flags, -1, 0);
	if (priv == MAP_FAILED || shared == MAP_FAILED)
		subject_skip("needs huge pages of 2 MiB");
	memset(priv + HUGE, 0x51, HUGE);
	memset(shared, 0x52, HUGE);
	subject_ready();
	subject_wait_restored();
	subject_check(priv[HUGE] == 0x51 && priv[2 * HUGE - 1] == 0x51, "private: content changed");
	subject_check(shared[0] == 0x52 && shared[HUGE - 1] == 0x52, "shared: content changed");
	priv[HUGE] = 1;
	shared[0] = 1;
	return subject_end();
}
