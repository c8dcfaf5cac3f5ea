// SPDX-License-Identifier: GPL-2.0-only
#include "cpucap.h"

#include <errno.h>
#include <string.h>

#include "arch/arch.h"
#include "cpuinfo.pb-c.h"
#include "image/image.h"
#include "lib/buf.h"
#include "lib/err.h"

static int apply(const char *word, size_t length, unsigned int *caps)
{
	static const struct {
		const char *name;
		unsigned int caps;
	} words[] = {
		{"fpu", CPU_CAP_FPU},     {"cpu", CPU_CAP_CPU}, {"ins", CPU_CAP_INS},
		{"image", CPU_CAP_IMAGE}, {"all", CPU_CAP_ALL},
	};
	bool is_without = *word == '^';

	word += is_without;
	length -= is_without;
	if (length == 4 && !strncmp(word, "none", 4)) {
		*caps = is_without ? CPU_CAP_ALL : 0;
		return 0;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i].name) != length || strncmp(words[i].name, word, length))
			continue;
		*caps = is_without ? *caps & ~words[i].caps : *caps | words[i].caps;
		return 0;
	}
	return -EINVAL;
}

int cpucap_parse(const char *value, unsigned int *caps)
{
	if (!value)
		value = "all";
	for (;;) {
		size_t length = strcspn(value, ",");

		if (apply(value, length, caps))
			return -EINVAL;
		if (!value[length])
			return 0;
		value += length + 1;
	}
}

int cpucap_write(struct image_dir *dir, struct error *err)
{
	CpuinfoEntry entry = CPUINFO_ENTRY__INIT;
	struct arena arena = {0};
	int ret = arch_cpuinfo_fill(&entry, &arena)
			  ? fail(err, ENOMEM, "cannot describe the processor")
			  : image_write(dir, IMAGE_CPUINFO, 0, &entry.base, err);

	arena_deinit(&arena);
	return ret;
}

static int compare(const CpuinfoEntry *then, unsigned int caps, struct error *err)
{
	CpuinfoEntry now = CPUINFO_ENTRY__INIT;
	struct arena arena = {0};
	struct buf list = {0};
	int ret = 0;

	if (arch_cpuinfo_fill(&now, &arena) || arch_cpuinfo_compare(then, &now, caps, &list)) {
		ret = fail(err, ENOMEM, "cannot compare the processors");
	} else if (list.size) {
		fail(err, 0, "this processor lacks what the tree may use: %.*s", (int)list.size,
		     (const char *)list.data);
		ret = fail_hint(err,
				"restore on a processor like the one before, or, if the programs "
				"do without, with --cpu-cap=none");
	}
	buf_deinit(&list);
	arena_deinit(&arena);
	return ret;
}

int cpucap_check(struct image_dir *dir, unsigned int caps, struct error *err)
{
	struct image *image;
	ProtobufCMessage *then;
	int ret;

	if (!caps)
		return 0;
	ret = image_open(dir, IMAGE_CPUINFO, 0, &image, err);
	if (ret)
		return ret;
	if (!image)
		return caps & CPU_CAP_IMAGE
			       ? fail(err, 0, "there is no cpuinfo.img, which --cpu-cap asks for")
			       : 0;
	ret = image_next(image, NULL, &then, err);
	image_finish(image, NULL);
	if (ret <= 0)
		return ret ?: fail(err, 0, "cpuinfo.img is empty");
	ret = compare((CpuinfoEntry *)then, caps, err);
	protobuf_c_message_free_unpacked(then, NULL);
	return ret;
}
