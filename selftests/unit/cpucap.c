// SPDX-License-Identifier: GPL-2.0-only
/* What is recorded of a processor, and what another one lacks: records with something added or lost. */
#include "cpucap.h"

#define TEST_MAY_LEAK
#include "harness.h"
#include "arch/arch.h"
#include "cpuinfo.pb-c.h"
#include "image/image.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "scratch.h"

static unsigned int parse(const char *value)
{
	unsigned int caps = CPU_CAP_DEFAULT;

	EXPECT_EQ(cpucap_parse(value, &caps), 0);
	return caps;
}

/* This processor, in memory that stays. */
static CpuinfoEntry *own(void)
{
	static struct arena arena;
	CpuinfoEntry *entry = calloc(1, sizeof(*entry));

	cpuinfo_entry__init(entry);
	EXPECT_EQ(arch_cpuinfo_fill(entry, &arena), 0);
	return entry;
}

/* Every bit that an instruction may have is @value. */
static CpuinfoEntry *with_words(int value)
{
	CpuinfoEntry *entry = own();

	if (entry->n_x86_entry) {
		CpuinfoX86Entry *x = entry->x86_entry[0];

		memset(x->capability, value, x->n_capability * sizeof(*x->capability));
		memset(&x->capability_7_1, value, sizeof(x->capability_7_1));
	}
	if (entry->n_arm64_entry) {
		CpuinfoArm64Entry *x = entry->arm64_entry[0];

		memset(x->hwcap, value, x->n_hwcap * sizeof(*x->hwcap));
	}
	return entry;
}

/* The state of a larger processor. */
static CpuinfoEntry *with_state(uint32_t more)
{
	CpuinfoEntry *entry = own();

	if (entry->n_x86_entry)
		entry->x86_entry[0]->xsave_size += more, entry->x86_entry[0]->has_xsave_size = true;
	if (entry->n_arm64_entry)
		entry->arm64_entry[0]->sve_length += more;
	return entry;
}

/* Words that no test here knows by name. */
static const char *compare(const CpuinfoEntry *then, const CpuinfoEntry *now, unsigned int caps)
{
	struct buf list = {0};

	EXPECT_EQ(arch_cpuinfo_compare(then, now, caps, &list), 0);
	EXPECT_EQ(buf_add(&list, "", 1), 0);
	return list.data;
}

TEST(words_of_the_option)
{
	unsigned int caps = 0;

	EXPECT_EQ(parse(NULL), CPU_CAP_ALL);
	EXPECT_EQ(parse("all"), CPU_CAP_ALL);
	EXPECT_EQ(parse("none"), 0);
	EXPECT_EQ(parse("none,cpu"), CPU_CAP_CPU);
	EXPECT_EQ(parse("^fpu"), CPU_CAP_INS);
	EXPECT_EQ(parse("^ins,image"), CPU_CAP_FPU | CPU_CAP_IMAGE);
	EXPECT_EQ(parse("^all"), 0);
	EXPECT_EQ(parse("^none"), CPU_CAP_ALL);
	EXPECT_EQ(cpucap_parse("fpux", &caps), -EINVAL);
	EXPECT_EQ(cpucap_parse("fp", &caps), -EINVAL);
	EXPECT_EQ(cpucap_parse("fpu,", &caps), -EINVAL);
	EXPECT_EQ(cpucap_parse("^^fpu", &caps), -EINVAL);
	EXPECT_EQ(cpucap_parse("", &caps), -EINVAL);
}

TEST(a_processor_lacks_nothing_of_itself)
{
	EXPECT_STREQ(compare(own(), own(), CPU_CAP_ALL), "");
}

TEST(missing_instructions_are_named)
{
	const char *list = compare(with_words(0xff), with_words(0), CPU_CAP_INS);

	EXPECT(strstr(list, "aes, ") || strstr(list, ", aes"));
	EXPECT(!strstr(list, "no "));
	EXPECT_STREQ(compare(with_words(0xff), with_words(0), CPU_CAP_FPU), "");
	EXPECT_STREQ(compare(with_words(0xff), with_words(0), 0), "");
	/* A better one will do, unless it has to be the same. */
	EXPECT_STREQ(compare(with_words(0), with_words(0xff), CPU_CAP_DEFAULT), "");
	EXPECT(strstr(compare(with_words(0), with_words(0xff), CPU_CAP_CPU), "no aes"));
}

TEST(state_of_registers_must_fit)
{
	const char *list = compare(with_state(16), own(), CPU_CAP_FPU);

	EXPECT(strstr(list, " bytes, not "));
	EXPECT_STREQ(compare(with_state(16), own(), CPU_CAP_INS), "");
}

TEST(records_of_other_architectures_lack_nothing)
{
	CpuinfoEntry none = CPUINFO_ENTRY__INIT;

	EXPECT_STREQ(compare(&none, own(), CPU_CAP_ALL), "");
}

TEST(images_are_judged)
{
	struct image_dir *dir = scratch_dir();
	struct error err = {0};

	/* CRIU writes none. */
	EXPECT_EQ(cpucap_check(dir, CPU_CAP_DEFAULT, &err), 0);
	EXPECT_LT(cpucap_check(dir, CPU_CAP_DEFAULT | CPU_CAP_IMAGE, &err), 0);
	EXPECT(strstr(err.text, "cpuinfo.img"));
	error_deinit(&err);
	EXPECT_EQ(cpucap_write(dir, &err), 0);
	EXPECT_EQ(cpucap_check(dir, CPU_CAP_ALL, &err), 0);
	EXPECT_EQ(image_write(dir, IMAGE_CPUINFO, 0, &with_words(0xff)->base, &err), 0);
	EXPECT_LT(cpucap_check(dir, CPU_CAP_DEFAULT, &err), 0);
	EXPECT(strstr(err.text, "lacks") && strstr(err.hint, "--cpu-cap"));
	error_deinit(&err);
	EXPECT_EQ(cpucap_check(dir, 0, &err), 0);
	image_dir_close(dir);
}
