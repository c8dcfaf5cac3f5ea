// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check/groups.h"
#include "lib/cleanup.h"

/* Newer than the oldest headers that crbpf is built with. */
#define WP_UNPOPULATED (1 << 13)
#define WP_ASYNC       (1 << 15)
#define SCAN_GUARD     (1ULL << 8)
#define GUARD_INSTALL  102

struct scan {	/* struct pm_scan_arg */
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct region {
	uint64_t start, end, categories;
};
#define SCAN _IOWR('f', 16, struct scan)

static void *new_page(size_t n, int flags)
{
	void *at = mmap(NULL, n * (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
			flags | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void pagemap(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = new_page(2, MAP_PRIVATE);
	uint64_t entry[2] = { 0 };

	if (fd < 0 || !at) {
		answer_failed(a, errno, 0, "/proc/self/pagemap");
		return;
	}
	*at = 1;
	if (pread(fd, entry, sizeof(entry), (off_t)((uintptr_t)at / page * 8)) != sizeof(entry))
		answer_failed(a, errno, 0, "/proc/self/pagemap");
	else if (!(entry[0] >> 62) || entry[1] >> 62)
		answer_no(a, "it does not tell which pages are there");
	else
		answer_yes(a, "%s", "");
}

static long scan(const char *at, size_t n, uint64_t category, struct region *ret)
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct scan arg = {
		.size = sizeof(arg),
		.start = (uintptr_t)at,
		.end = (uintptr_t)at + n,
		.vec = (uintptr_t)ret,
		.vec_len = 1,
		.category_mask = category,
		.return_mask = category,
	};

	return fd < 0 ? fd : ioctl(fd, SCAN, &arg);
}

static void pagemap_scan(const struct check *c, const struct probe *p, struct answer *a)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = new_page(3, MAP_PRIVATE);
	struct region found = { 0 };
	long n;

	if (!at)
		return;
	at[page] = 1;
	n = scan(at, 3 * page, 1 << 3 /* PAGE_IS_PRESENT */, &found);
	if (n < 0)
		answer_failed(a, errno == ENOTTY ? EOPNOTSUPP : errno, 0, "PAGEMAP_SCAN");
	else if (n != 1 || found.start != (uintptr_t)at + page || found.end != found.start + page)
		answer_no(a, "it finds other pages than there are");
	else
		answer_yes(a, "%s", "");
}

static void guard_pages(const struct check *c, const struct probe *p, struct answer *a)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = new_page(1, MAP_PRIVATE);
	struct region found = { 0 };

	if (!at || madvise(at, page, GUARD_INSTALL))
		answer_failed(a, errno, 0, "MADV_GUARD_INSTALL");
	else
		answer_call(a, scan(at, page, SCAN_GUARD, &found), 0, "PAGEMAP_SCAN");
}

/* @features must all be there. Returns a descriptor, or -1 after having answered. */
static int open_uffd(uint64_t features, struct answer *a)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	/* /dev/userfaultfd is for those to whom the system call is forbidden. */
	if (fd < 0) {
		answer_failed(a, errno, CAP_BIT(CAP_SYS_PTRACE), "userfaultfd");
		return -1;
	}
	if (!ioctl(fd, UFFDIO_API, &api))
		return fd;
	answer_failed(a, errno == EINVAL ? EOPNOTSUPP : errno, CAP_BIT(CAP_SYS_PTRACE),
		      "userfaultfd");
	close(fd);
	return -1;
}

static void uffd(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd = open_uffd(0, a);

	if (fd >= 0)
		answer_yes(a, "%s", "");
}

static void uffd_noncoop(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int fd =
		open_uffd(UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
				  UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMOVE,
			  a);

	if (fd >= 0)
		answer_yes(a, "%s", "");
}

/* Registers a page for it: some kernels have the feature, but not for all memory. */
static void protect(uint64_t features, struct answer *a)
{
	_cleanup_close_ int fd = open_uffd(UFFD_FEATURE_PAGEFAULT_FLAG_WP | features, a);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = new_page(1, MAP_PRIVATE);
	struct uffdio_register area = { .range = { (uintptr_t)at, page },
					.mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .range = { (uintptr_t)at, page },
					  .mode = UFFDIO_WRITEPROTECT_MODE_WP };

	if (fd < 0 || !at)
		return;
	*at = 1;
	answer_call(a, ioctl(fd, UFFDIO_REGISTER, &area) ?: ioctl(fd, UFFDIO_WRITEPROTECT, &wp), 0,
		    "write-protection of a page");
}

static void uffd_wp(const struct check *c, const struct probe *p, struct answer *a)
{
	protect(0, a);
}

static void uffd_wp_async(const struct check *c, const struct probe *p, struct answer *a)
{
	protect(WP_ASYNC | WP_UNPOPULATED, a);
}

