// SPDX-License-Identifier: GPL-2.0-only
#include "scan/scan.h"

#include <errno.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"

enum scan_status { SCAN_CLEAN, SCAN_OBSTACLES, SCAN_USAGE, SCAN_CANNOT };

static int open_once(unsigned int flags, bool *ret_is_cached, struct log *log, struct error *err)
{
	struct collector *collector = NULL;
	int ret = collector_open(&collector, flags | COLLECT_RUNNING, log, err);

	*ret_is_cached = !ret && collector_is_cached(collector);
	collector_close(collector);
	return ret;
}

/* A collector leaves its programs in the kernel if it can; the second one finds them there. */
static int pin_set(unsigned int flags, struct log *log, struct error *err)
{
	bool is_cached;
	int ret = open_once(flags, &is_cached, log, err);

	if (!ret && !is_cached)
		ret = open_once(flags, &is_cached, log, err);
	if (ret || is_cached)
		return ret;
	fail(err, EPERM, "cannot leave the BPF programs in the kernel");
	return fail_hint(err, "run as root, with a BPF file system on /sys/fs/bpf");
}

/* Without glances a scan takes longer, and no more. */
static int pin(struct log *log, struct error *err)
{
	struct error why = { 0 };

	if (pin_set(COLLECT_GLANCE, log, &why))
		log_debug(log, "no glances: %s", why.text);
	error_deinit(&why);
	return pin_set(COLLECT_ALL, log, err);
}

static int scan_and_print(const struct options *opt, struct log *log, struct error *err)
{
	struct scan scan;
	int ret = scan_run(&scan, opt, log, err);

	if (!ret && opt->json)
		scan_print_json(&scan);
	else if (!ret)
		scan_print(&scan, isatty(STDOUT_FILENO));
	if (!ret)
		ret = scan_has_obstacles(&scan) ? SCAN_OBSTACLES : SCAN_CLEAN;
	scan_deinit(&scan);
	return ret;
}

int cmd_scan(int argc, char **argv, struct log *log, struct error *err)
{
	struct options opt;
	int ret = options_parse(&opt, OPTIONS_SCAN, argc, argv, err);

	if (ret)
		return SCAN_USAGE;
	if (opt.help)
		return 0;
	log->level = opt.verbosity ? (enum log_level)opt.verbosity : LOG_WARN;
	if (opt.unpin)
		ret = collector_unpin(err);
	else if (opt.pin)
		ret = pin(log, err);
	else
		ret = scan_and_print(&opt, log, err);
	options_deinit(&opt);
	/* A process that is not there, or is none, was named by mistake. */
	return ret >= 0 ? ret : ret == -ESRCH || ret == -EINVAL ? SCAN_USAGE : SCAN_CANNOT;
}
