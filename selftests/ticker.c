// SPDX-License-Identifier: GPL-2.0-only
/*
 * Touches as many MiB as it is told, then ticks: the longest time between two ticks is how
 * long it stood still. Run by tools/bench, which reads and clears it in the file `gap`.
 *
 *	ticker MIB [huge] [sparse] [threads=N] [files=N] [processes=N]
 *
 * huge: in huge pages; sparse: four of five pages are touched, but zero; threads and descriptors:
 * so many more; processes: so many children with as much memory each. It forks when it finds the
 * file `fork`, and removes that.
 */
#include "subject.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

struct what {
	size_t size;
	bool is_huge, is_sparse;
	int threads, files, processes;
};

static int number_of(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && word[n] == '=' ? atoi(word + n + 1) : 0;
}

static void read_arguments(struct what *what, int argc, char **argv)
{
	what->size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 0) << 20;
	for (int i = 2; i < argc; i++) {
		what->is_huge |= strcmp(argv[i], "huge") == 0;
		what->is_sparse |= strcmp(argv[i], "sparse") == 0;
		what->threads += number_of(argv[i], "threads");
		what->files += number_of(argv[i], "files");
		what->processes += number_of(argv[i], "processes");
	}
}

/* Nothing that compresses, merges or is zero, but where it is sparse. */
static void touch(const struct what *what)
{
	size_t page = sysconf(_SC_PAGESIZE), align = what->is_huge ? 2 << 20 : page;
	uint64_t *p, x = 88172645463325252 + getpid();

	p = mmap(NULL, what->size + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		 0);
	subject_need(p != MAP_FAILED, "mmap: %m");
	p = (uint64_t *)(((uintptr_t)p + align - 1) & -align);
	if (what->is_huge)
		madvise(p, what->size, MADV_HUGEPAGE);
	for (size_t i = 0; i < what->size / sizeof(*p); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = what->is_sparse && i * sizeof(*p) / page % 5 ? 0 : x;
	}
}

static void *sleep_on(void *arg)
{
	while (pause())
		;
	return arg;
}

static void start_threads(int n)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	for (int i = 0; i < n; i++)
		subject_need(pthread_create(&thread, &attr, sleep_on, NULL) == 0, "a thread: %m");
}

/* A fifth each are files, event counters and sockets, the rest pipes. */
static void open_files(int n)
{
	struct rlimit limit;
	char name[32];
	int ends[2];

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (int i = 0; i < n / 5; i++) {
		snprintf(name, sizeof(name), "file%d", i % 100);
		subject_need(open(name, O_RDWR | O_CREAT, 0644) >= 0, "open: %m");
		subject_need(eventfd(i, 0) >= 0, "eventfd: %m");
		subject_need(i % 2 ? pipe(ends) == 0 && pipe(ends) == 0 :
				     socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair: %m");
	}
}

static void start_processes(const struct what *what)
{
	pid_t parent = getpid();
	int ready[2];
	char byte;

	subject_need(pipe(ready) == 0, "pipe: %m");
	for (int i = 0; i < what->processes; i++) {
		if (subject_fork())
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		close(ready[0]);
		touch(what);
		close(ready[1]);
		sleep_on(NULL);
	}
	close(ready[1]);
	subject_need(read(ready[0], &byte, 1) == 0, "read: %m");
	close(ready[0]);
}

/* What a fork() costs who calls it. */
static double fork_once(void)
{
	double start = subject_ms();
	pid_t pid = subject_fork();

	if (!pid)
		sleep_on(NULL);
	start = subject_ms() - start;
	kill(pid, SIGKILL);
	subject_reap(pid);
	return start;
}

int main(int argc, char **argv)
{
	int fd = open("gap", O_RDWR | O_CREAT, 0644);
	size_t page = sysconf(_SC_PAGESIZE);
	struct what what = {};
	volatile double *gap;
	double last, now;

	read_arguments(&what, argc, argv);
	subject_need(fd >= 0 && ftruncate(fd, page) == 0, "gap: %m");
	gap = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	subject_need(gap != MAP_FAILED, "mmap: %m");
	close(fd);
	start_processes(&what);
	if (!what.processes)
		touch(&what);
	open_files(what.files);
	start_threads(what.threads);
	subject_ready();
	last = subject_ms();
	while (!subject_told("go")) {
		if (subject_told("fork")) {
			*gap = fork_once();
			unlink("fork");
			last = subject_ms();
		}
		for (int i = 0; i < 50; i++) {
			subject_sleep(0.2);
			now = subject_ms();
			if (now - last > *gap)
				*gap = now - last;
			last = now;
		}
	}
	return subject_end();
}
