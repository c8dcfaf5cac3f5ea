// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures a command, or a plain write. Run by tools/bench and bench-scan:
 *
 *	stopwatch RESULT SYNC COMMAND [ARG]...	    SYNC: a directory to sync within the time, or -
 *	stopwatch RESULT SYNC --write BYTES FILE
 *
 * Writes "milliseconds, peak memory in KiB, exit status, milliseconds of CPU time" to RESULT. It is a small program so
 * that the peak is the command's own: a child keeps the peak of whom it was forked from.
 */
#include "subject.h"

#include <sys/resource.h>

#define CHUNK (1 << 20)

static int plain_write(size_t size, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	char *chunk = malloc(CHUNK);

	if (fd < 0 || !chunk)
		return 1;
	memset(chunk, 0x5a, CHUNK);
	for (size_t done = 0; done < size; done += CHUNK) {
		size_t n = size - done < CHUNK ? size - done : CHUNK;

		if (write(fd, chunk, n) != (ssize_t)n)
			return 1;
	}
	close(fd);
	return 0;
}

static int run(char **argv)
{
	if (strcmp(argv[0], "--write") == 0)
		return plain_write(strtoul(argv[1], NULL, 10), argv[2]);
	execvp(argv[0], argv);
	return 127;
}

static double cpu_ms(const struct timeval *time)
{
	return time->tv_sec * 1e3 + time->tv_usec / 1e3;
}

int main(int argc, char **argv)
{
	struct rusage usage = {};
	double start;
	int status = 0, fd;
	FILE *f;
	pid_t pid;

	if (argc < 4)
		return 2;
	start = subject_ms();
	pid = fork();
	if (pid == 0)
		_exit(run(argv + 3));
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 2;
	if (strcmp(argv[2], "-") != 0) {
		fd = open(argv[2], O_RDONLY | O_DIRECTORY);
		if (fd < 0 || syncfs(fd) < 0)
			return 2;
		close(fd);
	}
	start = subject_ms() - start;
	f = fopen(argv[1], "w");
	if (!f)
		return 2;
	fprintf(f, "%.3f %ld %d %.3f\n", start, usage.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		cpu_ms(&usage.ru_utime) + cpu_ms(&usage.ru_stime));
	return fclose(f) ? 2 : 0;
}
