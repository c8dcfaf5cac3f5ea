// SPDX-License-Identifier: GPL-2.0-only
/* The small modules of user/lib and the loop of stages. */
#include "harness.h"

#include "lib/buf.h"
#include "lib/err.h"
#include "lib/ids.h"
#include "stage.h"

TEST(error_keeps_the_first_cause)
{
	struct error err = { 0 };

	EXPECT_EQ(fail(&err, ENOENT, "cannot open %s", "x"), -ENOENT);
	EXPECT_EQ(fail(&err, EPERM, "cannot close it either"), -EPERM);
	EXPECT_EQ(fail_in(&err, "task %d", 42), -ENOENT);
	EXPECT_EQ(fail_hint(&err, "look again"), -ENOENT);
	EXPECT_EQ(fail_hint(&err, "a later hint"), -ENOENT);
	EXPECT(!strcmp(err.text, "task 42: cannot open x: No such file or directory"));
	EXPECT(!strcmp(err.hint, "look again"));
	error_deinit(&err);
	EXPECT_EQ(err.code, 0);
}

TEST(error_without_errno_says_only_the_text)
{
	struct error err = { 0 };

	EXPECT_EQ(fail(&err, 0, "3 obstacles"), -EINVAL);
	EXPECT(!strcmp(err.text, "3 obstacles"));
	error_deinit(&err);
	EXPECT_EQ(fail(NULL, -EIO, "nobody listens"), -EIO);
}

TEST(buffer_keeps_what_was_added)
{
	struct buf buf = { 0 };

	for (int i = 0; i < 100000; i++)
		EXPECT_EQ(buf_add(&buf, &i, sizeof(i)), 0);
	EXPECT_EQ(buf.size, 100000 * sizeof(int));
	for (int i = 0; i < 100000; i++)
		EXPECT_EQ(((int *)buf.data)[i], i);
	EXPECT_EQ(buf_reserve(&buf, SIZE_MAX - 10), -ENOMEM);
	EXPECT_EQ(((int *)buf.data)[99999], 99999);
	buf_deinit(&buf);
}

TEST(array_grows_by_zeroed_elements)
{
	int *array = NULL, *slot;
	size_t n = 0;

	for (int i = 0; i < 1000; i++) {
		slot = array_add(array, n);
		EXPECT(slot && *slot == 0);
		*slot = i;
	}
	EXPECT_EQ(n, 1000);
	for (int i = 0; i < 1000; i++)
		EXPECT_EQ(array[i], i);
	EXPECT(array_slot(&array, (size_t)1 << 62, sizeof(*array)) == NULL);
	free(array);
}

TEST(arena_pieces_stay_where_they_are)
{
	struct arena arena = { 0 };
	char *texts[2000], expected[32];

	for (int i = 0; i < 2000; i++)
		EXPECT(texts[i] = arena_printf(&arena, "piece %d", i));
	EXPECT(arena_alloc(&arena, 1 << 20));
	for (int i = 0; i < 2000; i++) {
		snprintf(expected, sizeof(expected), "piece %d", i);
		EXPECT(!strcmp(texts[i], expected));
		EXPECT_EQ((uintptr_t)texts[i] % 16, 0);
	}
	arena_deinit(&arena);
}

TEST(ids_number_from_one_and_stay)
{
	struct ids ids = { 0 };

	EXPECT_EQ(ids_get(&ids, 7), 0);
	for (uint64_t i = 0; i < 50000; i++)
		EXPECT_EQ(ids_number(&ids, 0xffff888000000000ull + i * 256), i + 1);
	for (uint64_t i = 0; i < 50000; i++)
		EXPECT_EQ(ids_number(&ids, 0xffff888000000000ull + i * 256), i + 1);
	EXPECT_EQ(ids_get(&ids, 0xffff888000000001ull), 0);
	EXPECT_EQ(ids_set(&ids, 0, 9), 0);
	EXPECT_EQ(ids_get(&ids, 0), 9);
	ids_deinit(&ids);
}

/* Stages that write down what is done to them. */
struct diary {
	char text[64];
	char fail_at;
};

static int enter(struct diary *diary, char name, struct error *err)
{
	strcat(diary->text, (char[2]){ name });
	return diary->fail_at == name ? fail(err, EIO, "stage %c", name) : 0;
}

static int enter_a(void *work, struct error *err)
{
	return enter(work, 'a', err);
}

static int enter_b(void *work, struct error *err)
{
	return enter(work, 'b', err);
}

static int enter_c(void *work, struct error *err)
{
	return enter(work, 'c', err);
}

static void leave_a(void *work, bool failed, struct error *err)
{
	strcat(((struct diary *)work)->text, failed ? "!A" : "A");
}

static void leave_b(void *work, bool failed, struct error *err)
{
	strcat(((struct diary *)work)->text, failed ? "!B" : "B");
}

static const struct stage stages[] = {
	{ "a", enter_a, leave_a },
	{ "b", enter_b, leave_b },
	{ "c", enter_c, NULL },
};

TEST(stages_are_left_in_reverse_order)
{
	struct diary diary = { 0 };
	struct error err = { 0 };

	EXPECT_EQ(stages_run(stages, 3, &diary, NULL, NULL, &err), 0);
	EXPECT(!strcmp(diary.text, "abcBA"));
}

TEST(stages_entered_are_left_when_one_fails)
{
	struct diary diary = { .fail_at = 'b' };
	struct error err = { 0 };

	EXPECT_EQ(stages_run(stages, 3, &diary, NULL, NULL, &err), -EIO);
	EXPECT(!strcmp(diary.text, "ab!B!A"));
	EXPECT(!strcmp(err.text, "stage b: Input/output error"));
	error_deinit(&err);
}
