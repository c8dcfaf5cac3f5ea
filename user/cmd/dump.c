// SPDX-License-Identifier: GPL-2.0-only
#include "cmd/cmd.h"

#include "dump/dump.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"

int cmd_dump(int argc, char **argv, struct log *log, struct error *err)
{
	struct options opt;
	int ret = options_parse(&opt, OPTIONS_DUMP, argc, argv, err);

	if (ret || opt.help)
		return ret;
	ret = options_open(&opt, log, err);
	if (!ret)
		ret = dump_run(&opt, log, err);
	options_deinit(&opt);
	/* Into the log's file: main says it on standard error. */
	if (ret < 0 && log->out != stderr)
		log_print(log, LOG_ERROR, "dump failed: %s", err->text ?: "out of memory");
	return ret;
}