/* clear_refs of this process, then a write: is it seen? */
static void soft_dirty(const struct check *c, const struct probe *p, struct answer *a)
{
	_cleanup_close_ int clear = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	_cleanup_close_ int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	volatile char *at = new_page(2, MAP_PRIVATE);
	uint64_t entry[2] = { 0 };

	if (clear < 0 || map < 0 || !at) {
		answer_failed(a, errno, 0, "clear_refs");
		return;
	}
	at[0] = at[page] = 1;
	if (write(clear, "4", 1) != 1) {
		answer_failed(a, errno, 0, "clear_refs");
		return;
	}
	at[0] = 2;
	if (pread(map, entry, sizeof(entry), (off_t)((uintptr_t)at / page * 8)) != sizeof(entry))
		answer_failed(a, errno, 0, "pagemap");
	else if (entry[0] >> 55 & 1 && !(entry[1] >> 55 & 1))
		answer_yes(a, "%s", "");
	else
		answer_no(a, "writes leave no mark");
}

/* Either way will do. */
static void track(const struct check *c, const struct probe *p, struct answer *a)
{
	struct answer uffd_answer;

	pagemap_scan(c, p, a);
	if (a->state == ANSWER_YES)
		uffd_wp_async(c, p, a);
	uffd_answer = *a;
	if (a->state != ANSWER_YES)
		soft_dirty(c, p, a);
	if (uffd_answer.state == ANSWER_YES)
		answer_yes(a, "by userfaultfd");
	else if (a->state == ANSWER_YES)
		answer_yes(a, "by soft-dirty bits");
	else if (uffd_answer.state == ANSWER_UNKNOWN)
		*a = uffd_answer;
}

static void memfd(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_call(a, memfd_create("crbpf", MFD_CLOEXEC | MFD_ALLOW_SEALING), 0, "memfd_create");
}

static void memfd_hugetlb(const struct check *c, const struct probe *p, struct answer *a)
{
	answer_call(a, memfd_create("crbpf", MFD_CLOEXEC | MFD_HUGETLB), 0, "memfd_create");
}

static void map_files(const struct check *c, const struct probe *p, struct answer *a)
{
	char *at = new_page(1, MAP_SHARED), path[80];

	if (!at)
		return;
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)at,
		 (unsigned long)at + (unsigned long)sysconf(_SC_PAGESIZE));
	answer_call(a, open(path, O_RDWR | O_CLOEXEC), CAP_BIT(CAP_CHECKPOINT_RESTORE),
		    "what is mapped cannot be opened");
}

static const struct probe probes[] = {
	{ "pagemap", NULL, "which pages are there", NEED_ALWAYS, NULL, REMEDY_KERNEL,
	  "CONFIG_PROC_PAGE_MONITOR", NULL, NULL, pagemap },
	{ "map_files", NULL, "shared memory can be opened", NEED_ALWAYS, NULL, REMEDY_KERNEL,
	  "CONFIG_CHECKPOINT_RESTORE", NULL, NULL, map_files },
	{ "memfd", NULL, "memory files", NEED_ALWAYS, NULL, REMEDY_KERNEL, "CONFIG_MEMFD_CREATE",
	  NULL, NULL, memfd },
	{ "pagemap_scan", "pagemap_scan", "pages found in ranges", NEED_FOR,
	  "quick dumps of large, mostly empty mappings", REMEDY_KERNEL, "CONFIG_PROC_PAGE_MONITOR",
	  "6.7", NULL, pagemap_scan },
	{ "uffd", "uffd lazy_pages", "page faults handled by programs", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, "CONFIG_USERFAULTFD", NULL, NULL, uffd },
	{ "uffd-noncoop", "uffd-noncoop", "page faults of unaware processes", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, "CONFIG_USERFAULTFD", NULL, NULL, uffd_noncoop },
	{ "uffd_wp", NULL, "write-protection by userfaultfd", NEED_EXTRA, NULL, REMEDY_KERNEL,
	  "CONFIG_PTE_MARKER_UFFD_WP", NULL, NULL, uffd_wp },
	{ "uffd_wp_async", NULL, "the same without a handler", NEED_EXTRA, NULL, REMEDY_KERNEL,
	  "CONFIG_PTE_MARKER_UFFD_WP", "6.7", NULL, uffd_wp_async },
	{ "soft_dirty", NULL, "soft-dirty bits", NEED_EXTRA, NULL, REMEDY_KERNEL,
	  "CONFIG_MEM_SOFT_DIRTY", NULL, NULL, soft_dirty },
	{ "mem_dirty_track", "mem_dirty_track", "written pages can be told", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, "CONFIG_PTE_MARKER_UFFD_WP", "6.7", NULL, track },
	{ "pagemap_scan_guard_pages", "pagemap_scan_guard_pages", "guard pages are found",
	  NEED_EXTRA, NULL, REMEDY_KERNEL, NULL, "6.15", NULL, guard_pages },
	{ "memfd_hugetlb", "memfd_hugetlb", "memory files of huge pages", NEED_EXTRA, NULL,
	  REMEDY_KERNEL, "CONFIG_HUGETLBFS", NULL, NULL, memfd_hugetlb },
};

PROBE_GROUP(probes_memory, "memory", "Memory", probes, false);
