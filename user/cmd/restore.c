// SPDX-License-Identifier: GPL-2.0-only
#include "restore/restore.h"

#include "cmd/cmd.h"
#include "lib/err.h"
#include "options.h"

int cmd_restore(int argc, char **argv, struct log *log, struct error *err)
{
	struct options opt;
	int ret = options_parse(&opt, OPTIONS_RESTORE, argc, argv, err);

	if (!ret && !opt.help)
		ret = options_open(&opt, log, err) ?: restore_run(&opt, log, err);
	options_deinit(&opt);
	return ret;
}
