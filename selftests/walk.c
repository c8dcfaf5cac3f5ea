// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to learn of every descriptor from /proc: `walk [PID]` reads the link and the
 * fdinfo of each, and prints how many there were. Run by tools/bench-scan.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static size_t walk_process(int proc, const char *pid)
{
	char path[300], text[4096];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY);
	dir = fd < 0 ? NULL : fdopendir(fd);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/fd/%s", pid, entry->d_name);
		if (readlinkat(proc, path, text, sizeof(text)) < 0)
			continue;
		snprintf(path, sizeof(path), "%s/fdinfo/%s", pid, entry->d_name);
		fd = openat(proc, path, O_RDONLY);
		if (fd >= 0 && read(fd, text, sizeof(text)) > 0)
			n++;
		close(fd);
	}
	if (dir)
		closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY);
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	if (argc > 1)
		n = walk_process(proc, argv[1]);
	else
		while (dir && (entry = readdir(dir)))
			if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
				n += walk_process(proc, entry->d_name);
	printf("%zu\n", n);
	return n ? 0 : 1;
}
