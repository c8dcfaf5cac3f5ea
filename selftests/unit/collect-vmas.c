// SPDX-License-Identifier: GPL-2.0-only
/* The mappings that the collector shows are those of /proc. */

#include "collected.h"

/* Mappings of many sorts beside those that every program has. */
static void map_things(void *arg)
{
	long page = sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/exe", O_RDONLY), mem = memfd_create("shared", 0);
	char *at;

	mmap(NULL, 3 * page, PROT_READ, MAP_PRIVATE, fd, page);
	mmap(NULL, 5 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	mmap(NULL, 7 * page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ftruncate(mem, 9 * page))
		_exit(5);
	mmap(NULL, 9 * page, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 2 * page);
	mmap(NULL, 2 * page, PROT_READ | PROT_WRITE | PROT_EXEC,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
	at = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	at[0] = 1;
	syscall(SYS_mlock, at, page); /* sanitizers make mlock do nothing */
	madvise(at + page, page, MADV_DONTFORK);
	madvise(at + 2 * page, page, MADV_WIPEONFORK);
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at + 3 * page, page, "a name");
}

/* One line of /proc/PID/maps. */
struct line {
	unsigned long start, end, pgoff, ino;
	unsigned int major, minor;
	char prot[8], *path;
};

static bool parse_line(char *text, struct line *line)
{
	int path = 0;

	text[strcspn(text, "\n")] = 0;
	if (sscanf(text, "%lx-%lx %7s %lx %x:%x %lu %n", &line->start, &line->end, line->prot,
		   &line->pgoff, &line->major, &line->minor, &line->ino, &path) < 7)
		FAIL("cannot read '%s'", text);
	line->path = text + path;
	return strcmp(line->path, "[vsyscall]") != 0;
}

static void compare_mapping(const struct line *want, const struct vma_record *v)
{
	const char *name = path_of(v, v->anon_name);

	EXPECT_EQ(v->start, want->start);
	EXPECT_EQ(v->end, want->end);
	EXPECT_EQ(v->flags & 1 ? 'r' : '-', want->prot[0]);
	EXPECT_EQ(v->flags & 2 ? 'w' : '-', want->prot[1]);
	EXPECT_EQ(v->flags & 4 ? 'x' : '-', want->prot[2]);
	EXPECT_EQ(v->flags & 0x80 ? 's' : 'p', want->prot[3]); /* VM_MAYSHARE */
	EXPECT_EQ(v->ino, want->ino);
	if (v->file) {
		EXPECT_EQ(v->pgoff * sysconf(_SC_PAGESIZE), want->pgoff);
		EXPECT_EQ(v->dev, want->major << 20 | want->minor);
		EXPECT_STREQ(path_of(v, v->path), want->path);
		return;
	}
	EXPECT_EQ(want->ino, 0);
	if (v->special == VMA_VDSO)
		EXPECT_STREQ(want->path, "[vdso]");
	if (v->special == VMA_VVAR)
		EXPECT_STREQ(want->path, "[vvar]");
	if (v->special == VMA_VVAR_VCLOCK)
		EXPECT_STREQ(want->path, "[vvar_vclock]");
	if (v->special)
		EXPECT_STREQ(name, want->path);
	else if (*name)
		EXPECT(!strncmp(want->path, "[anon:", 6) &&
		       !strncmp(want->path + 6, name, strlen(name)));
	else
		EXPECT(!*want->path || !strcmp(want->path, "[heap]") ||
		       !strcmp(want->path, "[stack]"));
}

static size_t compare_maps(pid_t pid, const struct collected *c)
{
	char path[64], text[PATH_MAX + 128];
	struct record_head *rec = NULL;
	struct line line;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	EXPECT(f);
	while (fgets(text, sizeof(text), f)) {
		if (!parse_line(text, &line))
			continue;
		do
			rec = next_record(c, rec);
		while (rec && rec->type != RECORD_VMA);
		EXPECT(rec);
		compare_mapping(&line, (void *)rec);
		n++;
	}
	fclose(f);
	EXPECT_EQ(n, count_records(c, RECORD_VMA));
	return n;
}

TEST(mappings)
{
	pid_t pid = child_that(map_things, NULL);
	struct collected c = collect(pid, COLLECT_ALL);
	bool has_vdso = false, has_vvar = false, has_locked = false, has_dontfork = false;

	EXPECT_GT(compare_maps(pid, &c), 20);
	for_each_record(&c, rec)
	{
		struct vma_record *v = (void *)rec;

		if (rec->type != RECORD_VMA)
			continue;
		EXPECT_EQ(v->tgid, pid);
		EXPECT_EQ(v->tid, pid);
		EXPECT_EQ(rec->owner, process_of(&c)->mm);
		has_vdso |= v->special == VMA_VDSO;
		has_vvar |= v->special == VMA_VVAR;
		has_locked |= (v->flags & 0x2000) && v->anon_vma; /* VM_LOCKED */
		has_dontfork |= !!(v->flags & 0x20000);           /* VM_DONTCOPY */
	}
	EXPECT(has_vdso && has_vvar && has_locked && has_dontfork);
	end_child(pid);
}

static void seal(void *arg)
{
	long page = sysconf(_SC_PAGESIZE), *said = arg;
	char *at = mmap(NULL, 3 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	said[0] = (long)at + page;
	said[1] = syscall(462 /* mseal */, at + page, page, 0) ? errno : 0;
}

TEST(a_sealed_mapping)
{
	long *said = shared_memory(64);
	pid_t pid = child_that(seal, said);
	struct collected c = collect(pid, COLLECT_VMAS);
	int n = 0;

	for_each_record(&c, rec)
	{
		struct vma_record *v = (void *)rec;
		bool is_ours = v->start == (__u64)said[0];

		EXPECT_EQ(v->props, is_ours && !said[1] ? VMA_PROP_SEALED : 0);
		n += is_ours;
	}
	EXPECT_LE(n, 1);
	end_child(pid);
	if (said[1])
		SKIP("no mseal here: %s", strerror(said[1]));
	EXPECT_EQ(n, 1);
}

#define VMAS 65000

static void map_many(void *arg)
{
	long page = sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, VMAS * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (long i = 0; i < VMAS; i += 2)
		if (mprotect(at + i * page, page, PROT_NONE))
			_exit(6);
}

/* 65,000 records of mappings are 12 MB, three times the ring. */
TEST(more_mappings_than_the_ring_holds)
{
	unsigned long long limit = proc_number("/proc/sys/vm/max_map_count", "", 10);
	struct collected c;
	pid_t pid;

	if (limit < VMAS + 100)
		SKIP("vm.max_map_count is %llu", limit);
	pid = child_that(map_many, NULL);
	c = collect(pid, COLLECT_ALL);
	EXPECT_GE(compare_maps(pid, &c), VMAS);
	end_child(pid);
}
