// SPDX-License-Identifier: GPL-2.0-only
/* Which pages the memory stage stores, and what it makes of them: a child's memory, with tables made up here. */
#include "harness.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "dump/dump.h"
#include "dump/page-source.h"
#include "dump/pages.h"
#include "kind.h"
#include "lib/cleanup.h"
#include "lib/err.h"
#include "pagemap.pb-c.h"
#include "snapshot.h"

static bool claims_none(const struct vma *v)
{
	return false;
}

static const struct vma_ops private_ops = { .claims = claims_none, .pages = VMA_PAGES_PRIVATE };
static const struct vma_ops all_ops = { .claims = claims_none, .pages = VMA_PAGES_ALL };
static const struct vma_ops none_ops = { .claims = claims_none, .pages = VMA_PAGES_NONE };
static const struct kind private_kind = { .name = "private", .vma = &private_ops };
static const struct kind all_kind = { .name = "all", .vma = &all_ops };
static const struct kind none_kind = { .name = "none", .vma = &none_ops };

#define VMAS_MAX 600

/* A child that sleeps, whose memory is this process's at the fork; tables that tell of parts of it. */
struct fixture {
	pid_t pid;
	size_t page;
	struct vma_record recs[VMAS_MAX];
	struct vma vmas[VMAS_MAX];
	struct mm mm;
	struct process process, *processes[1];
	struct dump dump;
	struct error err;
	char dir[64];
};

