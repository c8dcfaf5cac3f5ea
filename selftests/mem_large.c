// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory large enough to be saved and restored by several threads at once: plain, never to be
 * written, not accessible, locked, of huge pages, with pages of zeroes in between, on the
 * stack, and what a child wrote into pages that it shared with its parent.
 */
#include "subject.h"

#define MIB	(1ul << 20)
#define STACK	(4 * MIB)
#define GAP	(3 * MIB)	/* so that runs end inside of what is read at once */
#define VERY	(96 * MIB)	/* such a range has its place in the image before it is read */

enum { PLAIN, READ_ONLY, NO_ACCESS, LOCKED, HUGE_PAGES, SPARSE, OF_CHILD, N };

struct area {
	unsigned char *at;
	size_t size;
};

/* Says nothing of its neighbours: a page at the wrong place is found. */
static uint64_t content(int area, size_t at)
{
	uint64_t x = (at + 1) * 0x9e3779b97f4a7c15ull + area;

	return (x ^ x >> 29) | 1;
}

/* Four of five pages, in runs of different lengths, are nothing but zeroes. */
static bool is_zero(int area, size_t page)
{
	return area == SPARSE && page % 40 < 32;
}

static void fill(const struct area *area, int number, size_t page)
{
	for (size_t at = 0; at < area->size; at += 8)
		*(uint64_t *)(area->at + at) =
			is_zero(number, at / page) ? 0 : content(number, at);
}

static void check(const struct area *area, int number, size_t page, const char *who)
{
	for (size_t at = 0; at < area->size; at += 8) {
		uint64_t want = is_zero(number, at / page) ? 0 : content(number, at);
		uint64_t found = *(uint64_t *)(area->at + at);

		if (found != want) {
			subject_check(false, "%s: area %d: %zx has %lx, not %lx", who, number, at,
				      found, want);
			return;
		}
	}
}

static struct area map(size_t size)
{
	struct area area = { .size = size };

	area.at = mmap(NULL, size + MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	subject_need(area.at != MAP_FAILED, "mmap: %m");
	return area;
}

/* The child's own pages begin in the middle of what it shares with its parent. */
static void child(struct area *area, size_t page, volatile int *turn)
{
	struct area own = { area->at + area->size / 4, area->size / 2 };

	fill(&own, OF_CHILD, page);
	*turn = 1;
	while (*turn != 2)
		subject_sleep(5);
	check(&own, OF_CHILD, page, "the child");
	for (size_t at = 0; at < area->size; at += 8)
		if (at < area->size / 4 || at >= area->size / 4 * 3)
			if (*(uint64_t *)(area->at + at) != content(PLAIN, at)) {
				subject_check(false, "the child: %zx is not its parent's", at);
				break;
			}
	_exit(0);
}

/* How many mappings of writable anonymous memory there are. */
static int count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, " rw-p 00000000 00:00 0") != NULL;
	if (f)
		fclose(f);
	return n;
}

static void work(struct area *areas, size_t page)
{
	int before, after;
	volatile int *turn = subject_shared(page);
	pid_t pid = subject_fork();

	if (!pid)
		child(&areas[PLAIN], page, turn);
	subject_need(subject_await(*turn == 1), "the child does not come up");
	before = count_mappings();
	subject_ready();
	subject_wait_restored();

	after = count_mappings();
	subject_check(after == before, "%d mappings, were %d", after, before);
	subject_need(mprotect(areas[NO_ACCESS].at, areas[NO_ACCESS].size, PROT_READ) == 0,
		     "mprotect: %m");
	for (int i = 0; i < OF_CHILD; i++)
		check(&areas[i], i, page, "the parent");
	*turn = 2;
	subject_check(subject_reap(pid) == 0, "the child failed");
}

static void on_stack(struct area *areas, size_t page)
{
	unsigned char bytes[STACK] __attribute__((aligned(8)));
	struct area stack = { bytes, sizeof(bytes) };

	fill(&stack, N, page);
	work(areas, page);
	check(&stack, N, page, "the stack");
}

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	struct area areas[N] = {};

	for (int i = 0; i < OF_CHILD; i++) {
		areas[i] = map(i == PLAIN ? VERY : i == SPARSE ? 5 * GAP : GAP + i * page);
		if (i == LOCKED && mlock(areas[i].at, areas[i].size) && errno != ENOMEM)
			subject_need(errno == EPERM, "mlock: %m");
		if (i == HUGE_PAGES)
			madvise(areas[i].at, areas[i].size, MADV_HUGEPAGE);
		fill(&areas[i], i, page);
	}
	subject_need(mprotect(areas[READ_ONLY].at, areas[READ_ONLY].size, PROT_READ) == 0 &&
			     mprotect(areas[NO_ACCESS].at, areas[NO_ACCESS].size, PROT_NONE) == 0,
		     "mprotect: %m");
	on_stack(areas, page);
	return subject_end();
}
