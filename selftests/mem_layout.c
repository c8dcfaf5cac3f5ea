// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel knows of a program's layout: its image, arguments, environment, auxiliary
 * vector and executable, as /proc shows them.
 */
#include "subject.h"

static size_t read_proc(const char *name, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, O_RDONLY);
	n = read(fd, buf, size);
	close(fd);
	return n < 0 ? 0 : n;
}

/* Fields of /proc/self/stat that are addresses: start_code … env_end. Returns how many. */
static int layout(unsigned long long addr[11])
{
	static const int field[11] = {26, 27, 28, 45, 46, 47, 48, 49, 50, 51, 0};
	char text[2048] = "", *p;
	int n = 0, k = 2;

	read_proc("stat", text, sizeof(text) - 1);
	p = strrchr(text, ')');
	for (p = p ? strtok(p + 1, " ") : NULL; p; p = strtok(NULL, " ")) {
		if (++k == field[n])
			addr[n++] = strtoull(p, NULL, 10);
	}
	return n;
}

int main(void)
{
	static char before[3][8192], now[8192];
	static const char *names[3] = {"cmdline", "environ", "auxv"};
	unsigned long long addr[11] = {}, again[11] = {};
	char exe[PATH_MAX] = "", exe_now[PATH_MAX] = "";
	size_t size[3], n;
	int count = layout(addr);

	for (int i = 0; i < 3; i++)
		size[i] = read_proc(names[i], before[i], sizeof(before[i]));
	subject_need(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0, "exe: %m");
	subject_ready();
	subject_wait_restored();

	for (int i = 0; i < 3; i++) {
		n = read_proc(names[i], now, sizeof(now));
		subject_check(n == size[i] && memcmp(now, before[i], n) == 0, "%s changed (%zu, %zu)",
			      names[i], size[i], n);
	}
	subject_check(layout(again) == count, "stat has other fields");
	for (int i = 0; i < count; i++)
		subject_check(again[i] == addr[i], "address %d is %llx, was %llx", i, again[i], addr[i]);
	subject_check(readlink("/proc/self/exe", exe_now, sizeof(exe_now) - 1) > 0, "exe: %m");
	subject_check(strcmp(exe, exe_now) == 0, "exe is %s, was %s", exe_now, exe);
	return subject_end();
}
