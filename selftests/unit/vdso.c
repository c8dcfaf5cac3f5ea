// SPDX-License-Identifier: GPL-2.0-only
/* A vDSO as bytes, and jumps from one to another: in memory of this process, called here. */
#include "restore/vdso.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#define TEST_MAY_LEAK
#include "harness.h"
#include "lib/err.h"
#include "restore/vdso-elf.h"

#define NS 1000000000LL

static struct error err;
static struct arena arena;

static size_t own_size(void)
{
	unsigned long start = getauxval(AT_SYSINFO_EHDR), from, to;
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512];

	if (!start)
		SKIP("this kernel gives no vDSO");
	EXPECT(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && from == start) {
			fclose(f);
			return to - from;
		}
	FAIL("the vDSO is not in maps");
}

/* A private copy of this process's vDSO: its data would be where there is nothing. */
static unsigned char *copy(size_t *ret_size)
{
	unsigned char *text;

	*ret_size = own_size();
	text = mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(text != MAP_FAILED);
	memcpy(text, (void *)getauxval(AT_SYSINFO_EHDR), *ret_size);
	return text;
}

static struct vdso_elf read_elf(const void *bytes, size_t size)
{
	struct vdso_elf elf;

	if (vdso_elf_read(&elf, bytes, size, &arena, &err))
		FAIL("%s", err.text);
	return elf;
}

static const struct vdso_function *find(const struct vdso_elf *elf, const char *name)
{
	char full[64];
	const struct vdso_function *f;

	snprintf(full, sizeof(full), "__vdso_%s", name);
	f = vdso_elf_find(elf, full);
	if (f)
		return f;
	snprintf(full, sizeof(full), "__kernel_%s", name);
	return vdso_elf_find(elf, full);
}

/* Fills all functions with zeroes, which no processor here executes, then patches them. */
static struct vdso_elf patched(unsigned char *text, size_t size, bool has_new)
{
	struct vdso_elf old = read_elf(text, size),
			own = read_elf((void *)getauxval(AT_SYSINFO_EHDR), size);
	struct old_vdso plan = {.place = {.text = (uintptr_t)text, .text_size = size}};

	if (vdso_plan_patches(&plan, &old, has_new ? &own : NULL, (uintptr_t)own.bytes, &arena,
			      &err))
		FAIL("%s", err.text);
	EXPECT_GE(plan.n_patches, 4);
	for (size_t i = 0; i < old.n; i++)
		memset(text + old.functions[i].offset, 0, old.functions[i].size);
	for (size_t i = 0; i < plan.n_patches; i++)
		memcpy((void *)(uintptr_t)plan.patches[i].at, plan.patches[i].code.bytes,
		       plan.patches[i].code.size);
	__builtin___clear_cache((char *)text, (char *)text + size);
	EXPECT_EQ(mprotect(text, size, PROT_READ | PROT_EXEC), 0);
	return old;
}

