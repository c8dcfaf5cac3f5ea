// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tagged memory, which only pointers with its tags may use: pages with many tags, with one, of
 * zeroes, without access, without content, and of a child that shares them but for one.
 */
#include "subject.h"

#include <setjmp.h>
#include <sys/prctl.h>

#include "memory_tags.h"

#define SET_TAGGED_ADDR_CTRL 55
#define TAGGED_ADDR_ENABLE   1
#define MTE_TCF_SYNC	     2
#define ANY_TAG		     (0xfffe << 3)
#define TAG_FAULT	     9	/* SEGV_MTESERR */
#define GRANULE		     16
#define N_MIXED		     40	/* pages */

enum { EVEN = N_MIXED, ZEROES, UNTOUCHED, READ_ONLY, NO_ACCESS, LATE, CHANGED, N_PAGES };

static size_t page_size;
static size_t n_own;	/* granules of a page that have tags of their own */
static char *area;
static sigjmp_buf back;
static volatile int fault;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	fault = info->si_code;
	siglongjmp(back, 1);
}

static char *page_at(int page)
{
	return area + page * page_size;
}

static unsigned int wanted(int page, size_t granule)
{
	if (page == UNTOUCHED)
		return 0;
	return page < N_MIXED ? (granule % n_own * 7 + page) % 16 : (unsigned int)page % 15 + 1;
}

static void tag(int page, unsigned int add)
{
	for (size_t i = 0; i < page_size / GRANULE; i++)
		memory_tag_set(page_at(page) + i * GRANULE, (wanted(page, i) + add) % 16);
}

static void fill(int page)
{
	if (page == UNTOUCHED)
		return;
	if (page == LATE)
		subject_need(!mprotect(page_at(page), page_size, PROT_READ | PROT_WRITE | PROT_TAGGED),
			     "mprotect: %m");
	tag(page, 0);
	for (size_t i = 0; i < page_size / GRANULE && page != ZEROES; i++) {
		uint64_t tagged = (uint64_t)(page_at(page) + i * GRANULE) |
				  (uint64_t)wanted(page, i) << 56;

		*(volatile uint64_t *)tagged = page * 1000 + i;
	}
}

/* QEMU before 8.0 keeps two tags of a page, one for every other granule. */
static void count_own(char *page)
{
	memory_tag_set(page, 1);
	memory_tag_set(page + 2 * GRANULE, 3);
	n_own = memory_tag_get(page) == 1 ? page_size / GRANULE : 2;
}

static void make(void)
{
	int all = PROT_READ | PROT_WRITE;

	area = mmap(NULL, N_PAGES * page_size, all | PROT_TAGGED, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	subject_need(area != MAP_FAILED, "mmap: %m");
	subject_need(mmap(page_at(LATE), page_size, all, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			  0) == page_at(LATE),
		     "mmap: %m");
	count_own(page_at(0));
	for (int page = 0; page < N_PAGES; page++)
		fill(page);
	subject_need(!mprotect(page_at(READ_ONLY), page_size, PROT_READ) &&
			     !mprotect(page_at(NO_ACCESS), page_size, PROT_NONE),
		     "mprotect: %m");
}

/* What a load by a pointer with @tag gives, -1 if it is a fault of tags. */
static long load(const char *at, unsigned int tag)
{
	const volatile uint64_t *tagged = (void *)((uint64_t)at | (uint64_t)tag << 56);

	fault = 0;
	if (sigsetjmp(back, 1))
		return fault == TAG_FAULT ? -1 : -2;
	return (long)*tagged;
}

static void check_page(const char *who, int page, unsigned int add)
{
	for (size_t i = 0; i < page_size / GRANULE; i++) {
		const char *at = page_at(page) + i * GRANULE;
		unsigned int want = (wanted(page, i) + add) % 16;
		long value = page == ZEROES || page == UNTOUCHED ? 0 : (long)(page * 1000 + i);

		if (memory_tag_get(at) == want && load(at, want) == value &&
		    load(at, (want + 1) % 16) == -1)
			continue;
		subject_check(false, "%s: page %d, granule %zu: tag %u, not %u; %ld and %ld", who, page,
			      i, memory_tag_get(at), want, load(at, want), load(at, (want + 1) % 16));
		return;
	}
}

/* @add: to the tags of the page CHANGED. */
static void check(const char *who, unsigned int add)
{
	mprotect(page_at(NO_ACCESS), page_size, PROT_READ);
	for (int page = 0; page < N_PAGES; page++)
		check_page(who, page, page == CHANGED ? add : 0);
	mprotect(page_at(NO_ACCESS), page_size, PROT_NONE);
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	int *up = subject_shared(sizeof(*up));
	pid_t child;

	if (MEMORY_TAGS_NONE)
		subject_skip("%s", MEMORY_TAGS_NONE);
	page_size = sysconf(_SC_PAGESIZE);
	subject_need(!prctl(SET_TAGGED_ADDR_CTRL, TAGGED_ADDR_ENABLE | MTE_TCF_SYNC | ANY_TAG, 0, 0, 0),
		     "prctl: %m");
	sigaction(SIGSEGV, &action, NULL);
	make();
	check("before", 0);
	child = fork();
	if (!child) {
		tag(CHANGED, 3);
		__atomic_store_n(up, 1, __ATOMIC_SEQ_CST);
		subject_wait_restored();
		check("child", 3);
		_exit(0);
	}
	subject_need(subject_await(__atomic_load_n(up, __ATOMIC_SEQ_CST)), "no child");
	subject_ready();
	subject_wait_restored();
	check("after", 0);
	subject_check(subject_reap(child) == 0, "the child failed");
	return subject_end();
}
