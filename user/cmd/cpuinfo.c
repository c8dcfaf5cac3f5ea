// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "arch/arch.h"
#include "cmd/cmd.h"
#include "cpucap.h"
#include "image/image.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"

static int run(const struct options *opt, struct log *log, struct error *err)
{
	const char *action = opt->operands.n == 1 ? opt->operands.word[0] : "";
	bool is_dump = !strcmp(action, "dump");
	struct image_dir *dir;
	int ret;

	if (!is_dump && strcmp(action, "check")) {
		fail(err, 0, "say what to do with cpuinfo.img");
		return fail_hint(err, "crbpf cpuinfo dump, or crbpf cpuinfo check");
	}
	ret = image_dir_open(&dir, opt->images_dir, err);
	if (ret)
		return ret;
	ret = is_dump ? cpucap_write(dir, err)
		      : cpucap_check(dir, opt->cpu_cap | CPU_CAP_IMAGE, err);
	image_dir_close(dir);
	if (!ret)
		log_info(log, is_dump ? "cpuinfo.img is written" : "the processor has it all");
	return ret;
}

int cmd_cpuinfo(int argc, char **argv, struct log *log, struct error *err)
{
	struct options opt;
	int ret = options_parse(&opt, OPTIONS_CPUINFO, argc, argv, err);

	if (!ret && !opt.help)
		ret = options_open(&opt, log, err) ?: run(&opt, log, err);
	options_deinit(&opt);
	return ret;
}
