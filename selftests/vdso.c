// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vDSO stays where the program knows it to be, and its clock goes on.
 */
#include "subject.h"

#include <sys/auxv.h>

/* Finds the mapping @name; returns its start or 0. */
static unsigned long find(const char *name)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, name)) {
			start = strtoul(line, NULL, 16);
			break;
		}
	}
	if (f)
		fclose(f);
	return start;
}

/* The difference in ms between the vDSO's idea of @clock and the kernel's. */
static double difference(clockid_t clock)
{
	struct timespec a, b;

	clock_gettime(clock, &a);
	syscall(SYS_clock_gettime, clock, &b);
	return (b.tv_sec - a.tv_sec) * 1e3 + (b.tv_nsec - a.tv_nsec) / 1e6;
}

int main(void)
{
	clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
			      CLOCK_MONOTONIC_COARSE};
	unsigned long vdso = find("[vdso]"), vvar = find("[vvar]");
	double before = subject_ms(), now;

	subject_need(vdso, "no vDSO");
	subject_need(vdso == getauxval(AT_SYSINFO_EHDR), "the vDSO is not where auxv says");
	subject_ready();
	subject_wait_restored();

	subject_check(find("[vdso]") == vdso, "vDSO at %lx, was %lx", find("[vdso]"), vdso);
	subject_check(find("[vvar]") == vvar, "vvar at %lx, was %lx", find("[vvar]"), vvar);
	subject_check(getauxval(AT_SYSINFO_EHDR) == vdso, "auxv changed");
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		double d = difference(clocks[i]);

		subject_check(d > -20 && d < 1000, "clock %d differs by %f ms", clocks[i], d);
	}
	now = subject_ms();
	subject_check(now > before && now < before + 120e3, "time went from %f to %f", before, now);
	for (int i = 0; i < 100000; i++)
		now = subject_ms();
	return subject_end();
}