static void fixture_fork(struct fixture *x)
{
	x->page = (size_t)sysconf(_SC_PAGESIZE);
	x->pid = test_fork();
	if (!x->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	/* as whom it dumps: newer kernels may let nobody else read what it may not read itself */
	EXPECT_EQ(ptrace(PTRACE_SEIZE, x->pid, NULL, NULL), 0);
	x->mm = (struct mm){ .id = 1, .vmas = x->vmas, .process = &x->process };
	x->process = (struct process){ .pid = x->pid, .vpid = 7, .mm = &x->mm };
	x->processes[0] = &x->process;
}

/* The test adds mappings in ascending order. */
static void fixture_add(struct fixture *x, const char *start, size_t pages, const struct kind *kind,
			const char *path)
{
	size_t i = x->mm.n_vmas++;

	EXPECT_LT(i, VMAS_MAX);
	x->recs[i] = (struct vma_record){ .start = (uintptr_t)start, .anon_vma = 1, .flags = 3 };
	x->vmas[i] = (struct vma){ .rec = &x->recs[i], .path = path, .anon_name = "", .kind = kind,
				   .start = (uintptr_t)start,
				   .end = (uintptr_t)start + pages * x->page };
}

static void fixture_end(struct fixture *x)
{
	kill(x->pid, SIGKILL);
	waitpid(x->pid, NULL, 0);
}

static char *map(size_t pages, int prot, int flags, int fd)
{
	char *p = mmap(NULL, pages * (size_t)sysconf(_SC_PAGESIZE), prot, flags, fd, 0);

	EXPECT(p != MAP_FAILED);
	madvise(p, pages * (size_t)sysconf(_SC_PAGESIZE), MADV_NOHUGEPAGE);
	return p;
}

static char *map_anon(size_t pages)
{
	return map(pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* PAGEMAP_SCAN came with Linux 6.7. */
static bool has_scan(struct fixture *x)
{
	struct page_source src;
	struct page_range range;
	bool has;

	EXPECT_EQ(page_source_process(&src, &x->process, &x->err), 0);
	page_source_next(&src, &range, &x->err);
	has = src.has_scan;
	page_source_close(&src);
	return has;
}

/* All ranges of the source, as "start+pages " relative to @base. @slow: without PAGEMAP_SCAN. */
static const char *ranges(struct fixture *x, const char *base, bool slow)
{
	static char text[8192];
	struct page_source src;
	struct page_range range;
	size_t length = 0;
	int ret;

	text[0] = 0;
	EXPECT_EQ(page_source_process(&src, &x->process, &x->err), 0);
	src.has_scan = !slow;
	while ((ret = page_source_next(&src, &range, &x->err)) > 0)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%llu+%llu%s ",
					   (unsigned long long)((range.start - (uintptr_t)base) / x->page),
					   (unsigned long long)((range.end - range.start) / x->page),
					   range.keep_zeroes ? "!" : "");
	EXPECT_EQ(ret, 0);
	page_source_close(&src);
	return text;
}

TEST(touched_pages_are_found_and_no_others)
{
	for (int slow = 0; slow < 2; slow++) {
		struct fixture x = { 0 };
		char *p = map_anon(100);
		volatile char sink;

		fixture_fork(&x);
		fixture_end(&x);
		for (int i = 3; i < 6; i++)
			p[i * (int)x.page] = 1;
		p[99 * x.page] = 1;
		sink = p[50 * x.page];	/* the zero page */
		(void)sink;
		fixture_fork(&x);
		fixture_add(&x, p, 100, &private_kind, "");
		/* the slow way cannot tell the zero page, whose content tells it later */
		EXPECT_STREQ(ranges(&x, p, slow), slow || !has_scan(&x) ? "3+3 50+1 99+1 " : "3+3 99+1 ");
		fixture_end(&x);
		munmap(p, 100 * x.page);
	}
}

TEST(of_a_file_only_what_was_changed)
{
	struct fixture x = { 0 };
	char name[] = "/tmp/memory-test-XXXXXX";
	int fd = mkstemp(name);
	char *p;

	unlink(name);
	EXPECT_EQ(ftruncate(fd, 10 * sysconf(_SC_PAGESIZE)), 0);
	p = map(10, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	fixture_fork(&x);
	fixture_end(&x);
	p[2 * x.page] = 0;	/* a page of zeroes, but its own */
	EXPECT_EQ(p[4 * x.page], 0);
	fixture_fork(&x);
	fixture_add(&x, p, 10, &private_kind, "/some/file");
	EXPECT_STREQ(ranges(&x, p, false), "2+1! ");
	EXPECT_STREQ(ranges(&x, p, true), "2+1! ");
	fixture_end(&x);
}

TEST(kinds_decide)
{
	struct fixture x = { 0 };
	char *p = map_anon(30);

	memset(p, 1, 30 * (size_t)sysconf(_SC_PAGESIZE));
	fixture_fork(&x);
	fixture_add(&x, p, 10, &none_kind, "");
	fixture_add(&x, p + 10 * x.page, 10, &all_kind, "");
	fixture_add(&x, p + 20 * x.page, 10, &private_kind, "");
	EXPECT_STREQ(ranges(&x, p, false), "10+10! 20+10 ");
	x.recs[2].anon_vma = 0;
	EXPECT_STREQ(ranges(&x, p, false), "10+10! ");
	fixture_end(&x);
}

TEST(a_terabyte_of_nothing_costs_nothing)
{
	struct fixture x = { 0 };
	const size_t size = 1ull << 40;
	struct timespec start, end;
	char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	EXPECT(p != MAP_FAILED);
	mprotect(p + size / 2, 4096, PROT_READ | PROT_WRITE);
	p[size / 2] = 1;
	mprotect(p + size / 2, 4096, PROT_NONE);
	fixture_fork(&x);
	fixture_add(&x, p + size / 2, 1, &private_kind, "");
	if (!has_scan(&x))
		SKIP("needs PAGEMAP_SCAN");
	x.mm.n_vmas = 0;
	fixture_add(&x, p, size / x.page, &private_kind, "");
	clock_gettime(CLOCK_MONOTONIC, &start);
	EXPECT_STREQ(ranges(&x, p + size / 2, false), "0+1 ");
	clock_gettime(CLOCK_MONOTONIC, &end);
	EXPECT_LT((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000, 100);
	fixture_end(&x);
}

/* Ranges with and without pinning, and one that cannot be pinned although its flags say so. */
TEST(ranges_of_all_sorts_are_read_in_order)
{
	struct fixture x = { 0 };
	struct page_source src;
	struct page_range range[20];
	char *p = map_anon(64), *buffer = malloc(20 * 2 * (size_t)sysconf(_SC_PAGESIZE));

	x.page = (size_t)sysconf(_SC_PAGESIZE);
	for (size_t i = 0; i < 64; i++)
		memset(p + i * x.page, 'A' + (char)i, x.page);
	mprotect(p + 9 * 3 * x.page, 2 * x.page, PROT_NONE);
	fixture_fork(&x);
	fixture_add(&x, p, 64, &private_kind, "");
	EXPECT_EQ(page_source_process(&src, &x.process, &x.err), 0);
	for (size_t i = 0; i < 20; i++) {
		range[i] = (struct page_range){ .start = (uintptr_t)p + i * 3 * x.page,
						.is_shared = i % 5 == 3 };
		range[i].end = range[i].start + 2 * x.page;
	}
	EXPECT_EQ(page_source_read(&src, range, 20, buffer, &x.err), 0);
	mprotect(p, 64 * x.page, PROT_READ);
	for (size_t i = 0; i < 20; i++)
		EXPECT_MEMEQ(buffer + i * 2 * x.page, p + i * 3 * x.page, 2 * x.page);
	page_source_close(&src);
	fixture_end(&x);
	free(buffer);
}

TEST(memory_that_nobody_may_touch_is_read)
{
	struct fixture x = { 0 };
	struct page_source src;
	struct page_range range;
	char *p = map_anon(4), buffer[65536];

	memset(p, 'x', 4 * (size_t)sysconf(_SC_PAGESIZE));
	mprotect(p, 4 * (size_t)sysconf(_SC_PAGESIZE), PROT_NONE);
	fixture_fork(&x);
	fixture_add(&x, p, 4, &private_kind, "");
	EXPECT_EQ(page_source_process(&src, &x.process, &x.err), 0);
	EXPECT_EQ(page_source_next(&src, &range, &x.err), 1);
	range.end = range.start + x.page;
	EXPECT_EQ(page_source_read(&src, &range, 1, buffer, &x.err), 0);
	EXPECT_EQ(buffer[x.page - 1], 'x');
	page_source_close(&src);
	fixture_end(&x);
}

TEST(shared_memory_is_its_data)
{
	struct page_source src;
	struct page_range range;
	struct error err = { 0 };
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("test", 0);

	EXPECT_EQ(ftruncate(fd, (off_t)(20 * page + 5)), 0);
	EXPECT_EQ(pwrite(fd, "x", 1, (off_t)(3 * page)), 1);
	EXPECT_EQ(pwrite(fd, "x", 1, (off_t)(20 * page + 2)), 1);
	page_source_shared(&src, fd, 20 * page + 5);
	EXPECT_EQ(page_source_next(&src, &range, &err), 1);
	EXPECT_EQ(range.start, 3 * page);
	EXPECT_EQ(range.end, 4 * page);
	EXPECT_EQ(page_source_next(&src, &range, &err), 1);
	EXPECT_EQ(range.start, 20 * page);
	EXPECT_EQ(range.end, 21 * page);
	EXPECT_EQ(page_source_next(&src, &range, &err), 0);
}

static void pump_into(struct fixture *x, const char *dir)
{
	struct page_pump *pump;

	snprintf(x->dir, sizeof(x->dir), "%s", dir);
	x->dump.snap.processes = x->processes;
	x->dump.snap.n_processes = 1;
	x->dump.err = &x->err;
	EXPECT_EQ(image_dir_open(&x->dump.dir, x->dir, &x->err), 0);
	EXPECT_EQ(page_pump_create(&pump, &x->err), 0);
	if (page_pump_run(pump, &x->dump, PUMP_STOPPED, &x->err))
		FAIL("%s", x->err.text);
	page_pump_destroy(pump);
}

static void remove_dir(struct fixture *x)
{
	image_dir_discard(x->dump.dir);
	image_dir_close(x->dump.dir);
	rmdir(x->dir);
}

/* Reads the pagemap back and compares each page with this process's own copy. Returns the pages seen. */
static size_t compare_image(struct fixture *x)
{
	struct image *image;
	ProtobufCMessage *msg;
	int fd = image_open_raw(x->dump.dir, IMAGE_PAGES, 1, &x->err);
	char *content = malloc(x->page);
	uint64_t end = 0;
	size_t seen = 0;

	EXPECT_GE(fd, 0);
	EXPECT_EQ(image_open(x->dump.dir, IMAGE_PAGEMAP, 7, &image, &x->err), 0);
	EXPECT_EQ(image_next(image, &pagemap_head__descriptor, &msg, &x->err), 1);
	protobuf_c_message_free_unpacked(msg, NULL);
	while (image_next(image, &pagemap_entry__descriptor, &msg, &x->err) > 0) {
		const PagemapEntry *entry = (PagemapEntry *)msg;

		/* ascending, and merged with what adjoins */
		EXPECT(!end || entry->vaddr > end);
		for (size_t i = 0; i < entry->compat_nr_pages; i++, seen++) {
			EXPECT_EQ(pread(fd, content, x->page, (off_t)(seen * x->page)),
				  (ssize_t)x->page);
			EXPECT_MEMEQ(content, (char *)(uintptr_t)entry->vaddr + i * x->page, x->page);
		}
		end = entry->vaddr + entry->compat_nr_pages * x->page;
		protobuf_c_message_free_unpacked(msg, NULL);
	}
	EXPECT_EQ(pread(fd, content, 1, (off_t)(seen * x->page)), 0);
	free(content);
	image_finish(image, NULL);
	close(fd);
	return seen;
}

TEST(the_image_holds_each_page_once_and_in_order)
{
	enum { PAGES = 20000 };	/* far beyond what one worker does alone */
	struct fixture x = { 0 };
	char dir[] = "/dev/shm/memory-test-XXXXXX", *p = map_anon(PAGES);
	size_t page = (size_t)sysconf(_SC_PAGESIZE), expected = 0;

	srand(7);
	for (size_t i = 0; i < PAGES; i++)
		switch (rand() % 8) {
		case 0:
			break;			/* never touched */
		case 1:
			p[i * page] = 0;	/* touched, zero */
			break;
		case 2:
			p[i * page + page - 1] = 1;	/* only its last byte */
			expected++;
			break;
		default:
			*(size_t *)(p + i * page + 8) = i;
			expected += i != 0;
		}
	fixture_fork(&x);
	for (size_t i = 0; i < 500; i++)	/* many mappings side by side */
		fixture_add(&x, p + i * 40 * page, 40, &private_kind, "");
	EXPECT(mkdtemp(dir));
	pump_into(&x, dir);
	EXPECT_EQ(compare_image(&x), expected);
	EXPECT_EQ(x.dump.stats.pages_written, expected);
	EXPECT_EQ(x.dump.stats.pages_scanned - x.dump.stats.pages_zero, expected);
	remove_dir(&x);
	fixture_end(&x);
}

TEST(a_file_that_cannot_grow_is_an_error)
{
	struct fixture x = { 0 };
	struct page_pump *pump;
	char *p = map_anon(3000);

	if (mkdir("/tmp/memory-test-full", 0700) && errno != EEXIST)
		SKIP("cannot make a directory");
	memset(p, 1, 3000 * (size_t)sysconf(_SC_PAGESIZE));
	fixture_fork(&x);
	fixture_add(&x, p, 3000, &private_kind, "");
	/* the pages file cannot grow: a limit on this process stands for the disk */
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1 << 20, RLIM_INFINITY });
	snprintf(x.dir, sizeof(x.dir), "/tmp/memory-test-full");
	x.dump.snap.processes = x.processes;
	x.dump.snap.n_processes = 1;
	x.dump.err = &x.err;
	EXPECT_EQ(image_dir_open(&x.dump.dir, x.dir, &x.err), 0);
	EXPECT_EQ(page_pump_create(&pump, &x.err), 0);
	EXPECT_EQ(page_pump_run(pump, &x.dump, PUMP_STOPPED, &x.err), -EFBIG);
	EXPECT(strstr(x.err.text, "pages-1.img: cannot write it"));
	page_pump_destroy(pump);
	remove_dir(&x);
	error_deinit(&x.err);
	fixture_end(&x);
}
