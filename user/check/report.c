// SPDX-License-Identifier: GPL-2.0-only
/* The answers for people, within 80 columns. */
#include <stdio.h>
#include <string.h>

#include "check/check.h"

#define WIDTH  80
#define NAME   30	/* the column after the name */
#define INDENT 11	/* of the lines that explain */

#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define BOLD   "\033[1m"
#define PLAIN  "\033[0m"

/* The length of the next word; of a list without blanks that fits no line, as much as does. */
static size_t next_word(const char *text, size_t width)
{
	size_t n = strcspn(text, " ");
	const char *comma;

	while (n > width && (comma = memrchr(text, ',', n - 1)))
		n = comma + 1 - text;
	return n;
}

/* Words of @text from column @at on; further lines begin at @indent. Ends the line. */
static void print_wrapped(const char *text, size_t at, size_t indent)
{
	size_t n_blanks = 0;

	for (bool is_first = true; *text; is_first = false) {
		size_t n = next_word(text, WIDTH - indent);

		if (!is_first && at + 1 + n > WIDTH) {
			printf("\n%*s", (int)indent, "");
			at = indent;
		} else if (n_blanks) {
			putchar(' ');
			at++;
		}
		printf("%.*s", (int)n, text);
		at += n;
		n_blanks = strspn(text + n, " ");
		text += n + n_blanks;
	}
	putchar('\n');
}

static const char *colour_of(const struct result *r)
{
	if (r->answer.state == ANSWER_YES)
		return GREEN;
	if (r->answer.state == ANSWER_UNKNOWN || r->probe->need != NEED_ALWAYS)
		return r->probe->need == NEED_FACT || r->probe->need == NEED_EXTRA ? "" : YELLOW;
	return RED;
}

static void explain(const char *word, const char *text)
{
	if (!text || !*text)
		return;
	printf("%*s%-6s", 5, "", word);
	print_wrapped(text, INDENT, INDENT);
}

static void print_result(struct check *c, const struct result *r, bool want_colour)
{
	static const char *const words[] = { [ANSWER_UNKNOWN] = "?", [ANSWER_NO] = "no",
					     [ANSWER_YES] = "yes" };
	const struct answer *a = &r->answer;
	const char *colour = want_colour ? colour_of(r) : "";
	const char *text = r->probe->what;

	if (a->state == ANSWER_YES && *a->detail)
		text = arena_printf(&c->arena, "%s: %s", text, a->detail) ?: text;
	printf("%s%-3s%s  %-*s", colour, words[a->state], *colour ? PLAIN : "", NAME - 6,
	       r->probe->name);
	/* A name that is too long for its column pushes the text on. */
	if (strlen(r->probe->name) >= NAME - 6)
		printf("\n%*s", NAME - 1, "");
	print_wrapped(text, NAME - 1, NAME - 1);
	if (a->state == ANSWER_YES)
		return;
	explain("why:", a->detail);
	if (r->probe->need == NEED_FOR)
		explain("lost:", r->probe->lost);
	else if (r->probe->need == NEED_ALWAYS)
		explain("lost:", "everything: crbpf needs it");
	else if (r->probe->need == NEED_EXTRA)
		explain("lost:", "nothing: crbpf does without");
	explain("try:", r->remedy);
}

void report_print(struct check *c, const struct result *results, size_t n, bool only,
		  bool want_colour)
{
	const struct probe_group *group = NULL;
	struct verdict verdict = verdict_of(results, n);
	const char *colour = verdict.usable != ANSWER_YES ? RED :
			     verdict.n_missing || verdict.n_unknown ? YELLOW : GREEN;

	for (size_t i = 0; i < n; i++) {
		if (results[i].answer.is_elsewhere && !only)
			continue;
		if (!only && group != results[i].group)
			printf("%s%s%s%s\n", group ? "\n" : "", want_colour ? BOLD : "",
			       results[i].group->title, want_colour ? PLAIN : "");
		group = results[i].group;
		print_result(c, &results[i], want_colour);
	}
	if (!only)
		printf("\n%s%s%s\n", want_colour ? colour : "",
		       verdict_text(c, results, n, WIDTH) ?: "", want_colour ? PLAIN : "");
}
