// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "check/check.h"
#include "lib/json.h"

/* Grows when a member is added; members are never removed and never change their meaning. */
#define SCHEMA 1

static void put_string(struct json *json, const char *key, const char *value)
{
	if (value && *value)
		json_string(json, key, value);
	else
		json_null(json, key);
}

static void put_system(struct json *json, const struct distro *d)
{
	json_open(json, "system", '{');
	json_string(json, "kernel", d->release);
	json_string(json, "machine", d->machine);
	put_string(json, "distribution", d->id);
	put_string(json, "name", d->name);
	json_string(json, "packages", package_tool_name(d->tool));
	json_close(json, '}');
}

static void put_words(struct json *json, const char *key, const char *words)
{
	json_open(json, key, '[');
	for (const char *s = words; s && *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		json_printf(json, NULL, "%.*s", (int)n, s);
		s += n;
	}
	json_close(json, ']');
}

static void put_result(struct json *json, const struct result *r)
{
	static const char *const states[] = { [ANSWER_UNKNOWN] = "unknown", [ANSWER_NO] = "no",
					      [ANSWER_YES] = "yes" };
	static const char *const needs[] = { [NEED_ALWAYS] = "required", [NEED_FOR] = "feature",
					     [NEED_FACT] = "fact", [NEED_EXTRA] = "extra" };

	json_open(json, NULL, '{');
	json_string(json, "name", r->probe->name);
	put_words(json, "criu", r->probe->criu);
	json_string(json, "group", r->group->name);
	json_string(json, "what", r->probe->what);
	json_string(json, "state", states[r->answer.state]);
	put_string(json, "detail", r->answer.detail);
	json_string(json, "need", needs[r->probe->need]);
	put_string(json, "lost", r->probe->lost);
	put_string(json, "option", r->probe->option);
	put_string(json, "since", r->probe->since);
	put_string(json, "remedy", r->remedy);
	json_close(json, '}');
}

static void put_names(struct json *json, const char *key, const struct result *results, size_t n,
		      enum answer_state state)
{
	json_open(json, key, '[');
	for (size_t i = 0; i < n; i++)
		if (results[i].answer.state == state && results[i].probe->need <= NEED_FOR)
			json_string(json, NULL, results[i].probe->name);
	json_close(json, ']');
}

static void put_verdict(struct json *json, struct check *c, const struct result *results, size_t n)
{
	struct verdict v = verdict_of(results, n);

	json_open(json, "verdict", '{');
	json_bool(json, "usable", v.usable == ANSWER_YES);
	json_bool(json, "everything", v.usable == ANSWER_YES && !v.n_missing && !v.n_unknown);
	put_names(json, "missing", results, n, ANSWER_NO);
	put_names(json, "unknown", results, n, ANSWER_UNKNOWN);
	json_string(json, "text", verdict_text(c, results, n, 0) ?: "");
	json_close(json, '}');
}

void report_json(struct check *c, const struct result *results, size_t n, bool only)
{
	struct json json = { .out = stdout };

	json_open(&json, NULL, '{');
	json_number(&json, "schema", SCHEMA);
	json_string(&json, "version", CRBPF_VERSION);
	put_system(&json, &c->distro);
	json_open(&json, "checks", '[');
	for (size_t i = 0; i < n; i++)
		put_result(&json, &results[i]);
	json_close(&json, ']');
	if (only)
		json_null(&json, "verdict");
	else
		put_verdict(&json, c, results, n);
	json_close(&json, '}');
}
