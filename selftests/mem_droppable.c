// SPDX-License-Identifier: GPL-2.0-only
/* Memory that the kernel may take away (MAP_DROPPABLE) is that again, and reads as zeroes or as it was. */
#include "subject.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

/* Do the VmFlags of the mapping at @p name it droppable? */
static bool is_droppable(const void *p)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	bool is_it = false, found = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_it = start == (unsigned long)p;
		else if (is_it && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, " dp");
	}
	if (f)
		fclose(f);
	return found;
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *p = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
				MAP_ANONYMOUS | MAP_DROPPABLE, -1, 0);

	if (p == MAP_FAILED)
		subject_skip("this kernel has no droppable memory");
	p[0] = p[page] = 7;
	subject_need(is_droppable(p), "it is not droppable");
	subject_ready();
	subject_wait_restored();

	subject_check(is_droppable(p), "it is not droppable any more");
	subject_check(p[0] == 7 || p[0] == 0, "the first page holds %d", p[0]);
	p[3 * page] = 9;
	subject_check(p[3 * page] == 9, "it cannot be written");
	return subject_end();
}
