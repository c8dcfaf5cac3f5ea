// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>

#include "cmd/cmd.h"

const struct command commands[] = {
	{ "check", cmd_check, OPTIONS_CHECK, "tell what this system allows, and what to do about it" },
	{ "scan", cmd_scan, OPTIONS_SCAN, "say what can be checkpointed, without stopping anything" },
	{ "dump", cmd_dump, OPTIONS_DUMP, "checkpoint a process tree into image files" },
	{ "restore", cmd_restore, OPTIONS_RESTORE, "bring a checkpointed tree back" },
	{ "show", cmd_show, OPTIONS_SHOW, "print images as a person, or a script, reads them" },
	{ "verify", cmd_verify, OPTIONS_VERIFY, "check that images are whole and fit together" },
	{ "cpuinfo", cmd_cpuinfo, OPTIONS_CPUINFO, "record this processor, or compare it with a record" },
	{ "completion", cmd_completion, 0, NULL },
	{ .name = NULL },
};
