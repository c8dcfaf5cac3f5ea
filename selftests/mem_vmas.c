// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many mappings as the kernel allows by default (65,530), some with content.
 */
#include "subject.h"

#define VMAS 65000

static int count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int c, n = 0;

	while (f && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f)
		fclose(f);
	return n;
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *p;
	int before, after;

	(void)count_maps();
	p = mmap(NULL, VMAS * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	subject_need(p != MAP_FAILED, "mmap: %m");
	/* Neighbours differ in protection, or the kernel would merge them. */
	for (size_t i = 0; i < VMAS; i += 2) {
		if (mprotect(p + i * page, page, PROT_READ | PROT_WRITE) < 0)
			subject_skip("needs vm.max_map_count above %d", VMAS);
	}
	for (size_t i = 0; i < VMAS; i += 64)
		*(int *)(p + i * page) = i + 1;
	before = count_maps();
	subject_need(before >= VMAS, "only %d mappings", before);
	subject_ready();
	subject_wait_restored();

	after = count_maps();
	subject_check(after == before, "%d mappings, were %d", after, before);
	for (size_t i = 0; i < VMAS; i += 64) {
		if (*(int *)(p + i * page) != (int)i + 1) {
			subject_check(false, "page %zu changed", i);
			break;
		}
	}
	for (size_t i = 0; i < VMAS; i += 2)
		p[i * page] = 1;
	return subject_end();
}
