// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/check.h"
#include "cmd/cmd.h"
#include "lib/err.h"
#include "lib/log.h"
#include "options.h"

/* The exit status. */
enum { CHECK_USABLE = 0, CHECK_NOT_USABLE = 1, CHECK_USAGE = 2 };

struct results {
	struct result *result;	/* owned */
	size_t n;
};

static int add(struct check *c, struct results *results, const struct probe_group *group,
	       const struct probe *p)
{
	struct result *r = array_add(results->result, results->n);

	if (!r)
		return -ENOMEM;
	r->probe = p;
	r->group = group;
	check_ask(c, group, p, &r->answer);
	return 0;
}

/* Is it one of those that were asked for, or of all if none was? */
static bool is_wanted(const struct probe *p, const struct options *opt)
{
	if (!opt->features.n)
		return opt->extra || opt->json || p->need != NEED_EXTRA;
	for (size_t i = 0; i < opt->features.n; i++)
		if (probe_find(opt->features.word[i]) == p)
			return true;
	return false;
}

static int ask_all(struct check *c, const struct options *opt, struct results *results,
		   struct error *err)
{
	for (size_t i = 0; probe_groups[i]; i++)
		for (size_t k = 0; k < probe_groups[i]->n; k++) {
			const struct probe *p = &probe_groups[i]->probes[k];

			if (is_wanted(p, opt) && add(c, results, probe_groups[i], p))
				return fail(err, ENOMEM, "cannot keep the answers");
		}
	/* Only now: an answer moves while the array grows. */
	for (size_t i = 0; i < results->n; i++)
		results->result[i].remedy =
			remedy_text(c, results->result[i].probe, &results->result[i].answer);
	return 0;
}

static void list_names(void)
{
	for (size_t i = 0; probe_groups[i]; i++)
		for (size_t k = 0; k < probe_groups[i]->n; k++)
			puts(probe_groups[i]->probes[k].name);
}

static int check_names(const struct options *opt, struct error *err)
{
	for (size_t i = 0; i < opt->features.n; i++) {
		if (probe_find(opt->features.word[i]))
			continue;
		fail(err, 0, "unknown feature '%s'", opt->features.word[i]);
		return fail_hint(err, "crbpf check --feature list");
	}
	return 0;
}

static int exit_status(const struct options *opt, const struct results *results)
{
	if (!opt->features.n)
		return verdict_of(results->result, results->n).usable == ANSWER_YES ?
			       CHECK_USABLE :
			       CHECK_NOT_USABLE;
	for (size_t i = 0; i < results->n; i++)
		if (results->result[i].answer.state != ANSWER_YES)
			return CHECK_NOT_USABLE;
	return CHECK_USABLE;
}

static int run(const struct options *opt, struct error *err)
{
	struct results results = { 0 };
	struct check c;
	int ret = check_init(&c, opt->sysroot, err) ?: ask_all(&c, opt, &results, err);

	if (!ret && opt->json)
		report_json(&c, results.result, results.n, opt->features.n);
	else if (!ret)
		report_print(&c, results.result, results.n, opt->features.n,
			     isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
	if (!ret && (fflush(stdout) || ferror(stdout)))
		ret = fail(err, errno, "cannot write the output");
	ret = ret ?: exit_status(opt, &results);
	free(results.result);
	check_deinit(&c);
	return ret;
}

int cmd_check(int argc, char **argv, struct log *log, struct error *err)
{
	struct options opt;
	int ret = options_parse(&opt, OPTIONS_CHECK, argc, argv, err);

	if (ret)
		return CHECK_USAGE;
	if (opt.help)
		return 0;
	ret = options_open(&opt, log, err);
	if (!ret && opt.features.n == 1 && !strcmp(opt.features.word[0], "list"))
		list_names();
	else if (!ret)
		ret = check_names(&opt, err) ? CHECK_USAGE : run(&opt, err);
	options_deinit(&opt);
	return ret;
}
