// SPDX-License-Identifier: GPL-2.0-only
/*
 * What mlock and madvise set on a mapping stays: the VmFlags of smaps are the same.
 */
#include "subject.h"

#include <linux/mman.h>

struct area {
	const char *name;
	int advice; /* -1: none */
	int flags;  /* of mmap */
	unsigned char *p;
	char vm_flags[256];
};

static struct area areas[] = {
	{.name = "plain", .advice = -1},
	{.name = "dontfork", .advice = MADV_DONTFORK},
	{.name = "wipeonfork", .advice = MADV_WIPEONFORK},
	{.name = "dontdump", .advice = MADV_DONTDUMP},
	{.name = "hugepage", .advice = MADV_HUGEPAGE},
	{.name = "nohugepage", .advice = MADV_NOHUGEPAGE},
	{.name = "mergeable", .advice = MADV_MERGEABLE},
	{.name = "sequential", .advice = MADV_SEQUENTIAL},
	{.name = "random", .advice = MADV_RANDOM},
	{.name = "locked", .advice = -1, .flags = MAP_LOCKED},
	{.name = "noreserve", .advice = -1, .flags = MAP_NORESERVE},
	{.name = "onfault", .advice = -1},
};
#define N (sizeof(areas) / sizeof(areas[0]))

/* The VmFlags line of the mapping that begins at @p. */
static void read_flags(const void *p, char *flags, size_t size)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	unsigned long start, end;
	bool is_it = false;

	flags[0] = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			is_it = start <= (unsigned long)p && (unsigned long)p < end;
		else if (is_it && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(flags, size, "%.200s", line + 8);
	}
	if (f)
		fclose(f);
	/* Whether pages were written since soft-dirty bits were cleared is no attribute. */
	if (strstr(flags, " sd"))
		memmove(strstr(flags, " sd"), strstr(flags, " sd") + 3,
			strlen(strstr(flags, " sd")) - 2);
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);

	/* Lazily: stdio's buffer is allocated before the mappings are looked at. */
	read_flags(areas, areas[0].vm_flags, sizeof(areas[0].vm_flags));
	for (size_t i = 0; i < N; i++) {
		struct area *a = &areas[i];

		a->p = mmap(NULL, 8 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		a->p = mmap(a->p + page, 4 * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | a->flags, -1, 0);
		subject_need(a->p != MAP_FAILED, "mmap of %s: %m", a->name);
		/* Some advice needs a kernel option: then there is nothing to keep. */
		if (a->advice >= 0)
			(void)madvise(a->p, 4 * page, a->advice);
		a->p[page] = i + 1;
	}
	subject_need(syscall(SYS_mlock2, areas[N - 1].p, 4 * page, MLOCK_ONFAULT) == 0, "mlock2: %m");
	for (size_t i = 0; i < N; i++)
		read_flags(areas[i].p, areas[i].vm_flags, sizeof(areas[i].vm_flags));
	subject_ready();
	subject_wait_restored();

	for (size_t i = 0; i < N; i++) {
		char now[256];

		read_flags(areas[i].p, now, sizeof(now));
		subject_check(strcmp(now, areas[i].vm_flags) == 0, "%s: flags are%s, were%s",
			      areas[i].name, strtok(now, "\n"), strtok(areas[i].vm_flags, "\n"));
		subject_check(areas[i].p[page] == i + 1, "%s: content changed", areas[i].name);
	}
	return subject_end();
}