static void check_clock(const struct vdso_elf *elf)
{
	const struct vdso_function *f = find(elf, "clock_gettime");
	int (*get)(clockid_t, struct timespec *) = (void *)(elf->bytes + f->offset);
	struct timespec before, ts = {0}, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	EXPECT_EQ(get(CLOCK_MONOTONIC, &ts), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	EXPECT_GE(ts.tv_sec * NS + ts.tv_nsec, before.tv_sec * NS + before.tv_nsec);
	EXPECT_LE(ts.tv_sec * NS + ts.tv_nsec, after.tv_sec * NS + after.tv_nsec);
	EXPECT_LT(get(-12345, &ts), 0);
}

static void check_day(const struct vdso_elf *elf)
{
	const struct vdso_function *f = find(elf, "gettimeofday");
	int (*get)(struct timeval *, void *) = (void *)(elf->bytes + f->offset);
	struct timeval before, tv = {0};

	gettimeofday(&before, NULL);
	EXPECT_EQ(get(&tv, NULL), 0);
	EXPECT_GE(tv.tv_sec * 1000000LL + tv.tv_usec, before.tv_sec * 1000000LL + before.tv_usec);
}

static void check_random(const struct vdso_elf *elf, bool has_state)
{
	const struct vdso_function *f = find(elf, "getrandom");
	unsigned char bytes[256] = {0};
	unsigned int answer[64] = {0};
	ssize_t (*get)(void *, size_t, unsigned int, void *, size_t);
	int n = 0;

	if (!f)
		return;
	get = (void *)(elf->bytes + f->offset);
	EXPECT_EQ(get(bytes, sizeof(bytes), 0, NULL, 0), sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		n += !bytes[i];
	EXPECT_LT(n, 32);
	/* The question how large a state must be: no system call answers it. */
	EXPECT_EQ(get(NULL, 0, 0, answer, ~0UL), has_state ? 0 : -ENOSYS);
	EXPECT(!answer[0] == !has_state);
}

TEST(functions_and_build_are_found)
{
	size_t size = own_size();
	struct vdso_elf elf = read_elf((void *)getauxval(AT_SYSINFO_EHDR), size);

	EXPECT(find(&elf, "clock_gettime") && find(&elf, "gettimeofday"));
	EXPECT(!vdso_elf_find(&elf, "clock_gettime_"));
	EXPECT(elf.build_id && elf.build_id_size >= 8);
	EXPECT_LT(vdso_elf_end(&elf), size);
}

TEST(old_functions_lead_to_new_ones)
{
	size_t size;
	unsigned char *text = copy(&size);
	struct vdso_elf elf = patched(text, size, true);

	check_clock(&elf);
	check_day(&elf);
	check_random(&elf, true);
}

TEST(old_functions_lead_to_system_calls_where_there_is_no_vdso)
{
	size_t size;
	unsigned char *text = copy(&size);
	struct vdso_elf elf = patched(text, size, false);

	check_clock(&elf);
	check_day(&elf);
	check_random(&elf, false);
}

TEST(two_of_one_build_are_the_same)
{
	size_t size;
	unsigned char *a = copy(&size), *b = copy(&size);
	struct vdso_elf x = read_elf(a, size), y = read_elf(b, size);

	EXPECT(vdso_elf_is_same(&x, &y));
	b[x.functions[0].offset] ^= 0xff;
	EXPECT(vdso_elf_is_same(&x, &y));
	b[x.build_id - a] ^= 0xff;
	EXPECT(!vdso_elf_is_same(&x, &y));
	y.size -= 4096;
	EXPECT(!vdso_elf_is_same(&x, &y));
}

/* As criu leaves this kernel's vDSO in a program that it brought from another kernel. */
TEST(head_that_criu_has_marked)
{
	size_t size;
	unsigned char *a = copy(&size), *b = copy(&size);
	uint64_t mark[5] = {0x4f53447655495243ull, 0x7f0000002000, 3, 0x7f0000000000, 0x7f0000001000};
	struct vdso_elf x = read_elf(a, size), y;

	memcpy(b, mark, sizeof(mark));
	y = read_elf(b, size);
	EXPECT_EQ(x.n, y.n);
	EXPECT(vdso_elf_is_same(&x, &y));
}

/* Any bytes may stand in an image: an error, or something, but no wild read. */
TEST(any_bytes_are_read_safely)
{
	size_t size, page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *own = copy(&size), *text;
	unsigned int seed = 1;
	struct vdso_elf elf;

	text = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(text != MAP_FAILED);
	EXPECT_EQ(mprotect(text + size, page, PROT_NONE), 0);
	for (int i = 0; i < 3000; i++) {
		struct arena mine = {0};
		struct error e = {0};

		memcpy(text, own, size);
		for (int j = 0; j < 1 + i % 20; j++)
			text[rand_r(&seed) % (i % 2 ? 0x700 : size)] = (unsigned char)rand_r(&seed);
		if (!vdso_elf_read(&elf, text, size, &mine, &e)) {
			struct old_vdso plan = {.place = {.text = 4096, .text_size = size}};

			(void)vdso_elf_is_same(&elf, &elf);
			if (!vdso_plan_patches(&plan, &elf, NULL, 0, &mine, &e))
				for (size_t k = 0; k < plan.n_patches; k++)
					EXPECT_LE(plan.patches[k].at + plan.patches[k].code.size,
						  4096 + size);
		}
		error_deinit(&e);
		arena_deinit(&mine);
	}
}
