// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters in many pages, of every sort of memory, that agree with each other and with the
 * registers of those who count at every instant, and at no mixture of instants. Whoever
 * counts verifies each counter before it goes on. Run by cases/snapshot.py.
 */
#include "beat.h"

#include <pthread.h>
#include <stdatomic.h>

#define PAGES   512 /* of each sort */
#define THREADS 3

static volatile uint64_t *beat;
static atomic_int counting; /* threads whose pages are all there */
static size_t page;

static char *memory(int flags, int fd)
{
	char *p = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, flags, fd, 0);

	subject_need(p != MAP_FAILED, "mmap: %m");
	return p;
}

/* What children do not inherit, what they share, what they get a copy of. */
#define SORTS 5
static void make(char *sort[SORTS])
{
	int fd = memfd_create("instant", 0);

	subject_need(fd >= 0 && ftruncate(fd, PAGES * page) == 0, "memfd: %m");
	sort[0] = memory(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	sort[1] = memory(MAP_SHARED | MAP_ANONYMOUS, -1);
	sort[2] = memory(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(sort[2], PAGES * page, MADV_DONTFORK);
	sort[3] = memory(MAP_SHARED, fd);
	sort[4] = memory(MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(sort[4], PAGES * page, MADV_WIPEONFORK);
	close(fd);
}

/* One round after the other through all pages: those behind are one ahead. */
static void *count(void *arg)
{
	char *sort[SORTS];

	make(sort);
	for (uint64_t round = 1;; round++) {
		for (size_t i = 0; i < PAGES * SORTS; i++) {
			volatile uint64_t *at = (uint64_t *)(sort[i % SORTS] + i / SORTS * page);

			subject_need(*at == round - 1,
				     "counter %zu of memory %zu is %llu in round %llu", i / SORTS,
				     i % SORTS, (unsigned long long)*at, (unsigned long long)round);
			*at = round;
		}
		if (round == 1)
			counting++;
		if (arg && counting == THREADS)
			++*beat;
	}
	return NULL;
}

/*
 * Two processes take turns: what each has in its own memory differs from the other's by
 * one at most, as the memory between them says.
 */
static void take_turns(volatile uint64_t *ball, bool is_even)
{
	uint64_t own[1024] = {0};

	for (uint64_t round = is_even ? 2 : 1;; round += 2) {
		while (*ball != round - 1)
			subject_need(*ball == round - 2 || *ball == round - 1,
				     "the ball is %llu in round %llu", (unsigned long long)*ball,
				     (unsigned long long)round);
		for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i += 64) {
			subject_need(own[i] == (round > 2 ? round - 2 : 0),
				     "the process has %llu in round %llu",
				     (unsigned long long)own[i], (unsigned long long)round);
			own[i] = round;
		}
		*ball = round;
		/* so that two processors do for all */
		subject_sleep(0.2);
	}
}

static void *play(void *ball)
{
	take_turns(ball, false);
	return NULL;
}

int main(void)
{
	volatile uint64_t *ball;
	pthread_t t;

	page = (size_t)sysconf(_SC_PAGESIZE);
	beat = beat_open();
	ball = (uint64_t *)memory(MAP_SHARED | MAP_ANONYMOUS, -1);
	if (subject_fork() == 0)
		take_turns(ball, true);
	pthread_create(&t, NULL, play, (void *)ball);
	for (int i = 0; i < THREADS - 1; i++)
		pthread_create(&t, NULL, count, NULL);
	count((void *)beat);
	return 1;
}
