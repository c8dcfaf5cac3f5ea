// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "check/check.h"

static bool counts(const struct result *r, enum need need, enum answer_state state)
{
	return r->probe->need == need && r->answer.state == state;
}

static size_t count(const struct result *results, size_t n, enum need need, enum answer_state state)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += counts(&results[i], need, state);
	return found;
}

struct verdict verdict_of(const struct result *results, size_t n)
{
	struct verdict v = { .usable = ANSWER_YES };
	enum need need = NEED_ALWAYS;

	if (count(results, n, NEED_ALWAYS, ANSWER_NO))
		v.usable = ANSWER_NO;
	else if (count(results, n, NEED_ALWAYS, ANSWER_UNKNOWN))
		v.usable = ANSWER_UNKNOWN;
	else
		need = NEED_FOR;
	v.n_missing = count(results, n, need, ANSWER_NO);
	v.n_unknown = count(results, n, need, ANSWER_UNKNOWN);
	return v;
}

/* "a, b and 3 more": names of what has @need and @state, within @width columns after @text. */
static const char *add_names(struct check *c, const char *text, const struct result *results,
			     size_t n, enum need need, enum answer_state state, size_t width)
{
	const size_t room = sizeof(" and 99 more") - 1;
	size_t left = count(results, n, need, state);
	const char *between = " ";

	for (size_t i = 0; i < n && left && text; i++) {
		const char *name = results[i].probe->name;
		size_t end = text ? strlen(text) + strlen(between) + strlen(name) : 0;

		if (!counts(&results[i], need, state))
			continue;
		if (width && end + (left > 1 ? room : 0) > width && *between == ',')
			return arena_printf(&c->arena, "%s and %zu more", text, left);
		text = arena_printf(&c->arena, "%s%s%s", text, between, name);
		between = ", ";
		left--;
	}
	return text;
}

const char *verdict_text(struct check *c, const struct result *results, size_t n, size_t width)
{
	struct verdict v = verdict_of(results, n);

	if (v.usable == ANSWER_NO)
		return add_names(c, "crbpf is not usable because there is no", results, n,
				 NEED_ALWAYS, ANSWER_NO, width);
	if (v.usable == ANSWER_UNKNOWN)
		return add_names(c, "crbpf is not usable because it cannot be told:", results, n,
				 NEED_ALWAYS, ANSWER_UNKNOWN, width);
	if (v.n_missing)
		return add_names(c, "crbpf is usable without", results, n, NEED_FOR, ANSWER_NO,
				 width);
	if (v.n_unknown)
		return add_names(c, "crbpf is usable, perhaps without", results, n, NEED_FOR,
				 ANSWER_UNKNOWN, width);
	return "crbpf is usable with everything it can do";
}
