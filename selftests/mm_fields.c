// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel notes of an address space: program, arguments, environment, auxiliary vector,
 * bounds, coredump filter, membarrier registrations, locked future memory, MDWE, huge pages, and
 * dumpable.
 */
#include "subject.h"

#include <linux/membarrier.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

static size_t slurp(const char *path, char *buf, size_t n)
{
	int fd = open(path, O_RDONLY);
	size_t done = 0;
	ssize_t got;

	while (fd >= 0 && done < n && (got = read(fd, buf + done, n - done)) > 0)
		done += got;
	close(fd);
	return done;
}

static const char *const files[] = {
	"/proc/self/cmdline", "/proc/self/environ", "/proc/self/auxv", "/proc/self/coredump_filter",
	"/proc/self/comm",
};
#define FILES (sizeof(files) / sizeof(files[0]))

static char before[FILES][8192], now[8192];

/* Fields 26 to 29 and 45 to 51 of stat: bounds of code, stack, data, arguments. */
static void bounds(unsigned long ret[11])
{
	char text[2048] = "", *at;

	slurp("/proc/self/stat", text, sizeof(text) - 1);
	at = strrchr(text, ')');
	for (int field = 3, i = 0; at && field <= 51; field++) {
		at = strchr(at, ' ');
		if (!at)
			break;
		at++;
		if ((field >= 26 && field <= 28) || (field >= 45 && field <= 51))
			ret[i++] = strtoul(at, NULL, 10);
	}
}

int main(void)
{
	unsigned long was[11] = {}, is[11] = {};
	char exe[PATH_MAX] = "", exe_now[PATH_MAX] = "";
	size_t n[FILES];
	int mdwe, membarrier, huge;
	void *locked;

	prctl(PR_SET_NAME, "a name) (odd");
	(void)!system("true");
	membarrier = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
	mdwe = prctl(PR_SET_MDWE, 1, 0, 0, 0) == 0;
	/* but where they are asked for: since 6.18 */
	prctl(PR_SET_THP_DISABLE, 1, 2, 0, 0);
	huge = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	subject_need(mlockall(MCL_FUTURE | MCL_ONFAULT) == 0 || geteuid(), "mlockall: %m");
	(void)!readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	{
		int fd = open("/proc/self/coredump_filter", O_WRONLY);

		(void)!write(fd, "0x3f", 4);
		close(fd);
	}
	for (size_t i = 0; i < FILES; i++)
		n[i] = slurp(files[i], before[i], sizeof(before[i]));
	bounds(was);
	subject_ready();
	subject_wait_restored();

	(void)!readlink("/proc/self/exe", exe_now, sizeof(exe_now) - 1);
	subject_check(strcmp(exe, exe_now) == 0, "runs %s, was %s", exe_now, exe);
	for (size_t i = 0; i < FILES; i++) {
		size_t got = slurp(files[i], now, sizeof(now));

		subject_check(got == n[i] && memcmp(now, before[i], got) == 0, "%s changed (%zu bytes, %zu)",
			      files[i], got, n[i]);
	}
	bounds(is);
	for (int i = 0; i < 11; i++)
		subject_check(was[i] == is[i], "bound %d is %lx, was %lx", i, is[i], was[i]);
	subject_check(getauxval(AT_PAGESZ) == (unsigned long)sysconf(_SC_PAGESIZE), "no auxv");
	if (membarrier)
		subject_check(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0,
			      "membarrier: %m");
	if (mdwe)
		subject_check(prctl(PR_GET_MDWE, 0, 0, 0, 0) == 1, "MDWE is %d",
			      prctl(PR_GET_MDWE, 0, 0, 0, 0));
	subject_check(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == huge, "huge pages: %d, was %d",
		      prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), huge);
	locked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*(volatile char *)locked = 1;
	if (geteuid() == 0) {
		size_t got = slurp("/proc/self/status", now, sizeof(now) - 1);

		now[got] = '\0';
		subject_check(strstr(now, "VmLck:\t       0 kB") == NULL, "future memory is not locked");
	}
	return subject_end();
}
