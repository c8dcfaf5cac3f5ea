// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures a command, or a limit of this machine. Run by tools/bench and bench-scan:
 *
 *	stopwatch RESULT SYNC COMMAND [ARG]...	    SYNC: a directory to sync within the time, or -
 *	stopwatch RESULT SYNC --gone PID COMMAND [ARG]...   takes the time until PID is gone too
 *	stopwatch RESULT SYNC --write BYTES THREADS FILE    as many threads write one file
 *	stopwatch RESULT SYNC --copy BYTES THREADS	    as many copy to memory not touched before
 *	stopwatch RESULT SYNC --read BYTES THREADS	    as many read memory in small pages
 *	stopwatch RESULT SYNC --fetch BYTES THREADS	    the same of another process
 *
 * Writes "milliseconds, peak memory in KiB, exit status, milliseconds of CPU time, milliseconds
 * until PID was gone" to RESULT. It is a small program so that the peak is the command's own: a
 * child keeps the peak of whom it was forked from.
 */
#include "subject.h"

#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define CHUNK	    (1 << 20)
#define THREADS_MAX 64

struct load {
	size_t size, next;
	int fd;		/* -1: to memory */
	char *to;
	char *from;	/* not NULL: that is read */
	pid_t of;	/* of this process; 0: of this one */
};

/* Without a copy: is there a byte that differs from the one before? */
static bool look_at(const struct load *load, size_t at, size_t n, char *chunk)
{
	struct iovec local = { chunk, n }, remote = { load->from + at, n };

	if (load->of)
		return process_vm_readv(load->of, &local, 1, &remote, 1, 0) == (ssize_t)n;
	return memcmp(load->from + at, load->from + at + 1, n - 1) == 0;
}

/* Takes chunk after chunk, as the other threads do. */
static void *carry(void *arg)
{
	char *chunk = malloc(CHUNK);
	struct load *load = arg;
	size_t at;

	if (!chunk)
		return arg;
	memset(chunk, 0x5a, CHUNK);
	while ((at = __atomic_fetch_add(&load->next, CHUNK, __ATOMIC_SEQ_CST)) < load->size) {
		size_t n = load->size - at < CHUNK ? load->size - at : CHUNK;

		if (load->from) {
			if (!look_at(load, at, n, chunk))
				return arg;
		} else if (load->fd < 0)
			memcpy(load->to + at, chunk, n);
		else if (pwrite(load->fd, chunk, n, at) != (ssize_t)n)
			return arg;
	}
	free(chunk);
	return NULL;
}

static int carry_all(struct load *load, int n)
{
	pthread_t threads[THREADS_MAX];
	void *failed = NULL, *one;

	if (n < 1 || n > THREADS_MAX)
		return 1;
	for (int i = 1; i < n; i++)
		if (pthread_create(&threads[i], NULL, carry, load))
			return 1;
	failed = carry(load);
	for (int i = 1; i < n; i++) {
		pthread_join(threads[i], &one);
		failed = failed ? failed : one;
	}
	return failed ? 1 : 0;
}

static int run(char **argv)
{
	struct load load = { .fd = -1 };

	if (strcmp(argv[0], "--write") == 0) {
		load.size = strtoul(argv[1], NULL, 10);
		load.fd = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC, 0600);
		return load.fd < 0 || carry_all(&load, atoi(argv[2]));
	}
	if (strcmp(argv[0], "--copy") == 0) {
		load.size = strtoul(argv[1], NULL, 10);
		load.to = mmap(NULL, load.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
		return load.to == MAP_FAILED || carry_all(&load, atoi(argv[2]));
	}
	execvp(argv[0], argv);
	return 127;
}

/* A process with as much memory as @load names, there already. */
static pid_t start_other(const struct load *load)
{
	int ready[2];
	pid_t pid;
	char c;

	if (pipe(ready))
		return -1;
	pid = fork();
	if (pid == 0) {
		memset(load->from, 2, load->size); /* its own pages, not ours */
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	if (pid > 0 && read(ready[0], &c, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

/* Milliseconds to read memory of this process, or of another; below 0: it failed. */
static double read_memory(size_t size, int threads, bool is_other)
{
	struct load load = { .size = size, .fd = -1 };
	double start, ms;

	load.from = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (load.from == MAP_FAILED)
		return -1;
	madvise(load.from, size, MADV_NOHUGEPAGE);
	memset(load.from, 1, size);
	load.of = is_other ? start_other(&load) : 0;
	if (load.of < 0)
		return -1;
	start = subject_ms();
	ms = carry_all(&load, threads) ? -1 : subject_ms() - start;
	if (load.of) {
		kill(load.of, SIGKILL);
		waitpid(load.of, NULL, 0);
	}
	return ms;
}

static double cpu_ms(const struct timeval *time)
{
	return time->tv_sec * 1e3 + time->tv_usec / 1e3;
}

int main(int argc, char **argv)
{
	struct pollfd gone = { .fd = -1, .events = POLLIN };
	struct rusage usage = {};
	double start, until;
	int status = 0, fd;
	FILE *f;
	const char *result, *sync;
	pid_t pid;

	if (argc < 4)
		return 2;
	result = argv[1];
	sync = argv[2];
	if (argc > 5 && strcmp(argv[3], "--gone") == 0) {
		gone.fd = (int)syscall(SYS_pidfd_open, atoi(argv[4]), 0);
		argv += 2;
	}
	if (argc > 5 && (strcmp(argv[3], "--read") == 0 || strcmp(argv[3], "--fetch") == 0)) {
		start = read_memory(strtoul(argv[4], NULL, 10), atoi(argv[5]), argv[3][2] == 'f');
		f = start < 0 ? NULL : fopen(result, "w");
		if (!f)
			return 2;
		fprintf(f, "%.3f 0 0 0 0\n", start);
		return fclose(f) ? 2 : 0;
	}
	start = subject_ms();
	pid = fork();
	if (pid == 0)
		_exit(run(argv + 3));
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 2;
	if (strcmp(sync, "-") != 0) {
		fd = open(sync, O_RDONLY | O_DIRECTORY);
		if (fd < 0 || syncfs(fd) < 0)
			return 2;
		close(fd);
	}
	until = start;
	start = subject_ms() - start;
	if (gone.fd >= 0)
		poll(&gone, 1, -1);
	until = subject_ms() - until;
	f = fopen(result, "w");
	if (!f)
		return 2;
	fprintf(f, "%.3f %ld %d %.3f %.3f\n", start, usage.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		cpu_ms(&usage.ru_utime) + cpu_ms(&usage.ru_stime), until);
	return fclose(f) ? 2 : 0;
}
