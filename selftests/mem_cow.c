// SPDX-License-Identifier: GPL-2.0-only
/*
 * A pool of forked workers shares its parent's pages after the restore as before: the sum of
 * the proportional set sizes does not grow. Some children changed some pages.
 */
#include "subject.h"

#define WORKERS 8
#define MIB	(1 << 20)
#define SIZE	(32 * MIB)

struct shared {
	volatile int ready, check, checked;
};

/* The proportional set size of @pid in KiB. */
static long pss(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
	f = fopen(path, "r");
	while (f && kib < 0 && fgets(line, sizeof(line), f))
		(void)sscanf(line, "Pss: %ld", &kib);
	if (f)
		fclose(f);
	return kib;
}

static long total_pss(const pid_t *pids)
{
	long sum = pss(getpid());

	for (int i = 0; i < WORKERS; i++)
		sum += pss(pids[i]);
	return sum;
}

static bool is_right(const unsigned char *p, int worker)
{
	size_t page = sysconf(_SC_PAGESIZE);

	for (size_t i = 0; i < SIZE; i += page) {
		int want = i / page % 251 + 1;

		if (worker >= 0 && i / page % 100 == (size_t)worker)
			want = 0xf0 + worker;
		if (p[i] != want || p[i + page - 1] != want)
			return false;
	}
	return true;
}

static void work(unsigned char *p, int worker, struct shared *shared)
{
	size_t page = sysconf(_SC_PAGESIZE);

	/* One page in a hundred is written by this worker only. */
	for (size_t i = worker * page; i < SIZE; i += 100 * page)
		memset(p + i, 0xf0 + worker, page);
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (!shared->check)
		subject_sleep(5);
	subject_check(is_right(p, worker), "worker %d: its memory changed", worker);
	__atomic_add_fetch(&shared->checked, 1, __ATOMIC_SEQ_CST);
	pause();
}

int main(void)
{
	struct shared *shared = subject_shared(4096);
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);
	pid_t pids[WORKERS];
	long before, after;

	subject_need(p != MAP_FAILED, "mmap: %m");
	for (size_t i = 0; i < SIZE; i += page)
		memset(p + i, i / page % 251 + 1, page);
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = subject_fork();
		if (pids[i] == 0)
			work(p, i, shared);
	}
	subject_need(subject_await(shared->ready == WORKERS), "workers do not come up");
	before = total_pss(pids);
	subject_ready();
	subject_wait_restored();

	after = total_pss(pids);
	subject_check(after <= before + before / 10, "%ld KiB in all, were %ld", after, before);
	shared->check = 1;
	subject_check(is_right(p, -1), "the parent's memory changed");
	subject_check(subject_await(shared->checked == WORKERS), "only %d workers answered",
		      shared->checked);
	for (int i = 0; i < WORKERS; i++) {
		kill(pids[i], SIGKILL);
		subject_reap(pids[i]);
	}
	return subject_end();
}
